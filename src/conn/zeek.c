/* The letters follow another model than the RFC's: an end is closed once its FIN was seen, a SYN,ACK establishes both ends,
 * the sequence numbers of FIN and RST are not asked for. So they have a lane of their own, and nothing else reads it.
 *
 * The originator is who sent the first packet, unless that came from a port where servers are and was no SYN: then the
 * direction is flipped, which the history notes as ^. It is mostly, not always, the client of the trace. */
#include "zeek.h"

#include <string.h>

#include "tcplens/base/rare.h"
#include "tcplens/tcp/port.h"

enum { INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET };

/* Bits of zeek_end.seen: told once. */
enum { SEEN_SYN = 1, SEEN_FIN = 2, SEEN_RST = 4, SEEN_DATA = 8, SEEN_ACK = 16, SEEN_FIN_RST = 32, SEEN_MULTI = 64 };

/* A SYN or RST so far off says nothing about where the stream is. */
#define TRUSTED_JUMP 1048576

static void append(struct zeek_lane *lane, char letter)
{
    size_t len = strlen(lane->history);

    if (len + 1 < sizeof(lane->history))
        lane->history[len] = letter;
}

static void note(struct zeek_lane *lane, enum end end, char letter)
{
    append(lane, end == lane->originator ? (char)(letter - 'a' + 'A') : letter);
}

static bool note_once(struct zeek_lane *lane, enum end end, uint8_t bit, char letter)
{
    struct zeek_end *z = &lane->end[end];

    if (z->seen & bit)
        return true;
    z->seen |= bit;
    note(lane, end, letter);
    return false;
}

/* The first, the tenth, the hundredth. */
static RARE void note_scaled(struct zeek_lane *lane, enum end end, uint32_t n, char letter)
{
    while (n >= 10 && n % 10 == 0)
        n /= 10;
    if (n == 1)
        note(lane, end, letter);
}

static uint32_t count_up(uint32_t n)
{
    return n < ZEEK_COUNT_MAX ? n + 1 : n;
}

void zeek_begin(struct zeek_lane *lane, enum end sender, const struct segment *s)
{
    bool flip = false;

    if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) != SEGMENT_SYN && port_serves(s->src.port))
        flip = !port_serves(s->dst.port) || (!(s->flags & SEGMENT_SYN) && s->src.port < s->dst.port);
    lane->originator = flip ? !sender : sender;
    if (flip)
        append(lane, '^');
}

/* RST takes its payload with it: that is no part of the stream. */
static uint32_t seq_len(const struct segment *s)
{
    return segment_seq_len(s) - (s->flags & SEGMENT_RST ? s->payload_len : 0);
}

/* A SYN begins numbers anew, but where the end has closed, or is in them already. */
static bool begins_anew(const struct zeek_end *z, const struct segment *s)
{
    switch (z->state) {
    case SYN_SENT:
    case SYN_ACK_SENT: return s->seq != z->start;
    case ESTABLISHED:
    case PARTIAL: return true;
    case RESET: return z->previous == INACTIVE;
    default: return false;
    }
}

static void begin_numbers(struct zeek_end *z, const struct segment *s)
{
    const bool syn = s->flags & SEGMENT_SYN;

    if (z->state == INACTIVE && !syn) {
        z->start = s->seq - 1;
        z->last = s->seq;
    } else if (syn && (z->state == INACTIVE || begins_anew(z, s))) {
        z->start = s->seq;
        z->last = s->seq + seq_len(s);
    }
}

static void note_flags(struct zeek_lane *lane, enum end from, const struct segment *s)
{
    struct zeek_end *z = &lane->end[from];
    const unsigned control = s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST);
    const uint32_t rel = s->seq - z->start;
    const char syn = s->flags & SEGMENT_ACK ? 'h' : 's';

    if (control & (control - 1)) { /* more than one */
        if ((control & SEGMENT_FIN) && (control & SEGMENT_RST))
            note_once(lane, from, SEEN_FIN_RST, 'i');
        else
            note_once(lane, from, SEEN_MULTI, 'q');
    } else if (control & SEGMENT_SYN) {
        if (note_once(lane, from, SEEN_SYN, syn) && rel != z->last_syn)
            note(lane, from, syn);
        z->last_syn = rel;
    } else if (control & SEGMENT_FIN) {
        if (note_once(lane, from, SEEN_FIN, 'f') && rel + s->payload_len != z->last_fin)
            note(lane, from, 'f');
        z->last_fin = rel + s->payload_len;
    } else if (control & SEGMENT_RST) {
        if (note_once(lane, from, SEEN_RST, 'r') && rel != z->last_rst)
            note(lane, from, 'r');
        z->last_rst = rel;
    } else if (s->payload_len) {
        note_once(lane, from, SEEN_DATA, 'd');
    } else if (s->flags & SEGMENT_ACK) {
        note_once(lane, from, SEEN_ACK, 'a');
    }
}

static void advance(struct zeek_lane *lane, enum end from, const struct segment *s)
{
    struct zeek_end *z = &lane->end[from];
    const uint32_t end = s->seq + seq_len(s);
    const int32_t delta = (int32_t)(end - z->last);

    if ((s->flags & (SEGMENT_SYN | SEGMENT_RST)) && (delta > TRUSTED_JUMP || delta < -TRUSTED_JUMP))
        return;
    if ((s->flags & SEGMENT_FIN) && z->last == z->start + 1)
        z->last = end;
    else if (z->state == RESET)
        return;
    else if (delta > 0)
        z->last = end;
    else if (s->payload_len)
        note_scaled(lane, from, z->retransmitted = count_up(z->retransmitted), 't');
}

