/* What a taker of the trace is to the pipeline, to the commands and to doctor. A sink is one file and one row in
 * include/tcplens/sink/sinks.def. */
#ifndef TCPLENS_SINK_SINK_H
#define TCPLENS_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/options.h"
#include "tcplens/event/packets.h"
#include "tcplens/trace/change.h"

#define SINK_ERROR_MAX 512
#define SINK_PEERS_MAX 4

/* What was asked of the output as a whole. A sink finds out from this and its own options whether it is wanted. */
struct sink_context {
    const char *output;               /* file of the trace, - for standard output; NULL: none was named */
    bool force;                       /* a file that is there is replaced */
    uint64_t rotate_bytes, rotate_ns; /* the file of the trace is divided after so much; 0: it is not */
    bool quiet;                       /* nothing on standard output that is not asked for by name */
    bool terminal;                    /* standard output is one */
    bool readable;                    /* it is read by a person: lines for one, not the trace itself */
    bool colour;
    bool verbose;           /* lines that usually are left out */
    int time;               /* enum timeline_time: which time lines have */
    bool stdout_taken;      /* set by the sink that writes there */
    bool stdout_gets_trace; /* set where that is the trace itself, which nothing else may mix with */
};

struct sink_ops {
    const char *name;
    bool live;                          /* only of use while things happen */
    bool serves;                        /* it answers what connects to it */
    const struct option_table *options; /* its own; NULL: it has none */
    size_t config_size;                 /* bytes of what they write to; all zeros are the defaults of OPTION_TAKEN */

    /* Whether it was asked for, of a sink that `tcplens export` takes. NULL: it is of no use to who runs on end. */
    bool (*exports)(const void *config);
    /* Opens what belongs to the host (a listening socket), while there are rights; nothing is written yet, and no file made: what
     * comes next may fail. *ret_sink stays NULL where nobody asked for it. 0; -EINVAL: an option is wrong; else -errno; with one
     * line in error. */
    int (*open)(struct sink_context *context, const void *config, void **ret_sink, char error[static SINK_ERROR_MAX]);
    /* All that the trace comes from is open, and the rights are still there: files are made, the first lines written. As open().
     * NULL: nothing to do. */
    int (*begin)(void *sink, char error[static SINK_ERROR_MAX]);
    /* Rights are dropped, the trace is about to begin. 0 or -errno. NULL: nothing to do. */
    int (*start)(void *sink);
    /* One change; start_ns: UNIX time of the trace's beginning. NULL: it wants lines. */
    void (*change)(void *sink, const struct change *change, uint64_t start_ns);
    /* One line of the trace, with its newline, whose record number is n. NULL: it wants changes. */
    void (*line)(void *sink, const char *line, size_t len, uint64_t n);
    /* Room for the next line, of at most max bytes, valid until the next call: where the line it is then given stands
     * there, it is not copied. NULL: it copies. */
    char *(*room)(void *sink, size_t max);
    /* One packet, as it was captured: the changes that come next, up to the next packet, are of it or of the kernel. NULL: it
     * wants none. */
    void (*packet)(void *sink, const struct packet *packet);
    /* Many lines came since the last one, or, all: no more will. 0 or -errno (-EPIPE: nobody reads any more). NULL: nothing to do. */
    int (*flush)(void *sink, bool all);
    /* The file that it writes. NULL, or returns NULL: standard output. */
    const char *(*file)(const void *sink);
    /* Nothing is observed any more: what comes now is what follows from the whole, and may wait. NULL: all the same. */
    void (*ending)(void *sink);
    /* The trace is complete. NULL: nothing to do. */
    void (*finish)(void *sink);
    /* Where the trace can be looked at, and still can when it is complete, until the program ends. NULL: nowhere. */
    const char *(*address)(const void *sink);
    /* Whom it sends to by TCP, at most SINK_PEERS_MAX. Returns how many. NULL: nobody. */
    unsigned (*peers)(const void *sink, struct endpoint ret_peers[static SINK_PEERS_MAX]);
    /* Whether at, an endpoint of a namespace (inode number), is where this sink itself is asked for the trace. Its address may
     * be of another host: then whoever asks knows better. NULL: nowhere. */
    bool (*serves_at)(const void *sink, const struct endpoint *at, uint32_t netns);
    /* Somebody looks on there at this moment. NULL: nobody ever does. */
    bool (*watched)(const void *sink);
    /* 0 or -errno; -ENODATA: not all that it was given arrived, which it told. NULL: its owner does. */
    int (*close)(void *sink);

