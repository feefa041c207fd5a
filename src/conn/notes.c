/* What analysis says about a segment, by Wireshark's definitions (its User's Guide, "TCP Analysis"), so that users can
 * compare. Wireshark judges a segment by what it has seen of both directions before, in the order of the capture, and
 * asks neither for states nor for checksums: so does this, apart from the lanes that follow the RFC.
 *
 * Bounded where Wireshark is not: of the segments that wait for their acknowledgment only CONN_TIMED_MAX are timed, per
 * direction, the oldest ones. RFC 6298 section 3 takes no sample from what was sent twice; neither does this. */
#include "conn_private.h"

#define OUT_OF_ORDER_NS 3000000ull     /* as long as no handshake has told the round-trip time */
#define COPY_NS 200000000ull           /* the least RTO of Linux: later it can have been sent again */
#define FAST_RETRANSMIT_NS 20000000ull /* from the duplicate ACK that asked for it */

static bool seq_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static struct short_time shorten(uint64_t ts_ns)
{
    return (struct short_time){ { (uint16_t)ts_ns, (uint16_t)(ts_ns >> 16), (uint16_t)(ts_ns >> 32) } };
}

/* Exact where it is less than 2^48 ns, three days. */
static uint64_t since(uint64_t ts_ns, struct short_time then)
{
    const uint64_t kept = then.parts[0] | (uint64_t)then.parts[1] << 16 | (uint64_t)then.parts[2] << 32;

    return (ts_ns - kept) & ((UINT64_C(1) << 48) - 1);
}

/* What repeats the last ACK of its direction but perhaps for the window. */
static bool repeats_ack(const struct wire_lane *fwd, const struct segment *s)
{
    return !s->payload_len && !(s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) && fwd->seen &&
           s->seq == fwd->next_seq && s->ack == fwd->last_ack;
}

static bool fills_window(const struct conn *c, enum end from, const struct segment *s)
{
    const struct wire_lane *peer = &c->end[!from].wire;
    uint32_t window = peer->window;

    if (!s->payload_len || (s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || !peer->syn_sent || !peer->seen)
        return false;
    if (!peer->window_of_syn)
        window <<= wire_shift(c, !from);
    return s->seq + s->payload_len == peer->last_ack + window;
}

/* What the sender says beside its data: probes, keep-alives, windows, duplicate ACKs. */
static uint32_t acknowledging(struct conn *c, enum end from, const struct segment *s)
{
    struct wire_lane *fwd = &c->end[from].wire;
    const struct wire_lane *rev = &c->end[!from].wire;
    const uint32_t last_window = fwd->window;
    const bool control = s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST), repeats = repeats_ack(fwd, s);
    uint32_t notes = 0;

    if (s->payload_len == 1 && fwd->seen && s->seq == fwd->next_seq && rev->seen && !rev->window)
        return NOTE_ZERO_WINDOW_PROBE;
    if (!s->window && !control)
        notes |= NOTE_ZERO_WINDOW;
    if (fwd->seen && seq_after(s->seq, fwd->next_seq) && !(s->flags & SEGMENT_RST))
        notes |= NOTE_LOST_SEGMENT;
    if (fwd->seen && s->payload_len <= 1 && s->seq == fwd->next_seq - 1 && !control)
        notes |= NOTE_KEEP_ALIVE;
    if (repeats && s->window && s->window != last_window)
        notes |= NOTE_WINDOW_UPDATE;
    if (fills_window(c, from, s))
        notes |= NOTE_WINDOW_FULL;
    if (!repeats || s->window != last_window)
        return notes;
    if (s->window && rev->last_keep_alive)
        return notes | NOTE_KEEP_ALIVE_ACK;
    if (!s->window && rev->last_probe)
        return notes | NOTE_ZERO_WINDOW_PROBE_ACK;
    if (s->window) {
        if (fwd->dup_acks < INT16_MAX)
            fwd->dup_acks = fwd->dup_acks < 0 ? 1 : fwd->dup_acks + 1;
        notes |= NOTE_DUPLICATE_ACK;
    }
    return notes;
}

/* Acknowledges beyond what was captured of the peer without a hole. Told once for each hole. */
static uint32_t acked_unseen(struct wire_lane *rev, const struct segment *s)
{
    bool first;

    if (!(s->flags & SEGMENT_ACK) || !rev->seen || !seq_after(s->ack, rev->max_acked))
        return 0;
    if (seq_after(rev->max_acked, rev->next_seq)) {
        rev->max_acked = rev->next_seq;
        return NOTE_ACKED_UNSEEN;
    }
    first = rev->dup_acks == 0;
    rev->dup_acks = -1;
    return first ? NOTE_ACKED_UNSEEN : 0;
}

/* Does the segment bring what was sent before, and why? */
static uint32_t repeated(const struct conn *c, enum end from, const struct segment *s, uint64_t ts_ns)
{
    const struct wire_lane *fwd = &c->end[from].wire, *rev = &c->end[!from].wire;
    const uint32_t end = s->seq + s->payload_len, virtual_len = !!(s->flags & (SEGMENT_SYN | SEGMENT_FIN));
    const uint64_t out_of_order_ns = c->rtt_ns ? c->rtt_ns : OUT_OF_ORDER_NS;
    bool behind = fwd->seen && seq_after(fwd->next_seq, s->seq);

    if (!s->payload_len && !virtual_len)
        return 0;
    /* the byte that a zero window probe carried comes again with more */
    if (s->payload_len > 1 && s->seq == fwd->next_seq - 1)
        behind = false;
    if (s->payload_len && rev->seen && rev->last_ack && !seq_after(end, rev->last_ack))
        return NOTE_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION;
    if (!behind)
        return 0;
    if (rev->dup_acks >= 2 && rev->last_ack == s->seq && since(ts_ns, rev->last_at) < FAST_RETRANSMIT_NS)
        return NOTE_RETRANSMISSION | NOTE_FAST_RETRANSMISSION;
    if (since(ts_ns, fwd->next_seq_at) < out_of_order_ns && fwd->next_seq != end + virtual_len)
        return NOTE_OUT_OF_ORDER;
    return NOTE_RETRANSMISSION;
}

