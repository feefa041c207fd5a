#include "stream.h"

#include <string.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/rare.h"

int64_t stream_unwrap(const struct stream *sender, uint32_t seq)
{
    return sender->snd_max + (int32_t)(seq - (sender->base + (uint32_t)sender->snd_max));
}

/* The number with this low half that is nearest. */
static int64_t nearest(int64_t to, uint32_t low)
{
    return to + (int32_t)(low - (uint32_t)to);
}

int64_t stream_fin_seq(const struct stream *sender)
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
    const int64_t virtual_len =
        (sender->syn_sent || sender->syn_unseen) + (sender->fin_sent && sender->snd_max > stream_fin_seq(sender));

    return (uint64_t)sender->below + (uint64_t)(sender->snd_max > virtual_len ? sender->snd_max - virtual_len : 0);
}

/* NULL: none is kept, of either direction. */
static struct stream_rare *rare_of(struct stream_room room, enum end sender)
{
    return *room.place ? (struct stream_rare *)slab_at(room.slab, *room.place) + sender : NULL;
}

/* As rare_of(), but makes room. NULL: no memory. */
static struct stream_rare *rare_for(struct stream_room room, enum end sender)
{
    if (!*room.place)
        *room.place = slab_take(room.slab);
    return rare_of(room, sender);
}

static bool goes_on_from(uint32_t stray, uint32_t number)
{
    return number - stray <= STREAM_LEAP;
}

/* The last stray was none: its sender goes on from there, or its receiver acknowledges it, or sends what it had acknowledged. */
static RARE bool finds_stray(const struct segment *seg, const struct stream_rare *own, const struct stream_rare *peers)
{
    if (own && own->has_stray && goes_on_from(own->stray_end, seg->seq) && goes_on_from(own->stray_ack, seg->ack) &&
        (seg->payload_len || seg->seq != own->stray_end || seg->ack != own->stray_ack))
        return true;
    return peers && peers->has_stray &&
           (goes_on_from(peers->stray_end, seg->ack) || goes_on_from(peers->stray_ack, seg->seq));
}

/* Nobody counts below his first number, where that was seen. */
static int64_t lowest_of(const struct stream *sender)
{
    return sender->syn_sent || sender->syn_unseen ? 0 : -(INT64_C(1) << STREAM_BELOW_BITS);
}

/* A SYN that its receiver does not take for the beginning. */
static enum stream_fit fit_syn(const struct streams *s, enum end from, const struct segment *seg, bool synchronised)
{
    const struct stream *sender = &s->of[from];

    if (sender->syn_sent ? seg->seq == sender->base : !synchronised)
        return STREAM_FITS;
    return sender->syn_sent && !s->of[!from].acked ? STREAM_RENUMBERS : STREAM_STRAY;
}

enum stream_fit stream_fit(const struct streams *s, enum end from, const struct segment *seg,
                           const struct stream_place *place, const struct stream_edges *edges, struct stream_room room)
{
    const struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    const struct stream_rare *own, *peers;

    if (seg->flags & SEGMENT_SYN)
        return fit_syn(s, from, seg, edges->synchronised);
    if (stream_is_dropped(seg) || (seg->flags & SEGMENT_RST))
        return STREAM_FITS;
    if ((!sender->base_known || (place->seq >= lowest_of(sender) && place->seq <= edges->seq)) &&
        (!receiver->base_known || (place->ack > lowest_of(receiver) - !receiver->syn_sent && place->ack <= edges->ack)))
        return STREAM_FITS;
    own = rare_of(room, from);
    peers = rare_of(room, !from);
    if (peers && peers->has_other_base && !sender->acked && seg->ack == peers->other_base + 1)
        return STREAM_GOES_BACK;
    return finds_stray(seg, own, peers) ? STREAM_FOUND : STREAM_STRAY;
}

/* What an end sent counts from its SYN with this number. */
static void count_from(struct streams *s, enum end sender, uint32_t base, struct stream_room room)
{
    struct stream_rare *rare = rare_of(room, sender);

    s->of[sender].base = base;
    s->of[sender].snd_max = 0;
    s->of[sender].below = 0;
    s->of[sender].fin_sent = false;
    s->of[!sender].rcv_nxt = 0;
    if (rare) {
        rare->count = 0;
        rare->has_damaged = false;
    }
}

