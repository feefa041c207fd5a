/* Writes lines, or other units, to a file, a pipe or a terminal. */
#ifndef TCPLENS_BASE_WRITER_H
#define TCPLENS_BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

struct writer;

/* path: NULL or "-" is standard output; a file is opened as output_open() does, and emptied when the first is written. Returns 0
 * or -errno of it. */
int writer_open(const char *path, struct writer **ret_writer) __attribute__((warn_unused_result));
/* On a descriptor that is open already, and stays so. replaces: a file, which is emptied likewise. 0 or -ENOMEM. */
int writer_on(int fd, bool replaces, struct writer **ret_writer) __attribute__((warn_unused_result));
/* How long a unit is, in bytes: head are its first WRITER_HEAD or more, which come in one call of writer_write(). */
typedef size_t (*writer_unit_fn)(const char *head);
#define WRITER_HEAD 8
/* What comes are no lines but such units; NULL: it may be cut anywhere. */
void writer_units(struct writer *w, writer_unit_fn length);
#define WRITER_LINE_MAX 65536
/* Room for a line of at most max (<= WRITER_LINE_MAX) bytes, valid until the next call: what is written there, and then
 * given to writer_write(), is not copied. */
char *writer_begin(struct writer *w, size_t max);
/* Takes one line with its newline into the buffer. An error is kept and returned by the next flush. */
void writer_write(struct writer *w, const char *line, size_t len);
/* Writes the buffer out: whole lines, whatever fails, but of a line longer than PIPE_BUF in a pipe; of other units a file holds
 * whole ones. Returns 0 or -errno
 * (-EPIPE: the reader went away; -ECANCELED: it took nothing, and the program was asked to end). */
int writer_flush(struct writer *w) __attribute__((warn_unused_result));
/* Writes the buffer out and goes on with another file, which it takes over. An error is kept. */
void writer_switch(struct writer *w, int fd);
/* Forgets what was not written out yet, and closes. NULL is fine. */
void writer_drop(struct writer *w);
/* Flushes and closes. NULL is fine. Returns 0 or -errno. */
int writer_close(struct writer *w);
/* What one of those errors means. */
const char *writer_explain(int error);

#endif
