/* Which records are like a pattern (pattern.h). */
#ifndef TCPLENS_LAB_MATCH_H
#define TCPLENS_LAB_MATCH_H

#include "tcplens/lab/lab.h"
#include "tcplens/lab/records.h"

/* A trace, and whose its connections are. */
struct match_scene {
    const struct lab *lab;
    const struct records *records;
    struct {
        int16_t actors[2]; /* index of the actor whose address an end has; -1: nobody's */
    } * conns;             /* by number */
    size_t conn_count;
    size_t looked; /* records whose connections are known */
};

/* Looks at the connections that the records have now; again after more have come. 0 or -ENOMEM. */
int match_look(struct match_scene *scene, const struct lab *lab, const struct records *records);
void match_done(struct match_scene *scene);

#define MATCH_NONE SIZE_MAX
/* The first record from that index on that is like the pattern. MATCH_NONE: there is none. */
size_t match_from(const struct match_scene *scene, const cJSON *pattern, size_t index);
bool match_record(const struct match_scene *scene, const cJSON *pattern, const cJSON *record);

/* What should be: a value of the record, against what the pattern says of it. value NULL: it has no such field. */
bool match_value(const cJSON *wanted, const cJSON *value);
/* The field of a record that dots lead to, NULL: it has none. */
const cJSON *match_field(const cJSON *record, const char *path);

/* "state conn=a end=server to=ESTABLISHED", into buf. Returns buf. */
#define MATCH_TEXT_MAX 512
char *match_describe(const cJSON *pattern, char buf[static MATCH_TEXT_MAX]);
/* A value as a text, into buf. Returns buf. */
char *match_print(const cJSON *value, char buf[static MATCH_TEXT_MAX]);
/* What comes nearest where nothing is like the pattern: "nearest is record 12: to=SYN-SENT", into buf; ret_index: of it, MATCH_NONE. */
char *match_nearest(const struct match_scene *scene, const cJSON *pattern, char buf[static MATCH_TEXT_MAX],
                    size_t *ret_index);

/* The witness that alone can tell of what is like the pattern, where that did not take part. NULL: it can be told. */
const char *match_missing(const struct match_scene *scene, const cJSON *pattern);

#endif
