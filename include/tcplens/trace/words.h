/* The words of a trace: every enum that reaches it, what is written for each value, and what that means. The viewer's types,
 * the schema and the tables of the documentation are made from these lists. */
#ifndef TCPLENS_TRACE_WORDS_H
#define TCPLENS_TRACE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/words.h"
#include "tcplens/event/event.h"

#define WORDS_end(X)                                                                                                   \
    X(END, CLIENT, "client", "sent the first SYN")                                                                     \
    X(END, SERVER, "server", "was sent it")

#define WORDS_how(X)                                                                                                   \
    X(HOW, OBSERVED, "observed", "the kernel told us as it happened")                                                  \
    X(HOW, SAMPLED, "sampled", "read from a socket table at intervals")                                                \
    X(HOW, INFERRED, "inferred", "follows from packets")                                                               \
    X(HOW, ASSUMED, "assumed", "needed to make sense of what came later, or events that told of it were lost")         \
    X(HOW, PREDICTED, "predicted", "a timer that was not seen to fire")                                                \
    X(HOW, CORRECTED, "corrected", "taken back: what the end itself sent later contradicts what was inferred")

/* The kernel object that holds an end's state. */
#define WORDS_object(X)                                                                                                \
    X(OBJECT, NONE, "none", "no object is left")                                                                       \
    X(OBJECT, REQUEST, "request", "the request sock of the SYN queue")                                                 \
    X(OBJECT, SOCK, "sock", "a full socket")                                                                           \
    X(OBJECT, TIMEWAIT, "timewait", "the minisock that outlives close()")

#define WORDS_timer_name(X)                                                                                            \
    X(TIMER, TIME_WAIT, "time-wait", "2MSL of a minisock")                                                             \
    X(TIMER, FIN_WAIT_2, "fin-wait-2", "an end that closed waits for the peer's FIN no longer")                        \
    X(TIMER, SYN_ACK, "syn-ack", "a request's SYN,ACK was not answered")                                               \
    X(TIMER, RETRANSMIT, "retransmit", "what was sent was not acknowledged")                                           \
    X(TIMER, KEEPALIVE, "keepalive", "the connection was silent")                                                      \
    X(TIMER, PERSIST, "persist",                                                                                       \
      "the peer's window is zero: it is probed. Linux' probe is no byte of data, and so noted `keep-alive`")

/* Why a minisock's timer was cancelled, or what another did when it fired. */
#define WORDS_timer_why(X)                                                                                             \
    X(TIMER_WHY, NONE, "", "")                                                                                         \
    X(TIMER_WHY, REUSED, "reused", "its endpoints serve a new connection")                                             \
    X(TIMER_WHY, RESET, "reset", "a RST ended it: RFC 1337")                                                           \
    X(TIMER_WHY, NOT_IDLE, "not-idle",                                                                                 \
      "of `keepalive`, which fired: something is unacknowledged, so no probe is sent")                                 \
    X(TIMER_WHY, REMOVED, "removed", "the namespace ended, or there were too many")

#define WORDS_queue_why(X)                                                                                             \
    X(QUEUE, SYN, "syn", "a request came")                                                                             \
    X(QUEUE, ESTABLISHED, "established", "its handshake completed: it left the SYN queue, or joined the accept queue") \
    X(QUEUE, JOINED, "established", "")                                                                                \
    X(QUEUE, ACCEPT, "accept", "the application took one")                                                             \
    X(QUEUE, OVERFLOW, "overflow",                                                                                     \
      "the listener dropped a SYN, or the ACK that would complete a handshake, because a queue was full")              \
    X(QUEUE, DEFERRED, "deferred", "it waits for data before it takes the connection (TCP_DEFER_ACCEPT)")              \
    X(QUEUE, COOKIE, "cookie", "it answered the SYN with a SYN cookie and keeps nothing")                              \
    X(QUEUE, EXPIRED, "expired", "a request gave up")                                                                  \
    X(QUEUE, DROPPED, "dropped", "a request was removed before completing")                                            \
    X(QUEUE, CLOSED, "closed",                                                                                         \
      "the listener is closed: the figures are what was still waiting. What is in the accept queue is reset; the "     \
      "requests of the SYN queue end in silence")                                                                      \
    X(QUEUE, SAMPLE, "sample", "a sample of the socket table shows it")

