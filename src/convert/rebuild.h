/* A packet that shows what a trace tells of a segment: IP and TCP headers, without a link header and without data. */
#ifndef TCPLENS_CONVERT_REBUILD_H
#define TCPLENS_CONVERT_REBUILD_H

#include <stddef.h>

#include "conns.h"

#define REBUILD_MAX 128  /* IPv6 and TCP with all options */
#define REBUILD_LINK 101 /* LINKTYPE_RAW: begins with IP */

/* Returns how many bytes of it there are; *ret_len: as long as it was. The numbers of an end whose first one is not known count
 * from 0; a time to live, an IP identification and urgent pointers are not in a trace. The checksum is right where the segment
 * has no data and all of its header is known; else 0. */
size_t rebuild(const struct change *segment, const struct conn_row *conn, uint8_t buf[static REBUILD_MAX],
               uint32_t *ret_len);

#endif
