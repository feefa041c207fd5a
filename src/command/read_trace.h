/* What `tcplens read` does where the file is a trace: shows it again. */
#ifndef TCPLENS_READ_TRACE_H
#define TCPLENS_READ_TRACE_H

#include "tcplens/command/command.h"

struct read_trace {
    const char *path;
    const struct filter *filter;         /* ports and hosts */
    const struct expression *expression; /* NULL: none */
    enum conn_segments segments;
    uint64_t segments_max; /* 0: all */
    struct sinks *sinks;
};

/* Whether a file begins as a trace does, compressed or not. *fd is where it is read from its beginning: of a pipe it becomes
 * another descriptor, which a child feeds (CONFINE_FEED). */
bool read_is_trace(int *fd);

/* What is wrong is told. The last of flushing is done, closing is not. An exit status. */
int read_trace(const struct read_trace *config, int fd);

#endif
