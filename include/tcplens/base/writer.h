/* Writes lines to a file, a pipe or a terminal. */
#ifndef TCPLENS_BASE_WRITER_H
#define TCPLENS_BASE_WRITER_H

#include <stddef.h>

struct writer;

/* path: NULL or "-" is standard output; a file is created (0644) and truncated. Returns 0 or -errno of open(). */
int writer_open(const char *path, struct writer **ret_writer) __attribute__((warn_unused_result));
#define WRITER_LINE_MAX 65536
/* Room for a line of at most max (<= WRITER_LINE_MAX) bytes, valid until the next call: what is written there, and then
 * given to writer_write(), is not copied. */
char *writer_begin(struct writer *w, size_t max);
/* Takes one line with its newline into the buffer. An error is kept and returned by the next flush. */
void writer_write(struct writer *w, const char *line, size_t len);
/* Writes the buffer out. Returns 0 or -errno (-EPIPE: the reader went away). */
int writer_flush(struct writer *w) __attribute__((warn_unused_result));
/* Flushes and closes. NULL is fine. Returns 0 or -errno. */
int writer_close(struct writer *w);

#endif