/* What analysis says about a segment, by Wireshark's definitions. */
#define WORDS_segment_note(X)                                                                                          \
    X(NOTE_BIT, RETRANSMISSION, "retransmission", "it was sent before")                                                \
    X(NOTE_BIT, OUT_OF_ORDER, "out-of-order", "it overtook others, or was overtaken")                                  \
    X(NOTE_BIT, KEEP_ALIVE, "keep-alive", "it asks whether the peer is there")                                         \
    X(NOTE_BIT, DUPLICATE_ACK, "duplicate-ack", "it repeats an ACK")                                                   \
    X(NOTE_BIT, ZERO_WINDOW, "zero-window", "its sender takes nothing for now")                                        \
    X(NOTE_BIT, LOST_SEGMENT, "lost-segment", "one before it was not captured")                                        \
    X(NOTE_BIT, BAD_CHECKSUM, "bad-checksum", "moves no state: its receiver drops it")                                 \
    X(NOTE_BIT, FAST_RETRANSMISSION, "fast-retransmission", "with `retransmission`: duplicate ACKs asked for it")      \
    X(NOTE_BIT, SPURIOUS_RETRANSMISSION, "spurious-retransmission",                                                    \
      "with `retransmission`: it had been acknowledged already")                                                       \
    X(NOTE_BIT, ACKED_UNSEEN, "acked-unseen",                                                                          \
      "acknowledges what was not captured, and can have been sent: what cannot is `unacceptable`")                     \
    X(NOTE_BIT, ZERO_WINDOW_PROBE, "zero-window-probe", "one byte into a zero window")                                 \
    X(NOTE_BIT, ZERO_WINDOW_PROBE_ACK, "zero-window-probe-ack", "the answer to that")                                  \
    X(NOTE_BIT, WINDOW_FULL, "window-full", "its sender may send no more until there is a new window")                 \
    X(NOTE_BIT, WINDOW_UPDATE, "window-update", "it tells a new window alone")                                         \
    X(NOTE_BIT, KEEP_ALIVE_ACK, "keep-alive-ack", "the answer to a keep-alive")                                        \
    X(NOTE_BIT, PORT_REUSE, "port-reuse", "the endpoints of an earlier connection")                                    \
    X(NOTE_BIT, UNACCEPTABLE, "unacceptable",                                                                          \
      "its receiver drops it: outside of the window, or an ACK of what was never sent (RFC 9293, 3.10.7)")             \
    X(NOTE_BIT, CHALLENGE_ACK, "challenge-ack", "answers a SYN or RST that is not acceptable (RFC 5961)")              \
    X(NOTE_BIT, EARLIER_CONNECTION, "earlier-connection", "of an earlier use of the same endpoints")                   \
    X(NOTE_BIT, COPY, "copy", "the same again, sooner than it can have been sent: a mirrored port shows all twice")    \
    X(NOTE_BIT, LOST_ON_WIRE, "lost-on-wire",                                                                          \
      "it did not arrive: the wire of a lab lost it, or in a merged trace its receiver's host never saw it")

