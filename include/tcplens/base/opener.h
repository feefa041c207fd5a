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
};

/* "t.ndjson.gz", 2: "t.2.ndjson.gz". Cut to size bytes. */
void opener_name(const char *path, unsigned part, char *buf, size_t size);

/* Starts one, while rights are held; path as it stands is the first part. force: files that are there are replaced. 0 or
 * -errno. */
int opener_start(struct opener *opener, const char *path, bool force) __attribute__((warn_unused_result));
/* Has it make the next part, from the second on: the file of the next number that nobody has, unless those that are there are
 * replaced. *ret_number: of its name. A descriptor, or -errno: then the same is tried again the next time. */
int opener_next(const struct opener *opener, unsigned *ret_number) __attribute__((warn_unused_result));
/* Also of none. */
void opener_stop(struct opener *opener);

#endif
