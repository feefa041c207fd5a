/* The roof of the engine: it finds the connection that an event is about, once, and hands it to each lane in turn. Lanes
 * neither look for connections nor end them.
 *
 * lives.c finds, begins and ends them; engine_segment.c hands segments down, engine_icmp.c what others say of them,
 * engine_datagram.c what is not TCP, engine_kernel.c what kernels tell; engine.c is
 * what others see, and knows what is due when. */
#ifndef TCPLENS_CONN_ROOF_H
#define TCPLENS_CONN_ROOF_H

#include "lives.h"

/* Each returns the life the event was about, or NULL. */
struct life *engine_segment(struct conn_engine *g, const struct event *e);
struct life *engine_arrival(struct conn_engine *g, const struct event *e);
struct life *engine_icmp(struct conn_engine *g, const struct event *e);
void engine_datagram(struct conn_engine *g, const struct event *e);
struct life *engine_kernel(struct conn_engine *g, const struct event *e);
/* EVENT_SURVEYED: what of this life has not been shown is gone. Whether anything was. */
bool engine_kernel_surveyed(struct conn_engine *g, const struct event *e, struct life *l);

#endif
