/* What a captured packet is to the model: the same live and from a file. */
#ifndef TCPLENS_EVENT_PACKET_H
#define TCPLENS_EVENT_PACKET_H

#include <string.h>

#include "tcplens/event/event.h"

/* What an ICMP error quotes, where it was a datagram. */
static inline struct datagram packet_refused(const struct icmp *icmp)
{
    return (struct datagram){
        .src = icmp->src, .dst = icmp->dst, .len = icmp->len, .is_error = true, .error = icmp->error, .by = icmp->by
    };
}

static inline void packet_header(const struct segment_aside *aside, bool wanted, struct segment_header *ret_header)
{
    ret_header->len = wanted ? aside->header_len : 0;
    if (wanted)
        memcpy(ret_header->bytes, aside->header, aside->header_len);
}

/* Completes an event, whose segment is filled in where there is one. False: it is none that is wanted. datagrams: these are.
 * headers: those of segments are. */
static inline bool packet_event(struct event *e, enum segment_result result, const struct segment_aside *aside,
                                bool datagrams, bool headers)
{
    if (result == SEGMENT_OK) {
        e->kind = EVENT_SEGMENT;
        e->fate = FATE_UNSAID;
        packet_header(aside, headers, &e->header);
        e->local = e->segment.src;
        e->remote = e->segment.dst;
    } else if (result == SEGMENT_ICMP && !aside->icmp.of_udp) {
        e->kind = EVENT_ICMP;
        e->icmp = aside->icmp;
        e->local = aside->icmp.src;
        e->remote = aside->icmp.dst;
    } else if (datagrams && (result == SEGMENT_ICMP || result == SEGMENT_UDP)) {
        e->kind = EVENT_DATAGRAM;
        e->datagram_lost = false;
        e->datagram = result == SEGMENT_UDP ? aside->datagram : packet_refused(&aside->icmp);
        e->local = e->datagram.src;
        e->remote = e->datagram.dst;
    } else {
        return false;
    }
    e->tunnel = aside->tunnel;
    return true;
}

#endif