#define WORDS_verdict(X)                                                                                               \
    X(VERDICT, UNKNOWN, "unknown", "not enough was seen")                                                              \
    X(VERDICT, CLOSED_NORMALLY, "closed-normally", "both ends sent a FIN")                                             \
    X(VERDICT, CLOSED_BOTH, "closed-both", "each sent its FIN before it had the other's")                              \
    X(VERDICT, STILL_OPEN, "still-open", "open when last seen")                                                        \
    X(VERDICT, HALF_CLOSED, "half-closed", "one end has not sent its FIN")                                             \
    X(VERDICT, CLOSING, "closing", "both have sent one, and not all is acknowledged or waited for")                    \
    X(VERDICT, REFUSED, "refused", "a RST answered the SYN")                                                           \
    X(VERDICT, RESET_BY_CLIENT, "reset-by-client", "the client ended it with a RST")                                   \
    X(VERDICT, RESET_BY_SERVER, "reset-by-server", "the server did")                                                   \
    X(VERDICT, TIMED_OUT, "timed-out", "the kernel of an end gave up: what it waited for never came")                  \
    X(VERDICT, NO_ANSWER, "no-answer", "no SYN,ACK came")                                                              \
    X(VERDICT, HANDSHAKE_INCOMPLETE, "handshake-incomplete", "the server took no ACK for its SYN,ACK")                 \
    X(VERDICT, MIDSTREAM, "midstream", "open before the trace, and its end was not seen")

/* Why a connection ended, or did not begin. */
#define WORDS_cause(X)                                                                                                 \
    X(CAUSE, NONE, "", "")                                                                                             \
    X(CAUSE, ACCEPT_QUEUE_FULL, "accept-queue-full", "of a handshake that was never completed")                        \
    X(CAUSE, SYN_QUEUE_FULL, "syn-queue-full", "likewise: as many requests as the backlog allows")                     \
    X(CAUSE, SYN_BACKLOG_FULL, "syn-backlog-full", "likewise: as many as tcp_max_syn_backlog leaves without cookies")  \
    X(CAUSE, LISTENER_DROPPED, "listener-dropped", "likewise, and neither queue was full")                             \
    X(CAUSE, SIGNATURE_REFUSED, "signature-refused",                                                                   \
      "what came was dropped: TCP-MD5 or TCP-AO is missing in it, wrong, or not asked for")                            \
    X(CAUSE, LISTENER_CLOSED, "listener-closed",                                                                       \
      "before accept() took the connection, which was in one of its queues")                                           \
    X(CAUSE, NO_LISTENER, "no-listener", "nobody listened when the kernel sent the RST")                               \
    X(CAUSE, FILTER_RESET, "filter-reset", "the end's TCP did not send the RST: a packet filter did, or it is forged") \
    X(CAUSE, DEFERRED, "deferred", "the listener waits for data (TCP_DEFER_ACCEPT)")                                   \
    X(CAUSE, UNREAD_DATA, "unread-data", "closed with bytes that the application had not read")                        \
    X(CAUSE, ABORT, "abort", "closed with SO_LINGER of 0, TCP_LINGER2 below 0, or another call that aborts")           \
    X(CAUSE, DATA_AFTER_CLOSE, "data-after-close", "data met an end whose application had closed")                     \
    X(CAUSE, NO_SOCKET, "no-socket", "the end had no such connection, or no longer")                                   \
    X(CAUSE, KILLED, "killed", "its socket was destroyed from outside (ss -K)")                                        \
    X(CAUSE, RETRANSMISSION_TIMEOUT, "retransmission-timeout", "what was sent again was never acknowledged")           \
    X(CAUSE, PROBE_TIMEOUT, "probe-timeout", "probes of a zero window were never answered")                            \
    X(CAUSE, KEEP_ALIVE_TIMEOUT, "keep-alive-timeout", "keep-alive probes were never answered")                        \
    X(CAUSE, USER_TIMEOUT, "user-timeout", "TCP_USER_TIMEOUT was over")                                                \
    X(CAUSE, SYN_TIMEOUT, "syn-timeout", "connect() gave up: no SYN was answered")                                     \
    X(CAUSE, ORPHAN_TIMEOUT, "orphan-timeout", "the application had closed, and the kernel waited no longer")          \
    X(CAUSE, TIME_WAIT_ANSWERED, "time-wait-answered", "the peer held the endpoints for an earlier connection")        \
    X(CAUSE, NO_ACK, "no-ack", "the client answered the SYN,ACK with nothing: it did not get it, or is not there")     \
    X(CAUSE, ACK_UNACCEPTABLE, "ack-unacceptable",                                                                     \
      "what the client answered the SYN,ACK with is outside of the window, or acknowledges something else")            \
    X(CAUSE, SUPERSEDED, "superseded", "its client began another connection from the same port")                       \
    X(CAUSE, LOCAL_DROP, "local-drop", "what was sent never reached the wire")                                         \
    ICMP_ERRORS(ICMP_CAUSE, X)
