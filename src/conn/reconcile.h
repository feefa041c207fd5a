/* Where the witnesses differ. Each end has two lanes, and one is always a little ahead: a packet is on the wire before
 * the kernel has taken it, and a FIN is decided on before it is sent. So a difference counts when it has stood while
 * nothing more happened, or at the end. */
#ifndef TCPLENS_CONN_RECONCILE_H
#define TCPLENS_CONN_RECONCILE_H

#include "life.h"

/* The witnesses differ, which was not told yet. */
bool reconcile_is_due(const struct life *l);
/* Tells of each end whose witnesses differ; once, until one of them moves on. events_lost: so far, by any witness. */
void reconcile(struct life *l, bool events_lost, struct emitter *out, uint64_t ts_ns);

#endif
