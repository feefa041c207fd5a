/* A trace of a lab, whole in memory: whose it is has to be known before it can be judged. */
#include "lab_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/printable.h"

#define CHUNK (1u << 16)
#define PEEK_LINES 64

/* Room for another chunk and the NUL. -1: there is none. */
static int make_room(struct lab_trace *t)
{
    char *larger = t->len <= LIMIT_LAB_TRACE ? realloc(t->text, t->len + CHUNK + 1) : NULL;

    if (!larger)
        return -1;
    t->text = larger;
    return 0;
}

int lab_trace_read(const char *name, int fd, struct lab_trace *ret_trace, char why[static CHECK_TEXT_MAX])
{
    gzFile in = gzdopen(fd, "rb");
    const char *damage = NULL;
    int n = in ? 1 : -1;

    *ret_trace = (struct lab_trace){ .name = name };
    if (!in)
        close(fd);
    while (n > 0 && !damage && (n = make_room(ret_trace)) == 0) {
        n = gzread(in, ret_trace->text + ret_trace->len, CHUNK);
        damage = command_gzip_damage(in, n);
        if (n > 0)
            ret_trace->len += (size_t)n;
        ret_trace->text[ret_trace->len] = '\0';
    }
    if (in)
        gzclose(in);
    if (damage && ret_trace->len)
        log_note("%s is cut: %s; this is of what came before", name, damage);
    if (n == 0 || (damage && ret_trace->len))
        return EXIT_DONE;
    if (damage)
        snprintf(why, CHECK_TEXT_MAX, "cannot read %s: %s", name, damage);
    else
        snprintf(why, CHECK_TEXT_MAX, "%s is longer than a trace of a lab can be, or there is no memory for it", name);
    log_error("%s", why);
    return EXIT_FAILED;
}

void lab_trace_free(struct lab_trace *trace)
{
    free(trace->text);
    *trace = (struct lab_trace){ 0 };
}

bool lab_trace_next(const struct lab_trace *trace, struct lab_line *line)
{
    const char *end = trace->text + trace->len, *at = line->next ? line->next : trace->text, *newline;

    if (at == end)
        return false;
    newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline && end[-1] != '}')
        return false; /* what a cut left of a line is none */
    line->next = newline ? newline + 1 : end;
    line->text = at;
    line->len = (size_t)((newline ? newline : end) - at);
    if (line->len && at[line->len - 1] == '\r')
        line->len--;
    return true;
}

static char *copy_name(const cJSON *record, const char *member)
{
    const char *text = record_text(record, member);
    char *copy = text ? strndup(text, LAB_STUDENT_MAX) : NULL;

    if (copy)
        printable_mend(copy);
    return copy;
}

int lab_trace_names(const struct lab_trace *trace, char **ret_lab, char **ret_student)
{
    struct lab_line line = { 0 };
    struct records *records = NULL;
    bool is_trace;

    *ret_lab = *ret_student = NULL;
    if (records_new(&records) < 0)
        log_error("out of memory");
    for (size_t i = 0; records && i < PEEK_LINES && !*ret_lab && lab_trace_next(trace, &line); i++) {
        const cJSON *record;

        if (records_add(records, line.text, line.len) < 0)
            continue; /* damaged, which is told when it is judged */
        record = records_at(records, records_count(records) - 1);
        if (records_header(records) && strcmp(record_kind(record), "lab") == 0) {
            *ret_lab = copy_name(record, "lab");
            *ret_student = copy_name(record, "student");
        }
    }
    is_trace = records && records_header(records);
    records_free(records);
    return is_trace ? 0 : -1;
}
