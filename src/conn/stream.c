#include "stream.h"

#include <string.h>

#include "tcplens/base/limits.h"

uint64_t stream_unwrap(const struct stream *sender, uint32_t seq)
{
    const int64_t rel = (int64_t)sender->snd_max + (int32_t)(seq - (uint32_t)(sender->base + sender->snd_max));

    return rel < 0 ? 0 : (uint64_t)rel;
}

/* The number with this low half that is nearest. */
static uint64_t nearest(uint64_t to, uint32_t low)
{
    return to + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)to);
}

uint64_t stream_fin_seq(const struct stream *sender)
{
    return nearest(sender->snd_max, sender->fin_seq);
}

bool stream_fin_acked(const struct streams *s, enum end end)
{
    return s->of[end].fin_sent && s->of[!end].acked > stream_fin_seq(&s->of[end]);
}

unsigned stream_shift(const struct streams *s, enum end end)
{
    return s->of[end].scale_known && s->of[!end].scale_known ? s->of[end].wscale : 0;
}

/* Never scaled on a SYN itself. */
uint64_t stream_window(const struct streams *s, enum end from, const struct segment *seg)
{
    return (uint64_t)seg->window << (seg->flags & SEGMENT_SYN ? 0 : stream_shift(s, from));
}

uint64_t stream_bytes(const struct stream *sender)
{
    const uint64_t virtual_len =
        (sender->syn_sent || sender->syn_unseen) + (sender->fin_sent && sender->snd_max > stream_fin_seq(sender));

    return sender->snd_max > virtual_len ? sender->snd_max - virtual_len : 0;
}

struct stream_place stream_place_of(const struct streams *s, enum end from, const struct segment *seg)
{
    const struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    struct stream_place place = { 0 };

    if (sender->base_known)
        place.seq = stream_unwrap(sender, seg->seq);
    if (receiver->base_known && (seg->flags & SEGMENT_ACK))
        place.ack = stream_unwrap(receiver, seg->ack);
    return place;
}

static void set_base(struct stream *sender, uint32_t base)
{
    if (sender->base_known)
        return;
    sender->base = base;
    sender->base_known = true;
}

struct stream_place stream_number(struct streams *s, enum end from, const struct segment *seg)
{
    struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    struct stream_place place = { 0 };

    set_base(sender, seg->seq);
    if ((seg->flags & SEGMENT_SYN) && !sender->syn_sent) {
        /* Fast Open and split handshakes apart, a SYN is where counting starts, even after a stray segment */
        sender->base = seg->seq;
        sender->snd_max = 0;
        sender->syn_sent = true;
        sender->syn_unseen = false;
    }
    if ((seg->flags & SEGMENT_SYN) && (seg->options & SEGMENT_OPT_WSCALE)) {
        sender->wscale = seg->wscale > 14 ? 14 : seg->wscale; /* RFC 7323 2.3 */
        sender->scale_known = true;
    }
    if (seg->flags & SEGMENT_ACK) {
        const bool opens = (seg->flags & SEGMENT_SYN) || (sender->syn_sent && !(seg->flags & SEGMENT_RST));

        receiver->syn_unseen |= opens && !receiver->base_known;
        set_base(receiver, seg->ack - (receiver->segments || !opens ? 0 : 1));
        place.ack = stream_unwrap(receiver, seg->ack);
    }
    place.seq = stream_unwrap(sender, seg->seq);
    return place;
}

/* NULL: there never was one, at either end. */
static struct stream_holes *holes_of(struct stream_room room, enum end receiver)
{
    return *room.place ? (struct stream_holes *)slab_at(room.slab, *room.place) + receiver : NULL;
}

/* A range that an end received beyond a hole. Without memory it is forgotten. */
static void keep_range(struct stream_room room, enum end receiver, uint64_t rcv_nxt, uint64_t start, uint64_t end)
{
    struct stream_holes *h;

    if (!*room.place)
        *room.place = slab_take(room.slab);
    if (!*room.place)
        return;
    h = holes_of(room, receiver);
    if (h->count < LIMIT_HELD_RANGES && end > start && end - rcv_nxt < INT32_MAX) {
        h->range[h->count][0] = (uint32_t)start;
        h->range[h->count++][1] = (uint32_t)end;
    }
}

