/* Writes lines to a file, a pipe or a terminal. */
#ifndef TCPLENS_SINK_FILE_H
#define TCPLENS_SINK_FILE_H

#include <stddef.h>

struct sink_file;

/* path: NULL or "-" is standard output; a file is created (0644) and truncated. Returns 0 or -errno of open(). */
int sink_file_open(const char *path, struct sink_file **ret_sink) __attribute__((warn_unused_result));
/* Takes one line with its newline into the buffer. An error is kept and returned by the next flush. */
void sink_file_write(struct sink_file *sink, const char *line, size_t len);
/* The same without a copy: room for a line of at most max (<= SINK_FILE_LINE_MAX) bytes, of which len were then used. */
#define SINK_FILE_LINE_MAX 65536
char *sink_file_begin(struct sink_file *sink, size_t max);
void sink_file_end(struct sink_file *sink, size_t len);
/* Writes the buffer out. Returns 0 or -errno (-EPIPE: the reader went away). */
int sink_file_flush(struct sink_file *sink) __attribute__((warn_unused_result));
/* Flushes and closes. NULL is fine. Returns 0 or -errno. */
int sink_file_close(struct sink_file *sink);

#endif
