/* Packets as they were captured, kept until the events made of them are let go in their order. Bounded: where room is
 * short, the oldest make way for new ones. */
#ifndef TCPLENS_EVENT_PACKETS_H
#define TCPLENS_EVENT_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One packet; data is borrowed. */
struct packet {
    uint64_t ts_ns; /* UNIX time */
    int dlt;        /* libpcap's DLT_ value, or the LINKTYPE_ of a file */
    uint32_t caplen, len;
    uint64_t frame; /* number in the capture file, from 1; 0: live */
    const uint8_t *data;
};

/* Takes a packet as it is read. Returns what its event is to be marked with (event.packet). */
typedef uint64_t (*packet_fn)(void *arg, const struct packet *packet);

struct packets;

/* room: bytes, a power of two. 0 or -ENOMEM. */
int packets_new(size_t room, struct packets **ret_packets) __attribute__((warn_unused_result));
void packets_free(struct packets *packets); /* NULL is fine */

/* Copies it. Returns its number, from 1; 0: it is larger than all the room. */
uint64_t packets_put(struct packets *packets, const struct packet *packet);
/* The packet of that number, valid until the next one is put. False: it had to make way, which is counted. */
bool packets_get(struct packets *packets, uint64_t number, struct packet *ret_packet);
/* How many were asked for in vain. */
uint64_t packets_lost(const struct packets *packets);

#endif
