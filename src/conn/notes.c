/* Wireshark judges a segment by what it has seen of both directions before, in the order of the capture, and asks neither
 * for states nor for checksums: so does this, apart from the lanes that follow the RFC.
 *
 * Bounded where Wireshark is not: of the segments that wait for their acknowledgment only LIMIT_TIMED_SEGMENTS are timed, per
 * direction, the oldest ones. RFC 6298 section 3 takes no sample from what was sent twice; neither does this. */
#include "notes.h"

#include <string.h>

#include "tcplens/base/limits.h"

#define SHIFT_MAX 14                   /* RFC 7323 2.3 */
#define OUT_OF_ORDER_NS 3000000ull     /* as long as no handshake has told the round-trip time */
#define COPY_NS 200000000ull           /* the least RTO of Linux: later it can have been sent again */
#define COPY_SAME_NS 3000000ull        /* no retransmission timer is this short */
#define COPY_NEXT_NS 1000000ull        /* nor is a tail loss probe: two ticks */
#define FAST_RETRANSMIT_NS 20000000ull /* from the duplicate ACK that asked for it */

static bool seq_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static struct short_time shorten(uint64_t ts_ns)
{
    const uint32_t low = (uint32_t)ts_ns;
    struct short_time t = { .high = (uint16_t)(ts_ns >> 32) };

    memcpy(t.low, &low, sizeof(low));
    return t;
}

/* Exact where it is less than 2^48 ns, three days. */
static uint64_t since(uint64_t ts_ns, struct short_time then)
{
    return (ts_ns - short_time_value(then)) & ((UINT64_C(1) << 48) - 1);
}

/* Captures are not always in the order of time. */
static bool is_backwards(uint64_t since_ns)
{
    return since_ns >> 47;
}

static uint64_t between(struct short_time from, struct short_time to)
{
    return since(short_time_value(to), from);
}

/* It acknowledges what its direction did last, which is any number, 0 too. */
static bool acks_as_before(const struct notes_end *fwd, const struct segment *s)
{
    return (s->flags & SEGMENT_ACK) && (fwd->last & LAST_ACK) && s->ack == fwd->last_ack;
}

/* What repeats the last ACK of its direction but perhaps for the window. */
static bool repeats_ack(const struct notes_end *fwd, const struct segment *s)
{
    return !s->payload_len && !(s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) && fwd->seen &&
           s->seq == fwd->next_seq && acks_as_before(fwd, s);
}

