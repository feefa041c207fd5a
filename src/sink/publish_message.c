#include "tcplens/sink/publish_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/writer.h"

#define FIRST "tcplens."

void publish_id_text(const struct publish_id *id, char text[static PUBLISH_ID_MAX])
{
    snprintf(text, PUBLISH_ID_MAX, "%s-%llu", id->trace, (unsigned long long)id->n);
}

bool publish_id_take(const char *text, struct publish_id *ret)
{
    const char *number;

    if (strspn(text, "0123456789abcdef") != PUBLISH_TRACE_LEN || text[PUBLISH_TRACE_LEN] != '-')
        return false;
    number = text + PUBLISH_TRACE_LEN + 1;
    if (!*number || number[strspn(number, "0123456789")])
        return false;
    errno = 0;
    ret->n = strtoull(number, NULL, 10);
    if (errno != 0)
        return false;
    memcpy(ret->trace, text, PUBLISH_TRACE_LEN);
    ret->trace[PUBLISH_TRACE_LEN] = '\0';
    return true;
}

static bool is_of_a_word(char c)
{
    return c > ' ' && c <= '~' && !strchr(".*>", c);
}

/* The word that text begins with, and what follows it; NULL: there is none, or it has no room. */
static const char *take_word(const char *text, char *word, size_t size)
{
    size_t len = 0;

    while (is_of_a_word(text[len]))
        len++;
    if (len == 0 || len >= size)
        return NULL;
    memcpy(word, text, len);
    word[len] = '\0';
    return text + len;
}

void publish_subject_text(const char *host, const char *line, size_t len, char text[static PUBLISH_SUBJECT_MAX])
{
    static const char before[] = "{\"record\":\"";
    const size_t from = sizeof(before) - 1;
    char kind[PUBLISH_KIND_MAX];
    size_t n = 0;

    if (len > from && memcmp(line, before, from) == 0)
        while (n < sizeof(kind) - 1 && from + n < len && line[from + n] >= 'a' && line[from + n] <= 'z') {
            kind[n] = line[from + n];
            n++;
        }
    kind[n] = '\0';
    snprintf(text, PUBLISH_SUBJECT_MAX, FIRST "%.*s.%s", PUBLISH_HOST_MAX - 1, host,
             n && from + n < len && line[from + n] == '"' ? kind : "other");
}

bool publish_subject_take(const char *text, struct publish_subject *ret)
{
    if (strncmp(text, FIRST, strlen(FIRST)) != 0)
        return false;
    text = take_word(text + strlen(FIRST), ret->host, sizeof(ret->host));
    if (!text || *text != '.')
        return false;
    text = take_word(text + 1, ret->kind, sizeof(ret->kind));
    return text && !*text;
}

void publish_host_word(char *name)
{
    for (char *p = name; *p; p++)
        if (!is_of_a_word(*p))
            *p = '_';
}

bool publish_is_line(const char *line, size_t len)
{
    if (len < 2 || len >= WRITER_LINE_MAX || line[0] != '{' || line[len - 1] != '}')
        return false;
    for (size_t i = 0; i < len; i++)
        if (line[i] < ' ' || line[i] > '~')
            return false;
    return true;
}
