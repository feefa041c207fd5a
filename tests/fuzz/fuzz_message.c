/* Any bytes as a message of a stream of traces, its id, subject and line behind a newline each: what is taken can be shown, named
 * and written as it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/sink/publish_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

static void take_id(const char *text)
{
    struct publish_id id;
    char again[PUBLISH_ID_MAX];

    if (!publish_id_take(text, &id))
        return;
    publish_id_text(&id, again);
    if (!is_printable(id.trace, strlen(id.trace)) || !publish_id_take(again, &id) ||
        strncmp(again, text, PUBLISH_TRACE_LEN) != 0)
        abort();
}

static void take_subject(const char *text)
{
    struct publish_subject s;
    char host[PUBLISH_HOST_MAX];

    if (!publish_subject_take(text, &s))
        return;
    memcpy(host, s.host, sizeof(host));
    publish_host_word(host); /* it is a word already */
    if (strcmp(host, s.host) != 0 || strlen(s.host) + strlen(s.kind) + strlen("tcplens..") != strlen(text) ||
        !is_printable(s.kind, strlen(s.kind)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text, *line;

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    take_id(strsep(&rest, "\n"));
    if (rest)
        take_subject(strsep(&rest, "\n"));
    line = rest ? rest : text + size;
    if (publish_is_line(line, (size_t)(text + size - line)) && !is_printable(line, (size_t)(text + size - line)))
        abort();
    free(text);
    return 0;
}