static bool fills_window(const struct notes_lane *lane, const struct streams *streams, enum end from,
                         const struct segment *s)
{
    const struct notes_end *peer = &lane->end[!from];
    uint32_t window = peer->window;

    if (!s->payload_len || (s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || !streams->of[!from].syn_sent ||
        !peer->seen)
        return false;
    if (!(peer->last & LAST_SYN))
        window <<= stream_shift(streams, !from);
    return s->seq + s->payload_len == peer->last_ack + window;
}

/* What the sender says beside its data: probes, keep-alives, windows, duplicate ACKs. */
static uint32_t note_acknowledging(struct notes_lane *lane, const struct streams *streams, enum end from,
                                   const struct segment *s)
{
    struct notes_end *fwd = &lane->end[from];
    const struct notes_end *rev = &lane->end[!from];
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
    if (fills_window(lane, streams, from, s))
        notes |= NOTE_WINDOW_FULL;
    if (!repeats || s->window != last_window)
        return notes;
    if (s->window && (rev->last & LAST_KEEP_ALIVE))
        return notes | NOTE_KEEP_ALIVE_ACK;
    if (!s->window && (rev->last & LAST_PROBE))
        return notes | NOTE_ZERO_WINDOW_PROBE_ACK;
    if (s->window) {
        if (fwd->dup_acks < UINT16_MAX)
            fwd->dup_acks++;
        notes |= NOTE_DUPLICATE_ACK;
    }
    return notes;
}

/* Does the segment bring what was sent before, and why? */
static uint32_t note_repeated(const struct notes_lane *lane, enum end from, const struct segment *s, uint64_t ts_ns)
{
    const struct notes_end *fwd = &lane->end[from], *rev = &lane->end[!from];
    const uint32_t end = s->seq + s->payload_len, virtual_len = !!(s->flags & (SEGMENT_SYN | SEGMENT_FIN));
    uint64_t out_of_order_ns;
    bool behind;

    if (!s->payload_len && !virtual_len)
        return 0;
    behind = fwd->seen && seq_after(fwd->next_seq, s->seq);
    /* the byte that a zero window probe carried comes again with more */
    if (s->payload_len > 1 && s->seq == fwd->next_seq - 1)
        behind = false;
    if (s->payload_len && (rev->last & LAST_ACK) && !seq_after(end, rev->last_ack))
        return NOTE_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION;
    if (!behind)
        return 0;
    if (rev->dup_acks >= 2 && rev->last_ack == s->seq && since(ts_ns, rev->last_at) < FAST_RETRANSMIT_NS)
        return NOTE_RETRANSMISSION | NOTE_FAST_RETRANSMISSION;
    out_of_order_ns = lane->handshake_known ? lane->handshake_ns : OUT_OF_ORDER_NS;
    if (since(ts_ns, fwd->next_seq_at) < out_of_order_ns && fwd->next_seq != end + virtual_len)
        return NOTE_OUT_OF_ORDER;
    return NOTE_RETRANSMISSION;
}

static uint8_t place_of(const struct segment *s)
{
    return (uint8_t)((s->seq + s->payload_len * 0x85ebca6bu) * 0x9e3779b1u >> 24);
}

/* The last segment of its direction once more, which is no ACK alone: those are repeated. */
static bool is_next_copy(const struct notes_end *fwd, const struct segment *s, uint64_t ts_ns)
{
    const uint32_t end = s->seq + s->payload_len + !!(s->flags & (SEGMENT_SYN | SEGMENT_FIN));

    return fwd->seen && end != s->seq && !seq_after(end, fwd->next_seq) &&
           (acks_as_before(fwd, s) || !((s->flags & SEGMENT_ACK) || (fwd->last & LAST_ACK))) &&
           s->window == fwd->window && place_of(s) == fwd->place && since(ts_ns, fwd->last_at) < COPY_NEXT_NS;
}

static uint32_t timed_end(const struct notes_end *e, unsigned i)
{
    uint32_t end;

    memcpy(&end, e->timed[i].end, sizeof(end));
    return end;
}

/* Times a new segment, or forgets those that this one sends again. */
static void time_segment(struct notes_end *fwd, const struct segment *s, uint32_t notes, uint64_t ts_ns)
{
    const uint32_t end = s->seq + segment_seq_len(s);
    unsigned kept = 0;

    if (s->seq == end || (s->flags & SEGMENT_RST) || (notes & NOTE_COPY))
        return;
    /* a keep-alive's byte is sent again too */
    if (notes & (NOTE_RETRANSMISSION | NOTE_OUT_OF_ORDER | NOTE_KEEP_ALIVE)) {
        for (unsigned i = 0; i < fwd->timed_count; i++)
            if (!seq_after(timed_end(fwd, i), s->seq) || seq_after(timed_end(fwd, i), end))
                fwd->timed[kept++] = fwd->timed[i];
        fwd->timed_count = kept;
    } else if (fwd->timed_count < LIMIT_TIMED_SEGMENTS) {
        memcpy(fwd->timed[fwd->timed_count].end, &end, sizeof(end));
        fwd->timed[fwd->timed_count++].at = shorten(ts_ns);
    }
}

/* The time from a segment to the ACK that ends exactly with it; 0: none is known. */
static uint64_t sample_rtt(struct notes_end *rev, const struct segment *s, uint64_t ts_ns)
{
    uint64_t rtt_ns = 0;
    unsigned kept = 0;

    if (!(s->flags & SEGMENT_ACK))
        return 0;
    for (unsigned i = 0; i < rev->timed_count; i++) {
        if (timed_end(rev, i) == s->ack)
            rtt_ns = since(ts_ns, rev->timed[i].at);
        if (seq_after(timed_end(rev, i), s->ack))
            rev->timed[kept++] = rev->timed[i];
    }
    rev->timed_count = kept;
    return is_backwards(rtt_ns) ? 0 : rtt_ns;
}

/* From the last SYN to the first ACK that is none. */
static void time_handshake(struct notes_lane *lane, const struct segment *s, uint64_t ts_ns)
{
    if (lane->handshake_known)
        return;
    if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN) {
        lane->handshake_ns = ts_ns;
    } else if (!(s->flags & SEGMENT_SYN) && (s->flags & SEGMENT_ACK) && lane->handshake_ns &&
               ts_ns > lane->handshake_ns) {
        lane->handshake_ns = ts_ns - lane->handshake_ns;
        lane->handshake_known = 1;
    }
}

