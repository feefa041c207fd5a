#include "tcplens/trace/change.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

/* The words of the trace format, spelt nowhere else. An enum that grows without its word does not compile. */
#define TABLE(name, count, ...)                                                                                        \
    static const char *const name[] = { __VA_ARGS__ };                                                                 \
    static_assert(sizeof(name) / sizeof(name[0]) == (count), #name " and its enum differ")

TABLE(kind_names, CHANGE_KIND_N,
      [CHANGE_CONNECTION] = "connection",
      [CHANGE_STATE] = "state",
      [CHANGE_OBJECT] = "object",
      [CHANGE_SEGMENT] = "segment",
      [CHANGE_CALL] = "call",
      [CHANGE_LISTENER] = "listener",
      [CHANGE_QUEUE] = "queue",
      [CHANGE_TIMER] = "timer",
      [CHANGE_RESET] = "reset", [CHANGE_DISAGREEMENT] = "disagreement",
      [CHANGE_GAP] = "gap",
      [CHANGE_OUTCOME] = "outcome");

TABLE(end_names, END_N,
      [END_CLIENT] = "client",
      [END_SERVER] = "server");

TABLE(how_names, HOW_N,
      [HOW_OBSERVED] = "observed",
      [HOW_SAMPLED] = "sampled",
      [HOW_INFERRED] = "inferred",
      [HOW_ASSUMED] = "assumed",
      [HOW_PREDICTED] = "predicted");

TABLE(object_names, OBJECT_N,
      [OBJECT_NONE] = "none",
      [OBJECT_REQUEST] = "request",
      [OBJECT_SOCK] = "sock",
      [OBJECT_TIMEWAIT] = "timewait");

TABLE(timer_names, TIMER_NAME_N,
      [TIMER_TIME_WAIT] = "time-wait",
      [TIMER_FIN_WAIT_2] = "fin-wait-2",
      [TIMER_SYN_ACK] = "syn-ack",
      [TIMER_RETRANSMIT] = "retransmit",
      [TIMER_KEEPALIVE] = "keepalive");

TABLE(timer_why_names, TIMER_WHY_N,
      [TIMER_WHY_NONE] = "",
      [TIMER_WHY_REUSED] = "reused",
      [TIMER_WHY_RESET] = "reset",
      [TIMER_WHY_REMOVED] = "removed");

TABLE(queue_why_names, QUEUE_WHY_N,
      [QUEUE_SYN] = "syn",
      [QUEUE_ESTABLISHED] = "established",
      [QUEUE_JOINED] = "established",
      [QUEUE_ACCEPT] = "accept",
      [QUEUE_OVERFLOW] = "overflow",
      [QUEUE_EXPIRED] = "expired",
      [QUEUE_DROPPED] = "dropped",
      [QUEUE_CLOSED] = "closed",
      [QUEUE_COOKIE] = "cookie",
      [QUEUE_SAMPLE] = "sample");

TABLE(verdict_names, VERDICT_N,
      [VERDICT_UNKNOWN] = "unknown",
      [VERDICT_CLOSED_NORMALLY] = "closed-normally",
      [VERDICT_CLOSED_BOTH] = "closed-both",
      [VERDICT_STILL_OPEN] = "still-open",
      [VERDICT_HALF_CLOSED] = "half-closed", [VERDICT_CLOSING] = "closing",
      [VERDICT_REFUSED] = "refused",
      [VERDICT_RESET_BY_CLIENT] = "reset-by-client",
      [VERDICT_RESET_BY_SERVER] = "reset-by-server",
      [VERDICT_TIMED_OUT] = "timed-out",
      [VERDICT_NO_ANSWER] = "no-answer",
      [VERDICT_HANDSHAKE_INCOMPLETE] = "handshake-incomplete",
      [VERDICT_MIDSTREAM] = "midstream");

TABLE(cause_names, CAUSE_N,
      [CAUSE_NONE] = "",
      [CAUSE_ACCEPT_QUEUE_FULL] = "accept-queue-full",
      [CAUSE_SYN_QUEUE_FULL] = "syn-queue-full",
      [CAUSE_LISTENER_DROPPED] = "listener-dropped",
      [CAUSE_LISTENER_CLOSED] = "listener-closed",
      [CAUSE_NO_LISTENER] = "no-listener");

TABLE(known_names, KNOWN_N,
      [KNOWN_NONE] = "",
      [KNOWN_BEFORE_TRACE] = "before-trace",
      [KNOWN_EVENTS_LOST] = "events-lost",
      [KNOWN_FIN_UNSENT] = "fin-unsent",
      [KNOWN_QUEUE_FULL] = "queue-full",
      [KNOWN_REQUEST_EXPIRED] = "request-expired",
      [KNOWN_CONNECT_GIVEN_UP] = "connect-given-up",
      [KNOWN_RETRIES_USED_UP] = "retries-used-up",
      [KNOWN_RESET_UNSEEN] = "reset-unseen",
      [KNOWN_FIN_WAIT_2_TIMEOUT] = "fin-wait-2-timeout",
      [KNOWN_NO_TIME_WAIT] = "no-time-wait");

TABLE(witness_names, WITNESS_N,
      [WITNESS_KERNEL] = "kernel",
      [WITNESS_DIAG] = "diag",
      [WITNESS_WIRE] = "wire");

#define BIT(note) __builtin_ctz(note)
TABLE(note_names, NOTE_N,
      [BIT(NOTE_RETRANSMISSION)] = "retransmission",
      [BIT(NOTE_OUT_OF_ORDER)] = "out-of-order",
      [BIT(NOTE_KEEP_ALIVE)] = "keep-alive",
      [BIT(NOTE_DUPLICATE_ACK)] = "duplicate-ack",
      [BIT(NOTE_ZERO_WINDOW)] = "zero-window",
      [BIT(NOTE_LOST_SEGMENT)] = "lost-segment",
      [BIT(NOTE_BAD_CHECKSUM)] = "bad-checksum",
      [BIT(NOTE_FAST_RETRANSMISSION)] = "fast-retransmission",
      [BIT(NOTE_SPURIOUS_RETRANSMISSION)] = "spurious-retransmission",
      [BIT(NOTE_ACKED_UNSEEN)] = "acked-unseen",
      [BIT(NOTE_ZERO_WINDOW_PROBE)] = "zero-window-probe",
      [BIT(NOTE_ZERO_WINDOW_PROBE_ACK)] = "zero-window-probe-ack",
      [BIT(NOTE_WINDOW_FULL)] = "window-full",
      [BIT(NOTE_WINDOW_UPDATE)] = "window-update",
      [BIT(NOTE_KEEP_ALIVE_ACK)] = "keep-alive-ack",
      [BIT(NOTE_PORT_REUSE)] = "port-reuse");

/* A value outside of its enum is our bug, but not one worth reading past a table for. */
static const char *word(const char *const *names, unsigned count, unsigned value)
{
    return value < count && names[value] ? names[value] : "unknown";
}

const char *change_kind_name(enum change_kind kind)
{
    return word(kind_names, CHANGE_KIND_N, kind);
}

const char *end_name(enum end end)
{
    return word(end_names, END_N, end);
}

const char *how_name(enum how how)
{
    return word(how_names, HOW_N, how);
}

const char *object_name(enum object object)
{
    return word(object_names, OBJECT_N, object);
}

const char *timer_name(enum timer_name name)
{
    return word(timer_names, TIMER_NAME_N, name);
}

const char *timer_why_name(enum timer_why why)
{
    return word(timer_why_names, TIMER_WHY_N, why);
}

const char *queue_why_name(enum queue_why why)
{
    return word(queue_why_names, QUEUE_WHY_N, why);
}

const char *segment_note_name(unsigned bit)
{
    return word(note_names, NOTE_N, bit);
}

const char *verdict_name(enum verdict verdict)
{
    return word(verdict_names, VERDICT_N, verdict);
}

const char *known_name(enum known known)
{
    return word(known_names, KNOWN_N, known);
}

const char *cause_name(enum cause cause)
{
    return word(cause_names, CAUSE_N, cause);
}

enum cause queue_drop_cause(uint32_t syn, uint32_t accept, uint32_t limit)
{
    if (accept >= limit)
        return CAUSE_ACCEPT_QUEUE_FULL;
    return syn + 1 >= limit ? CAUSE_SYN_QUEUE_FULL : CAUSE_LISTENER_DROPPED;
}

const char *witness_name(enum witness witness)
{
    return word(witness_names, WITNESS_N, witness);
}

/* The end that closed first is the one TIME-WAIT is left with: what became of that is half of the story. */
static const char *time_wait_clause(const struct change *c, enum end closer)
{
    if (c->outcome.final[closer] == TCP_STATE_TIME_WAIT)
        return " and waits in TIME-WAIT";
    if (c->outcome.state_ns[closer][TCP_STATE_TIME_WAIT] > 0)
        return " and has been through TIME-WAIT";
    return "";
}

/* No more than was seen: a RST that answers a SYN does not show that nobody listens, nor an ACK that was not taken that
 * it never came. */
static int put_sentence(const struct change *c, char *buf, unsigned size)
{
    const enum end closer = c->outcome.closed_by;
    const bool closer_known = closer < END_N;
    const enum end other = closer == END_CLIENT ? END_SERVER : END_CLIENT;
    const enum end resetter = c->outcome.verdict == VERDICT_RESET_BY_CLIENT ? END_CLIENT : END_SERVER;
    const char *client = tcp_state_name(c->outcome.final[END_CLIENT]);
    const char *server = tcp_state_name(c->outcome.final[END_SERVER]);

    switch (c->outcome.verdict) {
    case VERDICT_CLOSED_NORMALLY:
        if (!closer_known)
            return snprintf(buf, size, "Closed normally: both ends sent a FIN.");
        return snprintf(buf, size, "Closed normally: the %s closed first%s.", end_name(closer),
                        time_wait_clause(c, closer));
    case VERDICT_CLOSED_BOTH:
        return snprintf(buf, size, "Closed by both ends at once: each sent its FIN before it had the other's.");
    case VERDICT_STILL_OPEN: return snprintf(buf, size, "Open when last seen: client %s, server %s.", client, server);
    case VERDICT_HALF_CLOSED:
        if (!closer_known)
            return snprintf(buf, size, "Half closed: one end sent its FIN, the other did not.");
        return snprintf(buf, size, "Half closed: the %s sent its FIN, the %s has not closed yet (%s).",
                        end_name(closer), end_name(other), tcp_state_name(c->outcome.final[other]));
    case VERDICT_CLOSING:
        return snprintf(buf, size, "Closing when last seen: both ends have sent a FIN (client %s, server %s).", client,
                        server);
    case VERDICT_REFUSED: return snprintf(buf, size, "Refused: a RST answered the client's SYN.");
    case VERDICT_RESET_BY_CLIENT:
    case VERDICT_RESET_BY_SERVER:
        if (!closer_known)
            return snprintf(buf, size, "Reset: the %s aborted the connection with a RST.", end_name(resetter));
        return snprintf(buf, size, "Reset: the %s sent a RST after %s FIN.", end_name(resetter),
                        closer == resetter     ? "its own"
                        : closer == END_CLIENT ? "the client's"
                                               : "the server's");
    case VERDICT_TIMED_OUT:
        return snprintf(buf, size,
                        "Timed out: what was sent again, or a keep-alive, was never answered (client %s, server %s).",
                        client, server);
    case VERDICT_NO_ANSWER: return snprintf(buf, size, "No answer: no SYN,ACK came back to the client's SYN.");
    case VERDICT_HANDSHAKE_INCOMPLETE:
        return snprintf(buf, size, "Handshake not completed: the server answered the SYN and took no ACK for that.");
    case VERDICT_MIDSTREAM:
        return snprintf(buf, size, "Seen in midstream: it was open before the trace began, and its end was not seen.");
    case VERDICT_UNKNOWN:
    case VERDICT_N: break;
    }
    return snprintf(buf, size, "Not enough was seen to say how it ended.");
}

static int put_cause(const struct change *c, char *buf, unsigned size)
{
    const char *what = c->outcome.verdict == VERDICT_NO_ANSWER ? "SYN" : "ACK";
    const unsigned drops = c->outcome.drops;
    const char *times = drops == 1 ? "time" : "times";

    switch (c->outcome.cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
        return snprintf(buf, size, " The %s queue of L%u was full, its %s was dropped %u %s.",
                        c->outcome.cause == CAUSE_SYN_QUEUE_FULL ? "SYN" : "accept", c->listener, what, drops, times);
    case CAUSE_LISTENER_DROPPED:
        return snprintf(buf, size, " L%u dropped its %s %u %s.", c->listener, what, drops, times);
    case CAUSE_LISTENER_CLOSED:
        return snprintf(buf, size, " The listener L%u was closed before accept() took the connection.", c->listener);
    case CAUSE_NO_LISTENER: return snprintf(buf, size, " Nobody listens on that port.");
    case CAUSE_NONE:
    case CAUSE_N: break;
    }
    return 0;
}

int verdict_format(const struct change *c, char *buf, unsigned size)
{
    const int len = put_sentence(c, buf, size);
    const bool fits = (unsigned)len < size;

    return len + put_cause(c, fits ? buf + len : NULL, fits ? size - (unsigned)len : 0);
}
