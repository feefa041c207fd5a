/* A lab, read from its file: what docs/labs/README.md tells a teacher to write. Pure. */
#ifndef TCPLENS_LAB_LAB_H
#define TCPLENS_LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "tcplens/lab/language.h"
#include "tcplens/lab/space.h"
#include "tcplens/lab/wire.h"
#include "tcplens/trace/change.h"

#define LAB_ACTORS_MAX SPACE_HOSTS_MAX
#define LAB_SETTINGS_MAX 32
#define LAB_SOCKETS_MAX 8 /* of an actor, at once */
#define LAB_NAME_MAX 48
#define LAB_FILE_MAX (1u << 20) /* bytes */

const char *lab_verb_name(enum lab_verb verb);

/* Texts belong to the lab. */
struct lab_action {
    enum lab_verb verb;
    const char *text;     /* what is sent; whom it is about; how to shut down */
    long number;          /* bytes, milliseconds, backlog, port */
    const char *to;       /* whom SYNs are for; with LAB_SEND_TO what is sent */
    const char *on, *as;  /* which of the actor's sockets, and what an accepted one is called */
    uint16_t port;        /* to connect to, or to listen on */
    uint16_t from_port;   /* to connect from; 0: any */
    bool own;             /* SYNs are from its own address */
    bool nonblocking;     /* connect() returns at once, and so do later calls */
    const cJSON *options; /* of LAB_SET and LAB_SYSCTL: name, value */
    const cJSON *pattern; /* of LAB_WAIT */
};

struct lab_actor {
    char name[LAB_NAME_MAX]; /* of an instance: "clients.3" */
    enum space_side at;
    char **argv;        /* of a program, NULL-terminated; NULL: it has steps */
    bool own;           /* the program is tcplens-echo: it stands beside this one */
    const cJSON *files; /* path, text: what a program finds in place of the host's; NULL: nothing */
    bool awaited;       /* the lab goes on until it has ended */
    const cJSON *after; /* pattern of the record that starts it; NULL: the beginning does */
    struct lab_action *actions;
    unsigned action_count;
};

struct lab {
    cJSON *tree; /* mutated, with all values put in */
    const char *name;
    unsigned version, time_limit_s;
    bool needs_kernel, needs_root;
    bool needs_processes; /* its actors and what they make are told of, as they begin and end */
    bool headers;         /* segments are told byte by byte */
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

struct lab *lab_free(struct lab *lab);

/* Index of the first actor of that name, or of its first instance; -1: there is none. */
int lab_actor_index(const struct lab *lab, const char *name);

#endif