#define ICMP_CAUSE(X, id, word, meaning) X(CAUSE, ICMP_##id, "icmp-" word, meaning)

/* What an end was left with at the last. */
#define WORDS_stall(X)                                                                                                 \
    X(STALL, NONE, "", "")                                                                                             \
    X(STALL, RETRANSMISSIONS, "retransmissions", "what it sent again was never acknowledged")                          \
    X(STALL, KEEP_ALIVES, "keep-alives", "its keep-alive probes were never answered")                                  \
    X(STALL, ZERO_WINDOW, "zero-window", "its peer announced a window of zero, and no other since")

#define WORDS_icmp_error(X) ICMP_ERRORS(ICMP_WORD, X)
#define ICMP_WORD(X, id, word, meaning) X(ICMP, id, word, meaning)

/* Why the witnesses differ, where that is known; docs/differences.md tells of each. */
#define WORDS_known(X)                                                                                                 \
    X(KNOWN, NONE, "", "")                                                                                             \
    X(KNOWN, BEFORE_TRACE, "before-trace", "the connection is older than the trace")                                   \
    X(KNOWN, EVENTS_LOST, "events-lost", "events were lost before")                                                    \
    X(KNOWN, FIN_UNSENT, "fin-unsent", "the kernel has queued a FIN that was not on the wire")                         \
    X(KNOWN, QUEUE_FULL, "queue-full", "a queue of the listener was full")                                             \
    X(KNOWN, REQUEST_EXPIRED, "request-expired", "the request was given up after its last retry")                      \
    X(KNOWN, CONNECT_GIVEN_UP, "connect-given-up", "connect() ended without an answer")                                \
    X(KNOWN, ICMP_ERROR, "icmp-error", "an ICMP error ended connect()")                                                \
    X(KNOWN, DEFERRED, "deferred", "the listener waits for data before it takes the connection")                       \
    X(KNOWN, RETRIES_USED_UP, "retries-used-up", "nothing answered what was sent again")                               \
    X(KNOWN, RESET_UNSEEN, "reset-unseen", "the kernel knows of a RST that was not captured")                          \
    X(KNOWN, RESET_LOST, "reset-lost", "a RST is among the packets that this end's kernel never got, or ignored")      \
    X(KNOWN, RESET_FOREIGN, "reset-foreign",                                                                           \
      "a RST in this end's name is among the packets that its kernel never sent")                                      \
    X(KNOWN, SEGMENT_LOST, "segment-lost", "a SYN,ACK or FIN is among the packets that this end's kernel never got")   \
    X(KNOWN, FIN_WAIT_2_TIMEOUT, "fin-wait-2-timeout", "the kernel waits for a FIN for a minute only")                 \
    X(KNOWN, NO_TIME_WAIT, "no-time-wait", "the kernel skipped TIME-WAIT")

