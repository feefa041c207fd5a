/* A trace or a capture file, told once more: what it is shows its first bytes. A trace is read back, a capture goes through
 * the engine as `tcplens read` does it. */
#ifndef TCPLENS_COMMAND_REPLAY_H
#define TCPLENS_COMMAND_REPLAY_H

#include "tcplens/command/command.h"
#include "tcplens/trace/reader.h"

struct replay {
    const char *path; /* as given */
    int fd;           /* of it; stays open */
    const struct command_io *io;
    struct sinks *sinks;
    bool is_trace; /* set before begin() */
    bool begun;    /* set after it: what there is of it was told, whatever replay() returns */
    /* What it is has been found out, and nothing told yet. False: it is not to be told; the reason was. */
    bool (*begin)(void *arg);
    bool (*goes_on)(void *arg); /* asked after each piece; NULL: it is read to its end */
    bool enough;                /* set where that said no, which is no damage */
    void (*ends)(void *arg);    /* nothing more is told, and what is to be said of it comes next; NULL: of no use */
    void (*header)(void *arg, const struct trace_header *header); /* of a trace */
    trace_wants_fn wants;                                         /* of a trace: which lines; NULL: all */
    /* What was more than is kept; of a trace that is cut it does not come. NULL: of no use. */
    void (*beyond)(void *arg, const uint64_t beyond[static BEYOND_N]);
    void *arg; /* of all */
};

/* As a person reads it. */
const char *replay_name(const struct replay *replay);

/* Tells the sinks. The process is confined already (CONFINE_FEED). What is wrong is printed; of a damaged file what came before
 * was told. An exit status. */
int replay(struct replay *replay);

#endif
