/* Dates as text: RFC 3339, nanoseconds, UTC. */
#ifndef TCPLENS_BASE_DATE_H
#define TCPLENS_BASE_DATE_H

#include <stdint.h>

#define DATE_TEXT_MAX 48
/* "2026-11-21T10:35:12.868538113Z". ts_ns: UNIX time. Returns buf. */
const char *date_format(uint64_t ts_ns, char buf[static DATE_TEXT_MAX]);

#endif