/* What can be wrong over many connections. A row is one file, src/conn/finding_ID.c, and its words in each language of the page. */
#define WORDS_finding_kind(X)                                                                                          \
    X(FINDING, accept_queue, "accept-queue-overflow",                                                                  \
      "a listener dropped connections, for accept() was not called as often as they came")                             \
    X(FINDING, syn_queue, "syn-queue-overflow",                                                                        \
      "a listener dropped SYNs, for there were as many requests as it keeps")                                          \
    X(FINDING, syn_cookies, "syn-cookies", "a listener answered SYNs with cookies, and keeps nothing of them")         \
    X(FINDING, slow_accept, "slow-accept", "connections waited long for accept()")                                     \
    X(FINDING, deferred, "deferred-accept", "a listener held completed handshakes back (TCP_DEFER_ACCEPT)")            \
    X(FINDING, owner_gone, "owner-gone", "another process holds a listener than the one that opened it")               \
    X(FINDING, handshake, "handshake-incomplete", "nobody completed the handshakes that a server answered")            \
    X(FINDING, refused, "refused", "a RST answered the SYNs")                                                          \
    X(FINDING, no_answer, "no-answer", "nothing answered the SYNs")                                                    \
    X(FINDING, icmp, "icmp-error", "ICMP errors ended connections")                                                    \
    X(FINDING, local_drop, "local-drop", "what an end sent was dropped on its own host")                               \
    X(FINDING, resets, "resets", "RSTs ended connections")                                                             \
    X(FINDING, timed_out, "timed-out", "kernels gave up: what they waited for never came")                             \
    X(FINDING, half_open, "half-open-peer", "peers were gone, and nothing said so")                                    \
    X(FINDING, no_keep_alive, "keep-alive-off", "a silent connection is not asked whether its peer is there")          \
    X(FINDING, close_wait, "close-wait-held", "an application did not close what its peers had closed")                \
    X(FINDING, fin_wait_2, "fin-wait-2-orphans", "a closed end waited in vain for its peer to close")                  \
    X(FINDING, time_wait, "time-wait-pile-up", "connections in TIME-WAIT hold many of the ports")                      \
    X(FINDING, no_ports, "ports-exhausted", "connect() found no free port")                                            \
    X(FINDING, no_descriptors, "descriptors-exhausted", "calls failed, for there were no more descriptors")            \
    X(FINDING, port_reuse, "port-reuse",                                                                               \
      "endpoints were used again while the peer held them for an earlier connection")                                  \
    X(FINDING, retransmissions, "retransmissions", "more than 1 % of what was sent was sent again")                    \
    X(FINDING, spurious, "spurious-retransmissions", "what had arrived was sent again")                                \
    X(FINDING, rto, "rto-stalls", "connections stood still until a retransmission timer fired")                        \
    X(FINDING, mtu, "mtu-black-hole", "only large segments were lost")                                                 \
    X(FINDING, zero_window, "zero-window-stalls", "a receiver did not read, and its peer had to wait")                 \
    X(FINDING, small_writes, "small-write-stalls", "small segments waited for delayed ACKs (Nagle's algorithm)")       \
    X(FINDING, bad_checksums, "bad-checksums", "all that a sender sent has a wrong checksum")

/* How bad a finding is. */
#define WORDS_severity(X)                                                                                              \
    X(SEVERITY, ERROR, "error", "connections fail")                                                                    \
    X(SEVERITY, WARNING, "warning", "connections are slowed down, or will fail")                                       \
    X(SEVERITY, NOTE, "note", "worth knowing")

/* What came of a check of a lab. */
#define WORDS_check_result(X)                                                                                          \
    X(CHECK, PASSED, "passed", "it is so")                                                                             \
    X(CHECK, FAILED, "failed", "it is not")                                                                            \
    X(CHECK, INCONCLUSIVE, "inconclusive", "the trace cannot tell: events were lost, or a witness is missing")

/* Why a trace ended. */
#define WORDS_end_reason(X)                                                                                            \
    X(END_REASON, COMMAND, "command", "it ended")                                                                      \
    X(END_REASON, INTERRUPT, "interrupt", "Ctrl-C, or a signal")                                                       \
    X(END_REASON, DURATION, "duration", "its time was over")                                                           \
    X(END_REASON, COUNT, "count", "as many segments came as were wanted")                                              \
    X(END_REASON, INPUT, "input", "the capture file ended")                                                            \
    X(END_REASON, ERROR, "error", "something failed")