static void remember(struct notes_end *fwd, const struct segment *s, uint32_t notes, uint64_t ts_ns)
{
    const uint32_t next = s->seq + s->payload_len + !!(s->flags & (SEGMENT_SYN | SEGMENT_FIN));

    if (!(notes & NOTE_ZERO_WINDOW_PROBE)) {
        if (!fwd->seen || seq_after(next, fwd->next_seq)) {
            fwd->next_seq = next;
            fwd->next_seq_at = shorten(ts_ns);
        }
        fwd->seen = true;
    }
    fwd->place = place_of(s);
    fwd->window = s->window;
    fwd->last_ack = s->ack;
    fwd->last_at = shorten(ts_ns);
    fwd->last = (s->flags & SEGMENT_ACK ? LAST_ACK : 0) | (s->flags & SEGMENT_SYN ? LAST_SYN : 0) |
                (notes & NOTE_KEEP_ALIVE ? LAST_KEEP_ALIVE : 0) | (notes & NOTE_ZERO_WINDOW_PROBE ? LAST_PROBE : 0);
}

bool notes_is_copy(const struct notes_lane *lane, const struct streams *streams, enum end from, const struct segment *s,
                   uint64_t ts_ns)
{
    const struct notes_end *w = &lane->end[from];

    if (s->ifindex == w->ifindex || !streams->of[from].segments || since(ts_ns, w->last_at) >= COPY_NS)
        return false;
    if ((s->flags & SEGMENT_RST) && !streams->of[from].rst_sent)
        return false;
    if ((s->flags & SEGMENT_ACK) && (!(w->last & LAST_ACK) || seq_after(s->ack, w->last_ack)))
        return false;
    if ((w->last & LAST_PROBE) && s->payload_len == 1 && s->seq == w->next_seq)
        return true;
    return !seq_after(s->seq + segment_seq_len(s), w->next_seq);
}

void notes_renumber(struct notes_lane *lane, enum end end)
{
    lane->end[end].seen = false;
    lane->end[end].timed_count = 0;
    lane->end[end].repeats = 0;
    lane->end[!end].last &= ~LAST_ACK;
}

/* Only where both SYNs have been seen the shift is known; one that does not offer it rules it out. */
static int64_t window_at_most(const struct streams *s, enum end end, uint16_t window)
{
    const int64_t most = (int64_t)window << SHIFT_MAX;
    const struct stream *client = &s->of[END_CLIENT], *server = &s->of[END_SERVER];

    if (client->syn_sent && server->syn_sent)
        return (int64_t)window << stream_shift(s, end);
    if ((client->syn_sent && !client->scale_known) || (server->syn_sent && !server->scale_known))
        return window;
    return most < STREAM_LEAP ? most : STREAM_LEAP;
}

int64_t notes_window(const struct notes_lane *lane, const struct streams *streams, enum end end)
{
    const struct notes_end *e = &lane->end[end];

    return e->last & LAST_SYN ? e->window : window_at_most(streams, end, e->window);
}

int64_t notes_window_of(const struct streams *streams, enum end from, const struct segment *seg)
{
    return seg->flags & SEGMENT_SYN ? seg->window : window_at_most(streams, from, seg->window);
}

