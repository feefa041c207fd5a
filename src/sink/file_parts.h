/* What each part of a divided trace begins with, so that it can be read alone: the header, and the records of the connections
 * and listeners that go on. */
#ifndef TCPLENS_SINK_FILE_PARTS_H
#define TCPLENS_SINK_FILE_PARTS_H

#include <stddef.h>

struct parts;

/* 0 or -ENOMEM. */
int parts_new(struct parts **ret_parts) __attribute__((warn_unused_result));
void parts_free(struct parts *parts);

/* Looks at a line of the trace, as encode.h writes it. Where there is no memory, the next part begins with less. */
void parts_note(struct parts *parts, const char *line, size_t len);

/* Gives the header to put(), which says which part it is, as its last member. */
void parts_header(const struct parts *parts, unsigned part, void (*put)(void *arg, const char *line, size_t len),
                  void *arg);
/* Gives the lines that part number `part` begins with to put(), in the order of the trace. */
void parts_begin(const struct parts *parts, unsigned part, void (*put)(void *arg, const char *line, size_t len),
                 void *arg);

#endif