/* What a trace had more of than is kept at once (base/limits.h). */
/* How the clock of a merged file was put onto that of the first (tcplens merge). */
#define WORDS_clock_fit(X)                                                                                             \
    X(CLOCK, UNKNOWN, "unknown", "nothing was seen that tells, and its times are as they were")                        \
    X(CLOCK, SAME, "same", "the first one's, or one of the same host that no segment contradicts")                     \
    X(CLOCK, LINE, "line", "an offset and a skew")                                                                     \
    X(CLOCK, CONSTANT, "constant", "an offset: of a skew too little was seen, or none is needed")                      \
    X(CLOCK, ONE_SIDED, "one-sided", "an offset from segments of one direction, as if the fastest took no time")

#define WORDS_beyond(X)                                                                                                \
    X(BEYOND, CONNECTIONS, "connections", "those silent longest were forgotten")                                       \
    X(BEYOND, LISTENERS, "listeners", "not followed")                                                                  \
    X(BEYOND, FINDINGS, "findings", "what shows one, not told")                                                        \
    X(BEYOND, HELD_EVENTS, "held-events", "told before their order was sure")                                          \
    X(BEYOND, PAIRS, "pairs", "connections of a process whose packets were told no more")

/* No finding, and yet worth a look where there is none: what a person is told behind the end, and in front of how long it
 * lasted at most. */
#define WORDS_standing(X)                                                                                              \
    X(STANDS, CLOSE_WAIT, "close-wait", "stayed in CLOSE-WAIT, which its application did not close,")                  \
    X(STANDS, UNANSWERED, "unanswered", "sent no byte back for what it got, in a connection that lasted")              \
    X(STANDS, OPENING, "opening", "waited in SYN-SENT")                                                                \
    X(STANDS, IN_VAIN, "in-vain", "sent again or probed, and was not answered,")                                       \
    X(STANDS, ZERO_WINDOW, "zero-window", "could send nothing, for its peer's window was zero,")

/* In the order of their bits, which is that of the header. */
#define WORDS_segment_flag(X)                                                                                          \
    X(FLAG_BIT, FIN, "FIN", "")                                                                                        \
    X(FLAG_BIT, SYN, "SYN", "")                                                                                        \
    X(FLAG_BIT, RST, "RST", "")                                                                                        \
    X(FLAG_BIT, PSH, "PSH", "")                                                                                        \
    X(FLAG_BIT, ACK, "ACK", "")                                                                                        \
    X(FLAG_BIT, URG, "URG", "")                                                                                        \
    X(FLAG_BIT, ECE, "ECE", "")                                                                                        \
    X(FLAG_BIT, CWR, "CWR", "")                                                                                        \
    X(FLAG_BIT, AE, "AE", "")

/* The settings that govern what is seen: recorded in the header, and what the viewer's advice names. */
#define WORDS_sysctl(X)                                                                                                \
    X(SYSCTL, SOMAXCONN, "net.core.somaxconn", "")                                                                     \
    X(SYSCTL, MAX_SYN_BACKLOG, "net.ipv4.tcp_max_syn_backlog", "")                                                     \
    X(SYSCTL, SYNCOOKIES, "net.ipv4.tcp_syncookies", "")                                                               \
    X(SYSCTL, ABORT_ON_OVERFLOW, "net.ipv4.tcp_abort_on_overflow", "")                                                 \
    X(SYSCTL, FIN_TIMEOUT, "net.ipv4.tcp_fin_timeout", "")                                                             \
    X(SYSCTL, SYN_RETRIES, "net.ipv4.tcp_syn_retries", "")                                                             \
    X(SYSCTL, SYNACK_RETRIES, "net.ipv4.tcp_synack_retries", "")                                                       \
    X(SYSCTL, RETRIES2, "net.ipv4.tcp_retries2", "")                                                                   \
    X(SYSCTL, TW_REUSE, "net.ipv4.tcp_tw_reuse", "")                                                                   \
    X(SYSCTL, MAX_TW_BUCKETS, "net.ipv4.tcp_max_tw_buckets", "")                                                       \
    X(SYSCTL, FASTOPEN, "net.ipv4.tcp_fastopen", "")                                                                   \
    X(SYSCTL, KEEPALIVE_TIME, "net.ipv4.tcp_keepalive_time", "")                                                       \
    X(SYSCTL, KEEPALIVE_INTVL, "net.ipv4.tcp_keepalive_intvl", "")                                                     \
    X(SYSCTL, KEEPALIVE_PROBES, "net.ipv4.tcp_keepalive_probes", "")                                                   \
    X(SYSCTL, ORPHAN_RETRIES, "net.ipv4.tcp_orphan_retries", "")                                                       \
    X(SYSCTL, RETRIES1, "net.ipv4.tcp_retries1", "")                                                                   \
    X(SYSCTL, LOCAL_PORT_RANGE, "net.ipv4.ip_local_port_range", "")                                                    \
    X(SYSCTL, MTU_PROBING, "net.ipv4.tcp_mtu_probing", "")                                                             \
    X(SYSCTL, SYN_LINEAR_TIMEOUTS, "net.ipv4.tcp_syn_linear_timeouts", "")

