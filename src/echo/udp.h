/*
 * udp.h - what udp-server and udp-client agree on.
 */
#ifndef ECHO_UDP_H
#define ECHO_UDP_H

enum {
    UDP_BUFFER_MAX = 65535,  /* no datagram is longer */
    UDP_MESSAGE_MAX = 65507, /* payload over IPv4: 65535 less 20 of IP and 8 of UDP; more is EMSGSIZE */
};

#endif
