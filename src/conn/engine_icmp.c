/* An ICMP error is told with the connection whose segment it quotes. What it means is for the judges: Linux takes most of them
 * for passing trouble. It moves no state of who sent the segment; what was inferred of its receiver is taken back. */
#include "roof.h"

struct life *engine_icmp(struct conn_engine *g, const struct event *e)
{
    struct life *l = lives_find(g, e, table_hash(&g->conns, e));
    struct change change NO_ZEROS;
    enum end end;

    if (!l) {
        g->strays.icmp_errors++;
        return NULL;
    }
    end = conn_end_of(&l->conn, &e->local);
    l->wire.icmp[end] = (uint8_t)(1 + e->icmp.error);
    if (l->has_kernel)
        kernel_saw_icmp(&l->kernel->lane, &l->conn.ends, end, e->icmp.error, addr_is_ipv4(&e->local.addr));
    change_init(&change, CHANGE_ICMP);
    change.conn = l->conn.number;
    change.end = end;
    change.icmp.error = e->icmp.error;
    change.icmp.by = e->icmp.by;
    change.icmp.seq = e->icmp.seq;
    change.icmp.mtu = e->icmp.mtu;
    change.icmp.frame = e->frame;
    wire_undelivered(&g->out, &l->conn, &l->wire, end, e->icmp.seq, emit(&g->out, e->ts_ns, &change), e->ts_ns);
    return l;
}