/* How capture files begin: pcap in both byte orders, with each resolution, and as Kuznetzov patched it; pcapng. */
#define WORDS_capture_magic(X)                                                                                         \
    X(MAGIC, PCAP_BIG, "\xa1\xb2\xc3\xd4", "pcap")                                                                     \
    X(MAGIC, PCAP_LITTLE, "\xd4\xc3\xb2\xa1", "pcap")                                                                  \
    X(MAGIC, PCAP_NS_BIG, "\xa1\xb2\x3c\x4d", "pcap, nanoseconds")                                                     \
    X(MAGIC, PCAP_NS_LITTLE, "\x4d\x3c\xb2\xa1", "pcap, nanoseconds")                                                  \
    X(MAGIC, PCAP_MODIFIED_BIG, "\xa1\xb2\xcd\x34", "pcap, modified")                                                  \
    X(MAGIC, PCAP_MODIFIED_LITTLE, "\x34\xcd\xb2\xa1", "pcap, modified")                                               \
    X(MAGIC, PCAPNG, "\x0a\x0d\x0d\x0a", "pcapng")

enum change_kind {
#define KIND(id, word, member, says) CHANGE_##id,
#include "tcplens/trace/kinds.def"
    CHANGE_KIND_N
};
enum end { WORDS_end(WORD_ENUM) END_N };
#define END_UNKNOWN END_N /* nobody, of closed_by, reset_by */
enum how { WORDS_how(WORD_ENUM) HOW_N };
enum object { WORDS_object(WORD_ENUM) OBJECT_N };
enum timer_name { WORDS_timer_name(WORD_ENUM) TIMER_NAME_N };
enum timer_why { WORDS_timer_why(WORD_ENUM) TIMER_WHY_N };
enum queue_why { WORDS_queue_why(WORD_ENUM) QUEUE_WHY_N };
enum verdict { WORDS_verdict(WORD_ENUM) VERDICT_N };
enum cause { WORDS_cause(WORD_ENUM) CAUSE_N };
enum stall { WORDS_stall(WORD_ENUM) STALL_N };
enum known { WORDS_known(WORD_ENUM) KNOWN_N };
enum finding_kind { WORDS_finding_kind(WORD_ENUM) FINDING_N };
enum severity { WORDS_severity(WORD_ENUM) SEVERITY_N };
enum check_result { WORDS_check_result(WORD_ENUM) CHECK_RESULT_N };
enum end_reason { WORDS_end_reason(WORD_ENUM) END_REASON_N };
enum clock_fit_kind { WORDS_clock_fit(WORD_ENUM) CLOCK_FIT_N };
enum beyond { WORDS_beyond(WORD_ENUM) BEYOND_N };
enum standing { WORDS_standing(WORD_ENUM) STANDS_N };
enum segment_note_bit { WORDS_segment_note(WORD_ENUM) NOTE_N };
enum segment_flag_bit { WORDS_segment_flag(WORD_ENUM) FLAG_N };
enum sysctl { WORDS_sysctl(WORD_ENUM) SYSCTL_N };
enum capture_magic { WORDS_capture_magic(WORD_ENUM) MAGIC_N };