/* One that came again can be the network's doing: only the second time says that nobody answers. */
#define REPEATS_MIN 2

struct stalled notes_stalled(const struct notes_lane *lane, const struct streams *streams, enum end end)
{
    const struct notes_end *fwd = &lane->end[end], *rev = &lane->end[!end];
    struct stalled s = { .end = end, .count = fwd->repeats };

    if (fwd->seen && rev->seen && !rev->window && !streams->of[!end].rst_sent) {
        s.what = STALL_ZERO_WINDOW;
        s.ns =
            between(fwd->next_seq_at, is_backwards(between(rev->last_at, fwd->last_at)) ? rev->last_at : fwd->last_at);
    } else if (fwd->repeats >= REPEATS_MIN && (fwd->last & LAST_KEEP_ALIVE)) {
        s.what = STALL_KEEP_ALIVES;
        s.ns = between(rev->last_at, fwd->last_at);
    } else if (fwd->repeats >= REPEATS_MIN && streams->of[!end].acked < streams->of[end].snd_max) {
        s.what = STALL_RETRANSMISSIONS;
        s.ns = (uint64_t)((uint32_t)(short_time_value(fwd->last_at) >> 16) - fwd->repeats_at) << 16;
    }
    return s;
}

uint64_t notes_silence(const struct notes_lane *lane, enum end end)
{
    const uint64_t ns = between(lane->end[end].last_at, lane->end[!end].last_at);

    return is_backwards(ns) ? 0 : ns;
}

/* Counts in vain what is sent again, but no copies; of a peer that is never seen it is not known what it answers. It began with
 * what was sent just before, which is what is sent again. */
static void count_repeat(struct notes_end *fwd, const struct notes_end *rev, const struct segment *s,
                         const struct notes *n)
{
    const bool probes = n->notes & (NOTE_KEEP_ALIVE | NOTE_ZERO_WINDOW_PROBE);

    if (!rev->seen && !n->notes && segment_seq_len(s))
        fwd->repeats = 0;
    if (!n->again || !(probes ? rev->seen : !!(n->notes & NOTE_RETRANSMISSION)))
        return;
    if (!fwd->repeats)
        fwd->repeats_at = (uint32_t)(short_time_value(fwd->last_at) >> 16);
    if (fwd->repeats < UINT16_MAX)
        fwd->repeats++;
}

void notes_segment(struct notes_lane *lane, const struct streams *streams, enum end from, const struct segment *s,
                   uint64_t ts_ns, struct notes *ret_notes)
{
    struct notes_end *fwd = &lane->end[from], *rev = &lane->end[!from];
    const bool acks_anew = (s->flags & SEGMENT_ACK) && !acks_as_before(fwd, s);
    struct notes *n = ret_notes;

    fwd->ifindex = s->ifindex;
    n->again = since(ts_ns, fwd->last_at) > COPY_SAME_NS;
    n->notes = note_acknowledging(lane, streams, from, s);
    n->dup_ack = n->notes & NOTE_DUPLICATE_ACK ? fwd->dup_acks : 0;
    /* whatever comes answers a probe */
    if (acks_anew || (rev->last & (LAST_KEEP_ALIVE | LAST_PROBE)))
        rev->repeats = 0;
    if (acks_anew)
        fwd->dup_acks = 0;
    if (!(n->notes & NOTE_KEEP_ALIVE))
        n->notes |= note_repeated(lane, from, s, ts_ns);
    if (is_next_copy(fwd, s, ts_ns))
        n->notes |= NOTE_COPY;
    count_repeat(fwd, rev, s, n);
    n->rtt_ns = sample_rtt(rev, s, ts_ns);
    time_handshake(lane, s, ts_ns);
    time_segment(fwd, s, n->notes, ts_ns);
    remember(fwd, s, n->notes, ts_ns);
    if (s->bad_checksum)
        n->notes |= NOTE_BAD_CHECKSUM;
}
