/* What a message in a stream of traces says of itself. Anybody who may publish there can have stored it: what is taken from it
 * is of a trace as tcplens publishes them, or it is not taken. */
#ifndef TCPLENS_SINK_PUBLISH_MESSAGE_H
#define TCPLENS_SINK_PUBLISH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISH_TRACE_LEN 32 /* of a trace's id: hexadecimal digits */
#define PUBLISH_ID_MAX (PUBLISH_TRACE_LEN + 24)
#define PUBLISH_HOST_MAX 64
#define PUBLISH_KIND_MAX 32
#define PUBLISH_SUBJECT_MAX (PUBLISH_HOST_MAX + PUBLISH_KIND_MAX + 16)

/* The message's id: "<trace>-<n>". */
struct publish_id {
    char trace[PUBLISH_TRACE_LEN + 1];
    uint64_t n; /* the record's number */
};

void publish_id_text(const struct publish_id *id, char text[static PUBLISH_ID_MAX]);
/* false: it is none. */
bool publish_id_take(const char *text, struct publish_id *ret);

/* "tcplens.<host>.<kind>" */
struct publish_subject {
    char host[PUBLISH_HOST_MAX]; /* as publish_host_word() makes it */
    char kind[PUBLISH_KIND_MAX]; /* of the record */
};

/* Of a record's line, which begins with its kind; "other": it does not. */
void publish_subject_text(const char *host, const char *line, size_t len, char text[static PUBLISH_SUBJECT_MAX]);
/* false: it is none. */
bool publish_subject_take(const char *text, struct publish_subject *ret);

/* Makes of a host's name what stands in subjects, where it is one word: no dot, no blank, no wildcard. */
void publish_host_word(char *name);

/* Whether it can be a line of a trace, without its newline: an object in printable ASCII, as all else is escaped there; so it is
 * one line, and a terminal obeys nothing of it. */
bool publish_is_line(const char *line, size_t len);

#endif