/* The numbering of an end's other SYN is in force. */
static RARE void change_base(struct streams *s, enum end sender, uint32_t base, struct stream_room room)
{
    struct stream_rare *rare = rare_for(room, sender);

    if (rare) {
        rare->other_base = s->of[sender].base;
        rare->has_other_base = true;
    }
    count_from(s, sender, base, room);
}

static RARE void remember_stray(enum end from, const struct segment *seg, struct stream_room room)
{
    struct stream_rare *rare = rare_for(room, from);

    if (!rare)
        return;
    rare->stray_end = seg->seq + segment_seq_len(seg);
    rare->stray_ack = seg->ack;
    rare->has_stray = true;
}

void stream_adapt(struct streams *s, enum end from, const struct segment *seg, enum stream_fit fit,
                  struct stream_room room)
{
    switch (fit) {
    case STREAM_RENUMBERS: change_base(s, from, seg->seq, room); break;
    case STREAM_GOES_BACK:
        change_base(s, !from, seg->ack - 1, room);
        s->of[!from].snd_max = s->of[from].rcv_nxt = 1; /* that SYN was captured */
        break;
    case STREAM_STRAY: remember_stray(from, seg, room); break;
    case STREAM_FOUND:
        for (unsigned end = 0; end < END_N; end++)
            if (rare_of(room, end))
                rare_of(room, end)->has_stray = false;
        break;
    case STREAM_FITS: break;
    }
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

struct stream_place stream_number(struct streams *s, enum end from, const struct segment *seg, struct stream_room room)
{
    struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    struct stream_place place = { 0 };

