/* What a lab asks of rtnetlink(7), of the namespace this process is in. Each: 0 or -errno. */
#ifndef TCPLENS_LAB_NETLINK_H
#define TCPLENS_LAB_NETLINK_H

#include <netinet/in.h>
#include <stdint.h>

#define MAC_LEN 6

/* A pair of interfaces: `here` in this namespace, `there` in the one that fd holds. */
int netlink_add_pair(const char *here, const uint8_t here_mac[MAC_LEN], const char *there,
                     const uint8_t there_mac[MAC_LEN], int fd) __attribute__((warn_unused_result));
int netlink_add_address(const char *interface, struct in_addr address, unsigned prefix)
    __attribute__((warn_unused_result));
/* Who has this address is known, once and for all: nobody asks. */
int netlink_add_neighbour(const char *interface, struct in_addr address, const uint8_t mac[MAC_LEN])
    __attribute__((warn_unused_result));
int netlink_up(const char *interface) __attribute__((warn_unused_result));
/* Segments cross it as they are sent: the kernel neither joins nor cuts them, and fills all checksums in. */
int netlink_no_offload(const char *interface) __attribute__((warn_unused_result));

#endif
