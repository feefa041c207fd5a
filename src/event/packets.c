/* A ring of bytes. A packet's number is where it begins in the row of all bytes ever put, and one more: whether it is still
 * there follows from how far that has come. A packet lies in one piece: what is left at the ring's end is passed over. */
#include "tcplens/event/packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct packets {
    size_t room;
    uint64_t put; /* bytes so far: where the next one begins */
    uint64_t lost;
    uint8_t *ring;
};

#define ALIGNED(n) (((n) + 7u) & ~(size_t)7)

int packets_new(size_t room, struct packets **ret_packets)
{
    struct packets *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->room = room;
    p->ring = malloc(room);
    if (!p->ring) {
        free(p);
        return -ENOMEM;
    }
    *ret_packets = p;
    return 0;
}

void packets_free(struct packets *p)
{
    if (!p)
        return;
    free(p->ring);
    free(p);
}

uint64_t packets_put(struct packets *p, const struct packet *packet)
{
    const size_t need = ALIGNED(sizeof(*packet) + packet->caplen);
    size_t at = p->put & (p->room - 1);
    uint64_t number;

    if (need > p->room)
        return 0;
    if (need > p->room - at) {
        p->put += p->room - at;
        at = 0;
    }
    memcpy(p->ring + at, packet, sizeof(*packet));
    memcpy(p->ring + at + sizeof(*packet), packet->data, packet->caplen);
    number = p->put + 1;
    p->put += need;
    return number;
}

bool packets_get(struct packets *p, uint64_t number, struct packet *ret_packet)
{
    const uint64_t begin = number - 1;

    if (!number)
        return false;
    if (begin >= p->put || p->put - begin > p->room) {
        p->lost++;
        return false;
    }
    memcpy(ret_packet, p->ring + (begin & (p->room - 1)), sizeof(*ret_packet));
    ret_packet->data = p->ring + (begin & (p->room - 1)) + sizeof(*ret_packet);
    return true;
}

uint64_t packets_lost(const struct packets *p)
{
    return p->lost;
}
