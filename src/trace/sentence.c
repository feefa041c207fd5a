#include "tcplens/trace/sentence.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Words one after the other, the last NULL; as snprintf() otherwise. For what most endings say: there can be many. */
static int put_words(char *buf, unsigned size, const char *const *words)
{
    unsigned len = 0;

    for (; *words; words++) {
        const unsigned more = (unsigned)strlen(*words), room = len < size ? size - len : 0;

        if (room)
            memcpy(buf + len, *words, more < room ? more + 1 : room);
        len += more;
    }
    if (size && len >= size)
        buf[size - 1] = '\0';
    return (int)len;
}
#define PUT_WORDS(buf, size, ...) put_words(buf, size, (const char *const[]){ __VA_ARGS__, NULL })

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
            return PUT_WORDS(buf, size, "Closed normally: both ends sent a FIN.");
        return PUT_WORDS(buf, size, "Closed normally: the ", end_name(closer), " closed first",
                         time_wait_clause(c, closer), ".");
    case VERDICT_CLOSED_BOTH:
        return snprintf(buf, size, "Closed by both ends at once: each sent its FIN before it had the other's.");
    case VERDICT_STILL_OPEN:
        return PUT_WORDS(buf, size, "Open when last seen: client ", client, ", server ", server, ".");
    case VERDICT_HALF_CLOSED:
        if (!closer_known)
            return snprintf(buf, size, "Half closed: one end sent its FIN, the other did not.");
        return snprintf(buf, size, "Half closed: the %s sent its FIN, the %s has not sent its own yet (%s).",
                        end_name(closer), end_name(other), tcp_state_name(c->outcome.final[other]));
    case VERDICT_CLOSING:
        return snprintf(buf, size, "Closing when last seen: both ends have sent a FIN (client %s, server %s).", client,
                        server);
    case VERDICT_REFUSED: return snprintf(buf, size, "Refused: a RST answered the client's SYN.");
    case VERDICT_RESET_BY_CLIENT:
    case VERDICT_RESET_BY_SERVER:
        if (c->outcome.cause == CAUSE_FILTER_RESET)
            return PUT_WORDS(buf, size, "Reset: a RST in the ", end_name(resetter), "'s name ended the connection.");
        if (!closer_known)
            return snprintf(buf, size, "Reset: the %s aborted the connection with a RST.", end_name(resetter));
        return snprintf(buf, size, "Reset: the %s sent a RST after %s FIN.", end_name(resetter),
                        closer == resetter     ? "its own"
                        : closer == END_CLIENT ? "the client's"
                                               : "the server's");
    case VERDICT_TIMED_OUT:
        return snprintf(buf, size, "Timed out: an end waited in vain for the other (client %s, server %s).", client,
                        server);
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

/* What a listener did with the segments of a handshake. */
static int put_drops(const struct change *c, char *buf, unsigned size)
{
    const char *what = c->outcome.verdict == VERDICT_NO_ANSWER ? "SYN" : "ACK";
    const unsigned drops = c->outcome.drops;
    const char *times = drops == 1 ? "time" : "times";

    if (c->outcome.abort_on_overflow)
        return snprintf(buf, size,
                        " The accept queue of L%u was full, and a RST answered its ACK: net.ipv4.tcp_abort_on_overflow "
                        "is set.",
                        c->listener);
    switch (c->outcome.cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
        return snprintf(buf, size, " The %s queue of L%u was full, its %s was dropped %u %s.",
                        c->outcome.cause == CAUSE_SYN_QUEUE_FULL ? "SYN" : "accept", c->listener, what, drops, times);
    case CAUSE_SYN_BACKLOG_FULL:
        return snprintf(buf, size,
                        " L%u had as many requests as net.ipv4.tcp_max_syn_backlog leaves without cookies, its %s was "
                        "dropped %u %s.",
                        c->listener, what, drops, times);
    case CAUSE_DEFERRED:
        return snprintf(buf, size, " L%u waits for data before it takes a connection (TCP_DEFER_ACCEPT).", c->listener);
    case CAUSE_SIGNATURE_REFUSED:
        if (!c->listener)
            return snprintf(buf, size,
                            " The %s dropped %u %s for the signature: TCP-MD5 or TCP-AO is missing, wrong, or not "
                            "asked for.",
                            c->outcome.cause_end < END_N ? end_name(c->outcome.cause_end) : "other end", drops,
                            drops == 1 ? "segment" : "segments");
        return snprintf(
            buf, size,
            " L%u dropped its %s %u %s for its signature: TCP-MD5 or TCP-AO is missing, wrong, or not asked "
            "for.",
            c->listener, what, drops, times);
    default: return snprintf(buf, size, " L%u dropped its %s %u %s.", c->listener, what, drops, times);
    }
}

/* The kernel of an end waited no longer. */
static const char *what_ran_out(enum cause cause)
{
    switch (cause) {
    case CAUSE_RETRANSMISSION_TIMEOUT: return "what it sent again was never acknowledged";
    case CAUSE_PROBE_TIMEOUT: return "its peer's window was zero, and no probe brought an open one";
    case CAUSE_KEEP_ALIVE_TIMEOUT: return "its keep-alive probes were never answered";
    case CAUSE_USER_TIMEOUT: return "the time of TCP_USER_TIMEOUT was over";
    case CAUSE_SYN_TIMEOUT: return "connect() had sent its last SYN";
    default: return "its application had closed the socket, and the kernel waits for the peer for so long only";
    }
}