static void enter(struct zeek_end *z, unsigned state)
{
    if (z->state == state)
        return;
    z->previous = z->state;
    z->state = state;
}

static void first_packet(struct zeek_lane *lane, enum end from, const struct segment *s)
{
    struct zeek_end *z = &lane->end[from], *peer = &lane->end[!from];
    const bool originator = from == lane->originator;

    if (s->flags & SEGMENT_SYN) {
        if (originator) {
            enter(z, s->flags & SEGMENT_ACK ? SYN_ACK_SENT : SYN_SENT);
        } else {
            if (!(s->flags & SEGMENT_ACK) && peer->state == SYN_ACK_SENT) {
                /* the SYN was captured after its answer */
                lane->originator = from;
                append(lane, '^');
                enter(peer, ESTABLISHED);
            }
            if (peer->state == SYN_SENT)
                enter(peer, ESTABLISHED);
            enter(z, ESTABLISHED);
        }
    }
    if (s->flags & SEGMENT_FIN)
        enter(z, CLOSED);
    if (s->flags & SEGMENT_RST)
        enter(z, RESET);
    if (z->state != INACTIVE)
        return;
    if (!originator && !s->payload_len && peer->state == SYN_SENT)
        return; /* acknowledges the SYN before it answers it */
    if ((s->flags & SEGMENT_ACK) && peer->state == ESTABLISHED)
        enter(z, ESTABLISHED); /* its SYN was missed */
    else
        enter(z, PARTIAL);
}

static void later_packet(struct zeek_end *z, struct zeek_end *peer, const struct segment *s)
{
    switch (z->state) {
    case SYN_SENT:
    case SYN_ACK_SENT:
        if (s->flags & SEGMENT_FIN)
            enter(z, CLOSED);
        break;
    case PARTIAL:
    case ESTABLISHED:
        if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN && z->state == PARTIAL && peer->state == INACTIVE)
            enter(z, SYN_SENT);
        if ((s->flags & SEGMENT_FIN) && !(s->flags & SEGMENT_RST)) {
            enter(z, CLOSED);
            if (peer->state == RESET && peer->previous == CLOSED)
                enter(peer, CLOSED); /* FIN, then RST: that was a normal end */
        }
        break;
    case CLOSED:
        if (peer->state == CLOSED)
            return; /* a RST after both FINs changes nothing */
        break;
    default: return;
    }
    if (s->flags & SEGMENT_RST)
        enter(z, RESET);
}

static bool is_clean(const struct zeek_end *z)
{
    return z->state == ESTABLISHED || (z->state == CLOSED && z->previous == ESTABLISHED);
}

void zeek_segment(struct zeek_lane *lane, enum end from, const struct segment *s)
{
    struct zeek_end *z = &lane->end[from], *peer = &lane->end[!from];

    begin_numbers(z, s);
    note_flags(lane, from, s);
    if (!s->window && !(s->flags & SEGMENT_RST) && peer->state != CLOSED && z->state != RESET)
        note_scaled(lane, from, z->zero_windows = count_up(z->zero_windows), 'w');
    if ((s->flags & SEGMENT_ACK) && peer->state == INACTIVE)
        peer->start = peer->last = s->ack - 1;
    advance(lane, from, s);
    if (z->state == INACTIVE)
        first_packet(lane, from, s);
    else
        later_packet(z, peer, s);
}

void zeek_bad_checksum(struct zeek_lane *lane, enum end from)
{
    struct zeek_end *z = &lane->end[from];

    note_scaled(lane, from, z->bad_checksums = count_up(z->bad_checksums), 'c');
}

void zeek_gaps(struct zeek_lane *lane, enum end end, unsigned count)
{
    struct zeek_end *z = &lane->end[end];

    if (!is_clean(z) || !is_clean(&lane->end[!end]))
        return;
    while (count--)
        note_scaled(lane, end, z->gaps = count_up(z->gaps), 'g');
}

/* The shape "^?S…R…", with neither an answer nor a FIN before the RST. */
static bool syn_then_reset(const char *history)
{
    if (*history == '^')
        history++;
    if (*history++ != 'S')
        return false;
    return history[strcspn(history, "HAFGIQR")] == 'R';
}

const char *zeek_conn_state(const struct zeek_lane *lane, const struct streams *streams)
{
    const enum end o = lane->originator;
    const uint8_t os = lane->end[o].state, rs = lane->end[!o].state;
    const bool o_inactive = os == INACTIVE || os == PARTIAL, r_inactive = rs == INACTIVE || rs == PARTIAL;

    if (rs == RESET) {
        if (os == SYN_SENT || os == SYN_ACK_SENT ||
            (os == RESET && !stream_bytes(&streams->of[o]) && !stream_bytes(&streams->of[!o])))
            return "REJ";
        return o_inactive ? "RSTRH" : "RSTR";
    }
    if (os == RESET)
        return !r_inactive ? "RSTO" : syn_then_reset(lane->history) ? "RSTOS0" : "OTH";
    if (os == CLOSED && rs == CLOSED)
        return "SF";
    if (os == CLOSED)
        return r_inactive ? "SH" : "S2";
    if (rs == CLOSED)
        return o_inactive ? "SHR" : "S3";
    if (os == SYN_SENT && rs == INACTIVE)
        return "S0";
    return os == ESTABLISHED && rs == ESTABLISHED ? "S1" : "OTH";
}