/* Takes [start, end) as received by an end; keeps what lies beyond a hole. */
static void receive(struct streams *s, enum end receiver, uint64_t start, uint64_t end, struct stream_room room)
{
    uint64_t *rcv_nxt = &s->of[receiver].rcv_nxt;
    struct stream_holes *h;

    if (start > *rcv_nxt) {
        keep_range(room, receiver, *rcv_nxt, start, end);
        return;
    }
    h = holes_of(room, receiver);
    while (end > *rcv_nxt) {
        *rcv_nxt = end;
        for (unsigned i = 0; h && i < h->count;) {
            uint32_t *range = h->range[i];

            if (nearest(*rcv_nxt, range[0]) > *rcv_nxt) {
                i++;
                continue;
            }
            if (nearest(*rcv_nxt, range[1]) > end)
                end = nearest(*rcv_nxt, range[1]);
            memmove(range, h->range[h->count - 1], sizeof(h->range[0]));
            h->count--;
        }
    }
}

/* Ranges below `limit` that never came. */
static unsigned count_gaps(const struct streams *s, enum end receiver, uint64_t limit, struct stream_room room)
{
    const uint64_t rcv_nxt = s->of[receiver].rcv_nxt;
    const struct stream_holes *h = holes_of(room, receiver);
    uint64_t at = rcv_nxt;
    unsigned gaps = 0;

    while (at < limit) {
        uint64_t next = limit;

        for (unsigned i = 0; h && i < h->count; i++) {
            const uint64_t start = nearest(rcv_nxt, h->range[i][0]), end = nearest(rcv_nxt, h->range[i][1]);

            if (start <= at && end > at)
                next = at = end; /* not missing; look on from its end */
            else if (start > at && start < next)
                next = start;
        }
        if (next > at) {
            gaps++;
            at = next;
        }
    }
    return gaps;
}

unsigned stream_take(struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                     struct stream_room room)
{
    struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    const bool dropped = stream_is_dropped(seg); /* its FIN takes no place */
    const uint64_t end = place->seq + (dropped ? seg->payload_len : segment_seq_len(seg));
    unsigned gaps = 0;

    /* the first segment of an end under way says where its stream has got to */
    if (!sender->segments && !sender->syn_sent && receiver->rcv_nxt < place->seq)
        receiver->rcv_nxt = place->seq;
    if (!(seg->flags & SEGMENT_RST)) {
        if (!dropped)
            receive(s, !from, place->seq, end, room);
        if (end > sender->snd_max)
            sender->snd_max = end;
    }
    if ((seg->flags & SEGMENT_FIN) && !sender->fin_sent && !dropped) {
        sender->fin_sent = true;
        /* at the number of the SYN it is no FIN for the receiver: its own comes after */
        sender->fin_seq = (uint32_t)(end > 1 ? end - 1 : sender->syn_sent || sender->syn_unseen);
    }
    if ((seg->flags & SEGMENT_ACK) && place->ack > sender->rcv_nxt) {
        const bool fin_acked = receiver->fin_sent && place->ack > stream_fin_seq(receiver);

        /* it acknowledges what was not captured: it has it nevertheless */
        gaps = count_gaps(s, from, fin_acked ? stream_fin_seq(receiver) : place->ack, room);
        receive(s, from, sender->rcv_nxt, place->ack, room);
    }
    if ((seg->flags & SEGMENT_ACK) && place->ack > sender->acked)
        sender->acked = place->ack;
    if (sender->acked > receiver->snd_max)
        receiver->snd_max = sender->acked;
    return gaps;
}

void stream_count(struct stream *sender)
{
    if (sender->segments < UINT32_MAX)
        sender->segments++;
}

void stream_reset(struct stream *sender)
{
    sender->rst_sent = true;
}

void stream_assume_fin(struct stream *sender, uint64_t ack)
{
    sender->fin_sent = true;
    sender->fin_seq = (uint32_t)(ack - 1);
}