    /* For doctor: tries what it needs here. NULL: it needs nothing. */
    bool (*probe)(void (*tell)(bool ok, const char *what, const char *detail));
};

#define SINK(name) extern const struct sink_ops sink_##name##_ops;
#include "tcplens/sink/sinks.def"
#undef SINK

extern const struct sink_ops *const sink_table[];
extern const size_t sink_count;

/* ---- those that are open ---- */

#define SINKS_MAX 16 /* rows of the table */

struct open_sink {
    const struct sink_ops *ops;
    void *sink;
};

struct sinks {
    struct open_sink open[SINKS_MAX];
    unsigned count;
    bool want_lines;
    /* Those of them that take changes, lines, and packets: there are millions of each, and nobody is asked who does not. */
    struct open_sink changes[SINKS_MAX], lines[SINKS_MAX], packets[SINKS_MAX];
    unsigned change_count, line_count, packet_count;
    struct open_sink room; /* the first that has room of its own; .ops NULL: none */
    const char *failed;    /* what could not be written; NULL: nothing yet */
};

/* configs: one a row of the table. On failure none is left open. As sink_ops.open. */
int sinks_open(struct sinks *sinks, struct sink_context *context, void *const *configs,
               char error[static SINK_ERROR_MAX]) __attribute__((warn_unused_result));
/* Before the rights are dropped. As sink_ops.begin. */
int sinks_begin(struct sinks *sinks, char error[static SINK_ERROR_MAX]) __attribute__((warn_unused_result));
/* One more, that is open already. There are SINKS_MAX places; sinks: all zeros, or with others. */
void sinks_add(struct sinks *sinks, const struct sink_ops *ops, void *sink);
int sinks_start(struct sinks *sinks) __attribute__((warn_unused_result));
void sinks_change(struct sinks *sinks, const struct change *change, uint64_t start_ns);
void sinks_packet(struct sinks *sinks, const struct packet *packet);
/* Where the next line, of at most max bytes, is best put together; buf is taken where no sink cares. */
char *sinks_room(struct sinks *sinks, size_t max, char *buf);
void sinks_line(struct sinks *sinks, const char *line, size_t len, uint64_t n);
/* 0, or -errno of the first that failed: sinks->failed is what it writes, as a message names it. */
int sinks_flush(struct sinks *sinks, bool all) __attribute__((warn_unused_result));
void sinks_ending(struct sinks *sinks);
void sinks_finish(struct sinks *sinks);
/* Whether one of them answers what connects to it. */
bool sinks_serve(const struct sinks *sinks);
/* As sink_ops.peers, of the first that has some. */
unsigned sinks_peers(const struct sinks *sinks, struct endpoint ret_peers[static SINK_PEERS_MAX]);
/* NULL: nowhere. */
const char *sinks_address(const struct sinks *sinks);
/* Whether one of them is asked for the trace there: sink_ops.serves_at. */
bool sinks_serve_at(const struct sinks *sinks, const struct endpoint *at, uint32_t netns);
bool sinks_watched(const struct sinks *sinks);
/* The first -errno, or 0. Also of none. */
int sinks_close(struct sinks *sinks);

/* ---- files that sinks write */

/* 0; -EEXIST, and said: something is there that would be lost. It was not asked to be replaced (force). */
int sink_file_check(const char *path, bool force, char error[static SINK_ERROR_MAX])
    __attribute__((warn_unused_result));
/* It is made, or emptied, when the trace begins. What is no file (a pipe, standard output) is opened before, as it may take a
 * while until somebody reads it. */
bool sink_file_waits(const char *path);

#endif
