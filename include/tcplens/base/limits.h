/* What is bounded and can be met by users: one row a limit. The code takes the numbers from here, and docs/limits.md is made
 * of the rows (`make vocabulary`). No row names a module: what it bounds is said in words. */
#ifndef TCPLENS_BASE_LIMITS_H
#define TCPLENS_BASE_LIMITS_H

/* X(name, value, unit, what is bounded, what happens beyond, where that is counted or said). unit: COUNT or BYTES. */
#define LIMITS(X)                                                                                                      \
    X(KERNEL_RING, 64 << 20, BYTES, "events between kernel and tracer (`--buffer`)", "they are lost",                  \
      "`gap` per hook, exit status 4")                                                                                 \
    X(KERNEL_OWNED, 65536, COUNT, "sockets of `--pid` remembered", "the connection is not told",                       \
      "`gap` with hook `owner`, exit status 4")                                                                        \
    X(PAIRS, 131072, COUNT, "connections of `--pid` whose packets are told",                                           \
      "of the one least spoken of packets are told no more", "`beyond` of `end`")                                      \
    X(KERNEL_FAMILY, 16384, COUNT, "processes of a command at once", "the children of further ones are not told",      \
      "`gap` with hook `sched_process`, exit status 4")                                                                \
    X(KERNEL_LISTENERS, 16384, COUNT, "listeners whose refusals the kernel side watches",                              \
      "what a further one refuses is not told", "`gap` with hook `listeners`, exit status 4")                          \
    X(KERNEL_FIN_WAIT_2, 65536, COUNT, "minisocks in FIN-WAIT-2 watched for their FIN",                                \
      "TIME-WAIT is told by its timer if at all", "`gap` with hook `fin_wait_2`, exit status 4")                       \
    X(KERNEL_CANCELLATIONS, 1024, COUNT, "cancelled timers of minisocks that wait to be seen armed again",             \
      "told at once", "`gap` with hook `cancellations`, exit status 4")                                                \
    X(PACKET_RING, 32 << 20, BYTES, "packets between kernel and tracer, per interface", "they are lost",               \
      "`gap` of the wire, exit status 4")                                                                              \
    X(SAMPLED_SOCKETS, 65536, COUNT, "sockets followed by samples",                                                    \
      "not followed; what then finds room counts as older than the trace", "`gap` with hook `table`, exit status 4")   \
    X(SAMPLED_DESTRUCTIONS, 65536, COUNT, "destructions announced between two samples", "they are lost",                \
      "`gap` with hook `table`, exit status 4")                                                                        \
    X(ANNOUNCEMENTS, 32 << 20, BYTES, "announcements of destructions that the kernel keeps", "they are lost",           \
      "`gap` with hook `destroy`, exit status 4")                                                                      \
    X(HELD_EVENTS, 1000000, COUNT, "events held for order", "the earliest goes early",                                 \
      "`beyond` of `end`; what comes after it may be `late`")                                                          \
    X(HELD_PACKETS, 64 << 20, BYTES, "packets of `--write` held for order", "the oldest are not written",              \
      "a note at the end")                                                                                             \
    X(CONNECTIONS, 1000000, COUNT, "connections followed", "the one silent longest is forgotten",                      \
      "its `outcome`, `beyond` of `end`")                                                                              \
    X(LISTENERS, 65536, COUNT, "listeners followed", "further ones are not followed", "`beyond` of `end`")             \
    X(FINDINGS, 256, COUNT, "findings, by kind and subject", "further ones are not told", "`beyond` of `end`")         \
    X(FINDING_SUBJECTS, 16, COUNT, "hosts or processes with a finding of their own, of one kind and cause",            \
      "those of further ones are told as one", "it names none")                                                        \
    X(CLOSED_SOCKETS, 256, COUNT, "closed sockets whose last calls are still to come", "the oldest is forgotten",      \
      "the `call` names no connection")                                                                                \
    X(UDP_SOCKETS, 1024, COUNT, "UDP sockets whose datagrams name them",                                               \
      "the newest of those that share a place is named", "`sender` and `receiver` of `datagram` are absent")           \
    X(HELD_RANGES, 16, COUNT, "ranges kept beyond a hole, per direction",                                              \
      "a FIN behind them takes effect later, what acknowledges them is `acked-unseen`", "the time of its `state`")     \
    X(FOLDED, 65536, COUNT, "connections in TIME-WAIT when a trace begins that the timeline counts",                   \
      "further ones have lines of their own", "their lines")                                                           \
    X(SENDERS, 1024, COUNT, "hosts whose checksums are judged together",                                               \
      "a wrong checksum of one that was forgotten counts as right until one is", "the note `bad-checksum`")            \
    X(HELD_SEGMENTS, 16, COUNT, "SYNs into open connections that may begin another; as many RSTs before their data",   \
      "such a connection begins with its SYN,ACK", "its first `segment`")                                              \
    X(FLIGHTS, 65536, COUNT, "segments on their way at once, of a lab or a merged trace", "the arrival of the earliest moves no state",     \
      "it has no `arrival`")                                                                                           \
    X(TIMED_SEGMENTS, 2, COUNT, "segments timed at once, per direction", "later ones give no round-trip sample",       \
      "they have no `rtt`")                                                                                            \
    X(CAPTURE_INTERFACES, 4096, COUNT, "interfaces of a section of a pcapng file", "reading ends there",               \
      "the file counts as damaged, exit status 1")                                                                     \
    X(CAPTURE_PACKET, 262144, BYTES, "a packet in a capture file", "reading ends there",                               \
      "the file counts as damaged, exit status 1")                                                                     \
    X(CAPTURE_BLOCK, 1 << 20, BYTES, "a block of a pcapng file that is looked at", "reading ends there",               \
      "the file counts as damaged, exit status 1")                                                                     \
    X(NESTED_TUNNELS, 8, COUNT, "tunnels within each other", "what is further inside is not looked at",                \
      "`skipped` of `end`: `nested too deep`")                                                                         \
    X(TUNNELS, 65535, COUNT, "tunnels told apart, by direction", "the connections of further ones are not told",       \
      "`skipped` of `end`: `further tunnels`")                                                                         \
    X(SKIPPED_KINDS, 48, COUNT, "protocols that are counted by name", "counted together",                              \
      "`skipped` of `end`: `others`")                                                                                  \
    X(STRAY_RESETS, 16, COUNT, "pairs of endpoints whose RSTs without a connection are counted", "counted together",   \
      "`skipped` of `end`: `stray RST`")                                                                               \
    X(FILTERED_LINK_TYPES, 16, COUNT, "link types in one capture file with `--filter`", "refused",                     \
      "an error, exit status 1")                                                                                       \
    X(FILTER_PORTS, 16, COUNT, "ports and ranges of `--port`", "refused", "an error, exit status 2")                   \
    X(FILTER_HOSTS, 16, COUNT, "addresses of `--host`", "refused", "an error, exit status 2")                          \
    X(FILTER_PIDS, 16, COUNT, "processes of `--pid`", "refused", "an error, exit status 2")                            \
    X(INTERFACES, 16, COUNT, "interfaces of `--iface`", "refused", "an error, exit status 2")                          \
    X(LAB_RECORDS, 200000, COUNT, "records of a trace that a lab is checked by", "not looked at",                      \
      "its checks are `inconclusive`, exit status 4")                                                                  \
    X(LAB_TRACE, 256 << 20, BYTES, "a trace that a lab is checked by, uncompressed", "refused",                        \
      "an error, exit status 1")                                                                                       \
    X(MERGED_FILES, 16, COUNT, "files of `tcplens merge`", "refused", "an error, exit status 2")                       \
    X(MERGED_SEGMENTS, 16 << 20, COUNT, "segments of all files of `tcplens merge`", "refused",                         \
      "an error, exit status 1")                                                                                       \
    X(COMMAND_WORDS, 32, COUNT, "words of the traced command in a header", "`…` stands for the others",              \
      "the last of `command`")                                                                                         \
    X(TRACE_LINE, 1 << 20, BYTES, "a line of a trace that is read", "not read", "it counts as damaged")                \
    X(REPORT_TRACE, 1 << 30, BYTES, "a trace in a report, uncompressed", "refused", "an error, exit status 1")         \
    X(BROWSERS, 32, COUNT, "browsers that are sent a live trace", "the next one is refused", "HTTP status 503")        \
    X(SERVED_FILES, 64, COUNT, "files of `tcplens view`", "refused", "an error, exit status 2")                        \
    X(TOP_CONNECTIONS, 65536, COUNT, "connections that `tcplens top` holds",                                          \
      "the one that ended longest ago makes room; where none has ended, further ones are not shown",                   \
      "its first line: how many there are besides")                                                                    \
    X(TOP_LISTENERS, 4096, COUNT, "listeners that `tcplens top` shows", "further ones are not shown",                  \
      "its line of listeners: how many there are besides")                                                             \
    X(TOP_HISTORY, 16 << 20, BYTES, "what `tcplens top` keeps of connections to show one's timeline; as much of segments", \
      "the oldest lines are forgotten", "the first line of a timeline")                                                \
    X(TOP_TIMELINE, 4096, COUNT, "lines of one timeline in `tcplens top`", "the newest are shown",                     \
      "the first line of a timeline")                                                                                  \
    X(BROWSER_HISTORY, 64 << 20, BYTES, "a live trace kept for browsers", "the oldest lines are forgotten",            \
      "`event: gap` in their stream")                                                                                  \
    X(PUBLISH_BUFFER, 64 << 20, BYTES, "records that wait for the process that publishes", "they are lost",            \
      "a message, exit status 4")                                                                                      \
    X(PUBLISH_LINE, 128 << 10, BYTES, "a record that is published", "it is lost", "a message, exit status 4")          \
    X(SPOOL, 1 << 30, BYTES, "records that wait for the server of `--publish` (`--spool-size`)", "they are lost",      \
      "a message, exit status 4")                                                                                      \
    X(METRICS_ADDRESSES, 128, COUNT, "addresses of listeners that metrics tell apart",                                 \
      "the figures of one where nobody listens, or of the further one, count for `other`",                             \
      "`tcplens_listener_addresses_folded_total`, `tcplens_listeners_beyond_total`")                                   \
    X(METRICS_LISTENERS, 4096, COUNT, "listeners at once whose queues metrics show",                                   \
      "the depth of further ones is not shown", "`tcplens_listeners_beyond_total`")                                    \
    X(METRICS_REASONS, 48, COUNT, "reasons of resets that metrics tell apart", "counted together", "reason `other`")   \
    X(EXPORT_CONNECTIONS, 262144, COUNT, "connections followed by `tcplens export` (`--connections`)",                 \
      "the one silent longest is forgotten", "`tcplens_connections_forgotten_total`")

#define LIMIT_ENUM(name, value, unit, what, beyond, told) LIMIT_##name = (value),
enum { LIMITS(LIMIT_ENUM) };
#undef LIMIT_ENUM

#endif
