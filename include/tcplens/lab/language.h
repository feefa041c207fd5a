/* The words of a lab file that its reader and its schema share. */
#ifndef TCPLENS_LAB_LANGUAGE_H
#define TCPLENS_LAB_LANGUAGE_H

#define LAB_CHECKS_MAX 64
#define LAB_VERSION_MAX 1000000

/* What a step does: X(ID, "verb", kind of its argument, what it does). */
#define LAB_VERBS(X)                                                                                                   \
    X(CONNECT, "connect", VALUE_SLUG, "connects to an actor, from this actor's own address")                           \
    X(LISTEN, "listen", VALUE_NUMBER, "binds and listens, with this backlog, by the socket `listener`")                \
    X(BIND, "bind", VALUE_NUMBER, "binds to this port of its address; 0: any")                                         \
    X(ACCEPT, "accept", VALUE_EMPTY, "accepts from the socket `listener`")                                             \
    X(SEND, "send", VALUE_TEXT, "sends this text")                                                                     \
    X(OPEN, "open", VALUE_WORD, "opens a socket: tcp, as others do where there is none yet, or udp")                   \
    X(SEND_BYTES, "send_bytes", VALUE_NUMBER, "sends so many bytes")                                                   \
    X(SEND_TO, "send_to", VALUE_SLUG, "sends a datagram with this `text` to an actor")                                 \
    X(SYNS, "syns", VALUE_NUMBER, "sends so many SYNs alone, and answers nothing; over a wire")                        \
    X(RECV, "recv", VALUE_NUMBER, "calls recv() once, with room for so many bytes")                                    \
    X(RECV_EXACTLY, "recv_exactly", VALUE_NUMBER, "reads until it has so many bytes, the end or an error")             \
    X(RECV_EOF, "recv_eof", VALUE_EMPTY, "reads to the end or an error; the result is how many bytes")                 \
    X(READ, "read", VALUE_NUMBER, "calls read() once, with room for so many bytes")                                    \
    X(WRITE, "write", VALUE_TEXT, "calls write() with this text")                                                      \
    X(SEEK, "seek", VALUE_NUMBER, "calls lseek() to this place")                                                       \
    X(SHUTDOWN, "shutdown", VALUE_WORD, "shuts one direction down, or both")                                           \
    X(CLOSE, "close", VALUE_EMPTY, "closes")                                                                           \
    X(ABORT, "abort", VALUE_EMPTY, "closes with SO_LINGER and a time of 0")                                            \
    X(SET, "set", VALUE_SCALARS, "sets options of the socket: SO_REUSEADDR, TCP_NODELAY …")                            \
    X(WAIT, "wait", VALUE_ANY, "waits until the trace has a record like this, however long ago")                       \
    X(PAUSE_MS, "pause_ms", VALUE_NUMBER, "waits so many milliseconds")                                                \
    X(WIRE, "wire", VALUE_WORD, "cuts the wire, or mends it")                                                          \
    X(SYSCTL, "sysctl", VALUE_SCALARS, "changes settings of its network namespace")                                    \
    X(STOP, "stop", VALUE_SLUG, "stops an actor's processes (SIGSTOP)")                                                \
    X(CONTINUE, "continue", VALUE_SLUG, "lets them go on (SIGCONT)")                                                   \
    X(KILL, "kill", VALUE_SLUG, "kills them (SIGKILL)")                                                                \
    X(TERMINATE, "terminate", VALUE_SLUG, "asks them to end (SIGTERM)")
#define LAB_VERB_ENUM(id, word, kind, meaning) LAB_##id,
enum lab_verb { LAB_VERBS(LAB_VERB_ENUM) LAB_VERB_N };
#undef LAB_VERB_ENUM

#endif