    set_base(sender, seg->seq);
    if ((seg->flags & SEGMENT_SYN) && !sender->syn_sent) {
        /* Fast Open and split handshakes apart, a SYN is where counting starts, even after a stray segment */
        count_from(s, from, seg->seq, room);
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

/* Keeps [start, end), which an end sent beyond a hole. */
static RARE void keep_range(struct stream_room room, enum end sender, int64_t rcv_nxt, int64_t start, int64_t end)
{
    struct stream_rare *r = rare_for(room, sender);
    unsigned first = 0, behind;

    if (!r || end <= start || end - rcv_nxt >= INT32_MAX)
        return;
    while (first < r->count && nearest(rcv_nxt, r->range[first][1]) < start)
        first++;
    for (behind = first; behind < r->count && nearest(rcv_nxt, r->range[behind][0]) <= end; behind++) {
        if (nearest(rcv_nxt, r->range[behind][0]) < start)
            start = nearest(rcv_nxt, r->range[behind][0]);
        if (nearest(rcv_nxt, r->range[behind][1]) > end)
            end = nearest(rcv_nxt, r->range[behind][1]);
    }
    if (behind == first) {
        if (first == LIMIT_HELD_RANGES)
            return;
        if (r->count == LIMIT_HELD_RANGES)
            r->count--;
        memmove(r->range[first + 1], r->range[first], (r->count - first) * sizeof(r->range[0]));
        r->count++;
    } else {
        memmove(r->range[first + 1], r->range[behind], (r->count - behind) * sizeof(r->range[0]));
        r->count -= (uint8_t)(behind - first - 1);
    }
    r->range[first][0] = (uint32_t)start;
    r->range[first][1] = (uint32_t)end;
}

/* Takes [start, end) as captured on its way to an end; keeps what lies beyond a hole. */
static void receive(struct streams *s, enum end receiver, int64_t start, int64_t end, struct stream_room room)
{
    int64_t *rcv_nxt = &s->of[receiver].rcv_nxt;
    struct stream_rare *r;
    unsigned filled = 0;

    if (start > *rcv_nxt) {
        keep_range(room, !receiver, *rcv_nxt, start, end);
        return;
    }
    if (end <= *rcv_nxt)
        return;
    *rcv_nxt = end;
    r = rare_of(room, !receiver);
    if (!r)
        return;
    for (; filled < r->count && nearest(*rcv_nxt, r->range[filled][0]) <= *rcv_nxt; filled++)
        if (nearest(*rcv_nxt, r->range[filled][1]) > *rcv_nxt)
            *rcv_nxt = nearest(*rcv_nxt, r->range[filled][1]);
    r->count -= (uint8_t)filled;
    memmove(r->range, r->range[filled], r->count * sizeof(r->range[0]));
}

uint16_t stream_chosen(struct stream_room room, enum end sender)
{
    const struct stream_rare *r = rare_of(room, sender);

    return r ? r->chosen : 0;
}

void stream_carried(struct stream_room room, enum end sender, uint16_t chosen)
{
    struct stream_rare *r = chosen ? rare_for(room, sender) : NULL;

    if (r)
        r->chosen = chosen;
}

void stream_damaged(const struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                    struct stream_room room)
{
    const int64_t near = s->of[!from].rcv_nxt;
    int64_t start = place->seq, end = place->seq + segment_seq_len(seg);
    struct stream_rare *r = s->of[from].base_known && end > near ? rare_for(room, from) : NULL;

    if (!r)
        return;
    if (r->has_damaged && nearest(near, r->damaged[0]) <= end && nearest(near, r->damaged[1]) >= start) {
        if (nearest(near, r->damaged[0]) < start)
            start = nearest(near, r->damaged[0]);
        if (nearest(near, r->damaged[1]) > end)
            end = nearest(near, r->damaged[1]);
    }
    r->has_damaged = true;
    r->damaged[0] = (uint32_t)start;
    r->damaged[1] = (uint32_t)end;
}

/* Where what is missing from here on begins, if what is damaged is not. */
static int64_t behind_damaged(const struct stream_rare *r, int64_t at)
{
    if (!r || !r->has_damaged || nearest(at, r->damaged[0]) > at || nearest(at, r->damaged[1]) < at)
        return at;
    return nearest(at, r->damaged[1]);
}

unsigned stream_gaps(const struct streams *s, enum end from, const struct segment *seg,
                     const struct stream_place *place, bool or_damaged, struct stream_room room)
{
    const struct stream *receiver = &s->of[!from];
    const struct stream_rare *r;
    int64_t at = s->of[from].rcv_nxt, limit = place->ack;
    unsigned gaps = 0;

    if (!(seg->flags & SEGMENT_ACK) || at >= limit) /* as nearly always */
        return 0;
    if (receiver->fin_sent && limit > stream_fin_seq(receiver))
        limit = stream_fin_seq(receiver);
    r = rare_of(room, !from);
    for (unsigned i = 0; at < limit; i++) {
        const bool more = r && i < r->count;
        const int64_t next = more ? nearest(at, r->range[i][0]) : limit;

        gaps += (next < limit ? next : limit) > (or_damaged ? behind_damaged(r, at) : at);
        at = more ? nearest(at, r->range[i][1]) : limit;
    }
    return gaps;
}

void stream_take(struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                 struct stream_room room)
{
    struct stream *sender = &s->of[from], *receiver = &s->of[!from];
    const bool dropped = stream_is_dropped(seg); /* its FIN takes no place */
    const int64_t end = place->seq + (dropped ? seg->payload_len : segment_seq_len(seg));

    /* the first segment of an end under way says where its stream has got to, unless its peer has said before */
    if (!sender->segments && !sender->syn_sent && !sender->syn_unseen && !receiver->segments &&
        receiver->rcv_nxt < place->seq)
        receiver->rcv_nxt = place->seq;
    if (place->seq < -(int64_t)sender->below)
        sender->below = (uint32_t)-place->seq;
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
    /* it acknowledges what was not captured: it has it nevertheless */
    if ((seg->flags & SEGMENT_ACK) && place->ack > sender->rcv_nxt)
        receive(s, from, sender->rcv_nxt, place->ack, room);
    /* RFC 7413: what a SYN carried is sent again unless the SYN,ACK covers it; one that was answered before says nothing new */
    if ((seg->flags & SEGMENT_SYN) && (seg->flags & SEGMENT_ACK) && place->ack >= 1 && !receiver->acked)
        sender->rcv_nxt = place->ack;
    if ((seg->flags & SEGMENT_ACK) && place->ack > sender->acked)
        sender->acked = place->ack;
    if (sender->acked > receiver->snd_max)
        receiver->snd_max = sender->acked;
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

void stream_assume_fin(struct stream *sender, int64_t ack)
{
    sender->fin_sent = true;
    sender->fin_seq = (uint32_t)(ack - 1);
}
