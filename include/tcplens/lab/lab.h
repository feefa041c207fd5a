/* A lab, read from its file: what docs/teaching.md tells a teacher to write. Pure. */
#ifndef TCPLENS_LAB_LAB_H
#define TCPLENS_LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "tcplens/lab/space.h"
#include "tcplens/lab/wire.h"
#include "tcplens/trace/change.h"

#define LAB_ERROR_MAX 768
#define LAB_ACTORS_MAX SPACE_HOSTS_MAX
#define LAB_SETTINGS_MAX 32
#define LAB_SOCKETS_MAX 8 /* of an actor, at once */
#define LAB_CHECKS_MAX 64
#define LAB_NAME_MAX 48
#define LAB_FILE_MAX (1u << 20) /* bytes */
#define LAB_VERSION_MAX 1000000

/* What a step does: X(ID, "verb", kind of its argument, what it does). */
#define LAB_VERBS(X)                                                                                                   \
    X(CONNECT, "connect", VALUE_SLUG, "connects to an actor, from this actor's own address")                           \
    X(LISTEN, "listen", VALUE_NUMBER, "binds and listens, with this backlog, by the socket `listener`")                \
    X(BIND, "bind", VALUE_NUMBER, "binds to this port of its address; 0: any")                                         \
    X(ACCEPT, "accept", VALUE_EMPTY, "accepts from the socket `listener`")                                             \
    X(SEND, "send", VALUE_TEXT, "sends this text")                                                                     \
    X(SEND_BYTES, "send_bytes", VALUE_NUMBER, "sends so many bytes")                                                   \
    X(RECV, "recv", VALUE_NUMBER, "calls recv() once, with room for so many bytes")                                    \
    X(RECV_EXACTLY, "recv_exactly", VALUE_NUMBER, "reads until it has so many bytes, the end or an error")             \
    X(RECV_EOF, "recv_eof", VALUE_EMPTY, "reads to the end or an error; the result is how many bytes")                 \
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
const char *lab_verb_name(enum lab_verb verb);

/* Texts belong to the lab. */
struct lab_action {
    enum lab_verb verb;
    const char *text;     /* what is sent; whom it is about; how to shut down */
    long number;          /* bytes, milliseconds, backlog, port */
    const char *on, *as;  /* which of the actor's sockets, and what an accepted one is called */
    uint16_t port;        /* to connect to, or to listen on */
    uint16_t from_port;   /* to connect from; 0: any */
    bool nonblocking;     /* connect() returns at once, and so do later calls */
    const cJSON *options; /* of LAB_SET and LAB_SYSCTL: name, value */
    const cJSON *pattern; /* of LAB_WAIT */
};

struct lab_actor {
    char name[LAB_NAME_MAX]; /* of an instance: "clients.3" */
    enum space_side at;
    char **argv; /* of a program, NULL-terminated; NULL: it has steps */
    bool own;    /* the program is tcplens-echo: it stands beside this one */
    bool awaited; /* the lab goes on until it has ended */
    struct lab_action *actions;
    unsigned action_count;
};

struct lab {
    cJSON *tree; /* mutated, with all values put in */
    const char *name;
    unsigned version, time_limit_s;
    bool needs_kernel, needs_root;
    enum space_topology topology;
    struct wire_rules wire;
    struct space_setting settings[LAB_SETTINGS_MAX];
    unsigned setting_count;
    const char *student; /* NULL: nobody's */
    struct lab_value values[LAB_VALUES_MAX];
    struct lab_actor *actors;
    unsigned actor_count;
    const cJSON *questions, *checks, *mutations; /* lists; NULL: there are none */
};

/* text: of the file, with a NUL at its end. student: chooses what varies, NULL: the first of each. mutation: what is changed
 * before, NULL: nothing. 0, or -EINVAL, -ENOMEM with one line in error: the line of the file, the field, and what it should be. */
int lab_load(const char *text, const char *student, const char *mutation, struct lab **ret_lab,
             char error[static LAB_ERROR_MAX]) __attribute__((warn_unused_result));
struct lab *lab_free(struct lab *lab);

/* Index of the first actor of that name, or of its first instance; -1: there is none. */
int lab_actor_index(const struct lab *lab, const char *name);

/* The JSON Schema of a lab file, for the caller to free(). NULL: no memory. */
char *lab_schema(void);

#endif