/* Times a new segment, or forgets those that this one sends again. */
static void time_segment(struct wire_lane *fwd, const struct segment *s, uint32_t notes, uint64_t ts_ns)
{
    const uint32_t end = s->seq + segment_seq_len(s);
    unsigned kept = 0;

    if (s->seq == end || (s->flags & SEGMENT_RST))
        return;
    if (notes & (NOTE_RETRANSMISSION | NOTE_OUT_OF_ORDER)) {
        for (unsigned i = 0; i < fwd->timed_count; i++)
            if (!seq_after(fwd->timed[i].end, s->seq) || seq_after(fwd->timed[i].end, end))
                fwd->timed[kept++] = fwd->timed[i];
        fwd->timed_count = kept;
    } else if (fwd->timed_count < CONN_TIMED_MAX) {
        fwd->timed[fwd->timed_count].end = end;
        fwd->timed[fwd->timed_count++].ts_ns = ts_ns;
    }
}

/* The time from a segment to the ACK that ends exactly with it; 0: none is known. */
static uint64_t sample_rtt(struct wire_lane *rev, const struct segment *s, uint64_t ts_ns)
{
    uint64_t rtt_ns = 0;
    unsigned kept = 0;

    if (!(s->flags & SEGMENT_ACK))
        return 0;
    for (unsigned i = 0; i < rev->timed_count; i++) {
        if (rev->timed[i].end == s->ack)
            rtt_ns = ts_ns - rev->timed[i].ts_ns;
        if (seq_after(rev->timed[i].end, s->ack))
            rev->timed[kept++] = rev->timed[i];
    }
    rev->timed_count = kept;
    return (int64_t)rtt_ns > 0 ? rtt_ns : 0;
}

/* From the last SYN to the first ACK that is none: what Wireshark calls the initial round-trip time. */
static void time_handshake(struct conn *c, const struct segment *s, uint64_t ts_ns)
{
    if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN)
        c->syn_ns = ts_ns;
    else if (!(s->flags & SEGMENT_SYN) && (s->flags & SEGMENT_ACK) && c->syn_ns && !c->rtt_ns && ts_ns > c->syn_ns)
        c->rtt_ns = ts_ns - c->syn_ns;
}

static void remember(struct wire_lane *fwd, const struct segment *s, uint32_t notes, uint64_t ts_ns)
{
    const uint32_t next = s->seq + s->payload_len + !!(s->flags & (SEGMENT_SYN | SEGMENT_FIN));

    if (!(notes & NOTE_ZERO_WINDOW_PROBE)) {
        const bool follows = fwd->seen && s->seq == fwd->max_acked;

        if (!fwd->seen || seq_after(next, fwd->next_seq)) {
            fwd->next_seq = next;
            fwd->next_seq_at = shorten(ts_ns);
        }
        if (!fwd->seen || follows)
            fwd->max_acked = fwd->next_seq;
        fwd->seen = true;
    }
    fwd->window = s->window;
    fwd->window_of_syn = !!(s->flags & SEGMENT_SYN);
    fwd->last_ack = s->ack;
    fwd->last_at = shorten(ts_ns);
    fwd->last_keep_alive = !!(notes & NOTE_KEEP_ALIVE);
    fwd->last_probe = !!(notes & NOTE_ZERO_WINDOW_PROBE);
}

bool conn_is_copy(const struct conn *c, enum end from, const struct segment *s, uint64_t ts_ns)
{
    const struct wire_lane *w = &c->end[from].wire;
    const bool probe = w->last_probe && s->payload_len == 1 && s->seq == w->next_seq;

    if (s->ifindex == w->ifindex || since(ts_ns, w->last_at) >= COPY_NS)
        return false;
    if ((s->flags & SEGMENT_RST) && !w->rst_sent)
        return false;
    if ((s->flags & SEGMENT_ACK) && seq_after(s->ack, w->last_ack))
        return false;
    return probe || !seq_after(s->seq + segment_seq_len(s), w->next_seq);
}

struct finding conn_analyse(struct conn *c, enum end from, const struct segment *s, uint64_t ts_ns)
{
    struct wire_lane *fwd = &c->end[from].wire, *rev = &c->end[!from].wire;
    struct finding f = { 0 };

    f.notes = acknowledging(c, from, s);
    if (f.notes & NOTE_DUPLICATE_ACK)
        f.dup_ack = (uint32_t)fwd->dup_acks;
    if (s->ack != fwd->last_ack)
        fwd->dup_acks = 0;
    f.notes |= acked_unseen(rev, s);
    if (!(f.notes & NOTE_KEEP_ALIVE))
        f.notes |= repeated(c, from, s, ts_ns);
    f.rtt_ns = sample_rtt(rev, s, ts_ns);
    time_handshake(c, s, ts_ns);
    time_segment(fwd, s, f.notes, ts_ns);
    remember(fwd, s, f.notes, ts_ns);
    if (s->bad_checksum)
        f.notes |= NOTE_BAD_CHECKSUM;
    return f;
}