/* Bits of change.segment.notes. */
#define WORD_NOTE(prefix, id, word, meaning) NOTE_##id = 1 << prefix##_##id,
enum segment_note { WORDS_segment_note(WORD_NOTE) };
#undef WORD_NOTE

/* Every list above that is an enum of words, with the number of its values. */
#define WORD_LISTS(L)                                                                                                  \
    L(end, END_N)                                                                                                      \
    L(how, HOW_N)                                                                                                      \
    L(witness, WITNESS_N)                                                                                              \
    L(object, OBJECT_N)                                                                                                \
    L(timer_name, TIMER_NAME_N)                                                                                        \
    L(timer_why, TIMER_WHY_N)                                                                                          \
    L(queue_why, QUEUE_WHY_N)                                                                                          \
    L(segment_note, NOTE_N)                                                                                            \
    L(segment_flag, FLAG_N)                                                                                            \
    L(verdict, VERDICT_N)                                                                                              \
    L(cause, CAUSE_N)                                                                                                  \
    L(stall, STALL_N)                                                                                                  \
    L(known, KNOWN_N)                                                                                                  \
    L(finding_kind, FINDING_N)                                                                                         \
    L(icmp_error, ICMP_ERROR_N)                                                                                        \
    L(tunnel_type, TUNNEL_TYPE_N)                                                                                      \
    L(severity, SEVERITY_N)                                                                                            \
    L(check_result, CHECK_RESULT_N)                                                                                    \
    L(end_reason, END_REASON_N)                                                                                        \
    L(clock_fit, CLOCK_FIT_N)                                                                                          \
    L(beyond, BEYOND_N)                                                                                                \
    L(standing, STANDS_N)                                                                                              \
    L(process_event, PROCESS_EVENT_N)                                                                                  \
    L(datagram_checksum, DATAGRAM_CHECKSUM_N)                                                                          \
    L(poll_event, POLL_EVENT_N)                                                                                        \
    L(sysctl, SYSCTL_N)                                                                                                \
    L(capture_magic, MAGIC_N)

/* What is written for a value; "" for one that never is, "unknown" for one outside of the enum. */
const char *change_kind_name(enum change_kind kind);
const char *end_name(enum end end);
const char *how_name(enum how how);
const char *object_name(enum object object);
const char *timer_name(enum timer_name name);
const char *timer_why_name(enum timer_why why);
const char *queue_why_name(enum queue_why why);
const char *segment_note_name(unsigned bit);
const char *segment_flag_name(unsigned bit);
const char *verdict_name(enum verdict verdict);
const char *stall_name(enum stall stall);
const char *known_name(enum known known);
const char *icmp_error_name(enum icmp_error error);
const char *cause_name(enum cause cause);
const char *finding_name(enum finding_kind kind);
const char *severity_name(enum severity severity);
const char *check_result_name(enum check_result result);
const char *clock_fit_name(enum clock_fit_kind kind);
const char *end_reason_name(enum end_reason reason);
const char *beyond_name(enum beyond beyond);
/* What of it a person is told: how long follows. */
const char *standing_text(enum standing standing);
const char *sysctl_name(enum sysctl sysctl);
const char *poll_event_name(unsigned bit);
const char *process_event_name(enum process_event event);
/* It tells of trouble: told though it did not move, shown by the timeline where it did. */
bool change_counter_matters(const char *name);
const char *datagram_checksum_name(enum datagram_checksum checksum);

/* Four bytes begin a capture file as this magic says; MAGIC_N: no capture file does. */
#define CAPTURE_MAGIC_LEN 4
enum capture_magic capture_magic_of(const void *bytes);

/* The lists as a program sees them. */
struct word {
    const char *word, *meaning;
};
struct word_list {
    const char *name;
    const struct word *words; /* by value; .word "" is never written */
    unsigned count;
};
extern const struct word_list word_lists[];
extern const unsigned word_list_count;
/* The value of a word; -1: there is none. The first of several with one word. */
int word_value(const struct word_list *list, const char *word);

#endif
