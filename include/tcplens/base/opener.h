/* A process that parses nothing, and holds the one right to make the further files of an output that is divided: who writes
 * them has given up the right to open any. */
#ifndef TCPLENS_BASE_OPENER_H
#define TCPLENS_BASE_OPENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct opener {
    pid_t pid;   /* 0: there is none */
    int channel; /* meaningful while there is one */
    bool late;   /* it was asked, and has not answered yet */
};

/* "t.ndjson.gz", 2: "t.2.ndjson.gz". Cut to size bytes. */
void opener_name(const char *path, unsigned part, char *buf, size_t size);

/* Starts one, while rights are held; path as it stands is the first part. force: files that are there are replaced. 0 or
 * -errno. */
int opener_start(struct opener *opener, const char *path, bool force) __attribute__((warn_unused_result));
/* Has it make the next part, from the second on: the file of the next number that nobody has, unless those that are there are
 * replaced. *ret_number: of its name. A descriptor, or -errno: then the same is tried again the next time. -EPIPE: the opener has
 * ended; -ETIMEDOUT: it has not answered for STOP_PATIENCE_MS (stop.h), stopped or held up by a file system: the next call waits
 * no more, and gives what has come by then. */
int opener_next(struct opener *opener, unsigned *ret_number) __attribute__((warn_unused_result));
/* Why it could not; static, or strerror()'s. */
const char *opener_explain(int r);
/* Ends it. One that does not answer is left to itself, and ends when it goes on: it makes no file then. Also of none. */
void opener_stop(struct opener *opener);

#endif
