/* A datagram is told as it is: there is no state to be in. */
#include "roof.h"

void engine_datagram(struct conn_engine *g, const struct event *e)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_DATAGRAM);
    change.datagram.datagram = e->datagram;
    change.datagram.sender = socket_at(&g->sockets, &e->datagram.src, e->netns);
    change.datagram.receiver = socket_at(&g->sockets, &e->datagram.dst, e->netns);
    change.datagram.lost = e->datagram_lost;
    change.datagram.frame = e->frame;
    emit(&g->out, e->ts_ns, &change);
}