static int put_icmp(enum cause cause, char *buf, unsigned size)
{
#define SAYS(X, id, word, meaning) [ICMP_##id] = meaning,
    static const char *const says[ICMP_ERROR_N] = { ICMP_ERRORS(SAYS, ) };
#undef SAYS

    return snprintf(buf, size, " An ICMP error came: %s (%s).", cause_name(cause) + strlen("icmp-"),
                    says[cause - CAUSE_ICMP_NET_UNREACHABLE]);
}
static_assert(CAUSE_ICMP_OTHER - CAUSE_ICMP_NET_UNREACHABLE == ICMP_OTHER, "causes follow the order of ICMP errors");

/* Somebody will ask why. */
static bool is_failure(enum verdict verdict)
{
    return verdict == VERDICT_REFUSED || verdict == VERDICT_RESET_BY_CLIENT || verdict == VERDICT_RESET_BY_SERVER ||
           verdict == VERDICT_TIMED_OUT || verdict == VERDICT_NO_ANSWER || verdict == VERDICT_HANDSHAKE_INCOMPLETE;
}

static int put_cause(const struct change *c, char *buf, unsigned size)
{
    const enum cause cause = c->outcome.cause;
    const char *whose = c->outcome.cause_end < END_N ? end_name(c->outcome.cause_end) : "other end";

    if (cause >= CAUSE_ICMP_NET_UNREACHABLE && cause <= CAUSE_ICMP_OTHER)
        return put_icmp(cause, buf, size);
    switch (cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
    case CAUSE_SYN_BACKLOG_FULL:
    case CAUSE_LISTENER_DROPPED:
    case CAUSE_SIGNATURE_REFUSED:
    case CAUSE_DEFERRED: return put_drops(c, buf, size);
    case CAUSE_LISTENER_CLOSED:
        return snprintf(buf, size, " The listener L%u was closed before accept() took the connection.", c->listener);
    case CAUSE_NO_LISTENER: return snprintf(buf, size, " Nobody listens on that port.");
    case CAUSE_FILTER_RESET:
        return snprintf(buf, size, " The %s's TCP did not send it: a packet filter did, or it is forged.", whose);
    case CAUSE_UNREAD_DATA:
        if (!c->outcome.unread)
            return snprintf(buf, size, " The %s closed with data unread.", whose);
        return snprintf(buf, size, " The %s closed with %llu %s unread.", whose, (unsigned long long)c->outcome.unread,
                        c->outcome.unread == 1 ? "byte" : "bytes");
    case CAUSE_ABORT:
        return snprintf(
            buf, size,
            " The %s asked for that: SO_LINGER with a time of 0, TCP_LINGER2 below 0, or a call that aborts.", whose);
    case CAUSE_DATA_AFTER_CLOSE:
        return snprintf(buf, size, " Data came for the %s after its application had closed the socket.", whose);
    case CAUSE_NO_SOCKET: return snprintf(buf, size, " The %s had no such connection, or no longer.", whose);
    case CAUSE_KILLED: return snprintf(buf, size, " The %s's socket was destroyed from outside (ss -K).", whose);
    case CAUSE_RETRANSMISSION_TIMEOUT:
    case CAUSE_PROBE_TIMEOUT:
    case CAUSE_KEEP_ALIVE_TIMEOUT:
    case CAUSE_USER_TIMEOUT:
    case CAUSE_SYN_TIMEOUT:
    case CAUSE_ORPHAN_TIMEOUT: return snprintf(buf, size, " The %s gave up: %s.", whose, what_ran_out(cause));
    case CAUSE_TIME_WAIT_ANSWERED:
        return snprintf(buf, size,
                        " The %s still held these endpoints for an earlier connection, and answered for that.", whose);
    case CAUSE_NO_ACK:
        return snprintf(buf, size, " None is among the packets: the client did not get the SYN,ACK, or is not there.");
    case CAUSE_ACK_UNACCEPTABLE:
        return snprintf(buf, size, " What the client sent is outside of the window, or acknowledges something else.");
    case CAUSE_SUPERSEDED:
        return snprintf(buf, size, " The client gave it up, and began another connection from the same port.");
    case CAUSE_LOCAL_DROP: return snprintf(buf, size, " What the %s sent was dropped on its own host.", whose);
    default:
        if (!is_failure(c->outcome.verdict) || c->outcome.stalled.what)
            return 0;
        if (c->outcome.verdict == VERDICT_NO_ANSWER && c->outcome.final[END_CLIENT] == TCP_STATE_SYN_SENT)
            return snprintf(buf, size, " The client still waited for one when last seen.");
        return snprintf(buf, size, " Why was not seen.");
    }
}

/* What it was left with says more than that it was left. Of what was closed nobody asks. */
static int put_stalled(const struct change *c, char *buf, unsigned size)
{
    const struct stalled *s = &c->outcome.stalled;
    const char *who = end_name(s->end), *times = s->count == 1 ? "time" : "times";
    const double seconds = (double)s->ns / 1e9;

    switch (s->what) {
    case STALL_RETRANSMISSIONS:
        return snprintf(buf, size, " What the %s sent was sent again %u %s in %.3g s, and never acknowledged.", who,
                        s->count, times, seconds);
    case STALL_KEEP_ALIVES:
        return snprintf(buf, size, " The %s sent %u keep-alive %s in %.3g s, and no answer came.", who, s->count,
                        s->count == 1 ? "probe" : "probes", seconds);
    case STALL_ZERO_WINDOW:
        return snprintf(buf, size, " The %s could send nothing for %.3g s: its peer's window was zero.", who, seconds);
    case STALL_NONE:
    case STALL_N: break;
    }
    return 0;
}

int verdict_format(const struct change *c, char *buf, unsigned size)
{
    static int (*const parts[])(const struct change *, char *, unsigned) = { put_sentence, put_cause, put_stalled };
    unsigned len = 0;

    for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        len += (unsigned)parts[i](c, len < size ? buf + len : NULL, len < size ? size - len : 0);
    return (int)len;
}
