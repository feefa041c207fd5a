/* Segments that no socket sends. */
#ifndef TCPLENS_LAB_RAW_H
#define TCPLENS_LAB_RAW_H

#include <netinet/in.h>
#include <stdint.h>

/* Sends so many SYNs, each from a port of its own (1024 and up), and takes no notice of what is answered. Needs CAP_NET_RAW. How
 * many were sent, or -errno. */
int64_t raw_send_syns(struct in_addr from, const struct sockaddr_in *to, long count);

#endif
