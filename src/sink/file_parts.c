#include "file_parts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/trace/encode.h"

/* Connections, or listeners: in the order of their numbers, which is that of their records. */
struct kept {
    uint32_t id;
    uint64_t n;
    char *line; /* NULL: it has ended */
    size_t len;
};

struct shelf {
    struct kept *items;
    size_t count, size, ended;
};

struct parts {
    char *header;
    size_t header_len;
    struct shelf connections, listeners;
};

int parts_new(struct parts **ret_parts)
{
    *ret_parts = calloc(1, sizeof(**ret_parts));
    return *ret_parts ? 0 : -ENOMEM;
}

static void free_shelf(struct shelf *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i].line);
    free(s->items);
}

void parts_free(struct parts *p)
{
    if (!p)
        return;
    free_shelf(&p->connections);
    free_shelf(&p->listeners);
    free(p->header);
    free(p);
}

/* The number that follows a key; 0: the line has none. Texts hold no quote that is not escaped. */
static uint64_t number_of(const char *line, size_t len, const char *key)
{
    const char *at = memmem(line, len, key, strlen(key));

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static bool has(const char *line, size_t len, const char *text)
{
    return memmem(line, len, text, strlen(text)) != NULL;
}

static void sweep(struct shelf *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].line)
            s->items[count++] = s->items[i];
    s->count = count;
    s->ended = 0;
}

static struct kept *find(const struct shelf *s, uint32_t id)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (s->items[middle].id == id)
            return &s->items[middle];
        if (s->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void forget(struct shelf *s, uint32_t id)
{
    struct kept *k = find(s, id);

    if (!k || !k->line)
        return;
    free(k->line);
    k->line = NULL;
    if (++s->ended > s->count / 2 && s->ended > 64)
        sweep(s);
}

static void keep(struct shelf *s, uint32_t id, const char *line, size_t len)
{
    struct kept k = { .id = id, .n = number_of(line, len, "\"n\":"), .len = len };

    if (s->count && s->items[s->count - 1].id >= id)
        return; /* told again */
    if (s->count == s->size) {
        const size_t size = s->size ? 2 * s->size : 256;
        struct kept *items = realloc(s->items, size * sizeof(*items));

        if (!items)
            return;
        s->items = items;
        s->size = size;
    }
    k.line = malloc(len);
    if (!k.line)
        return;
    memcpy(k.line, line, len);
    s->items[s->count++] = k;
}

static bool begins(const char *line, size_t len, const char *text)
{
    return len > strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

void parts_note(struct parts *p, const char *line, size_t len)
{
    if (begins(line, len, "{\"record\":\"connection\",")) {
        keep(&p->connections, (uint32_t)number_of(line, len, ",\"conn\":"), line, len);
    } else if (begins(line, len, "{\"record\":\"outcome\",")) {
        forget(&p->connections, (uint32_t)number_of(line, len, ",\"conn\":"));
    } else if (begins(line, len, "{\"record\":\"listener\",")) {
        const uint32_t id = (uint32_t)number_of(line, len, ",\"listener\":");

        if (has(line, len, ",\"closed\":true"))
            forget(&p->listeners, id);
        else
            keep(&p->listeners, id, line, len);
    } else if (begins(line, len, "{\"record\":\"header\",")) {
        p->header = strndup(line, len);
        p->header_len = p->header ? len : 0;
    }
}

static const struct kept *next_of(const struct shelf *s, size_t *at)
{
    while (*at < s->count && !s->items[*at].line)
        ++*at;
    return *at < s->count ? &s->items[*at] : NULL;
}

void parts_header(const struct parts *p, unsigned part, void (*put)(void *arg, const char *line, size_t len), void *arg)
{
    char *line = malloc(p->header_len + 32);
    int len;

    if (!line || p->header_len < 3)
        return;
    len = sprintf(line, "%.*s,\"part\":%u}\n", (int)(p->header_len - 2), p->header, part);
    put(arg, line, (size_t)len);
    free(line);
}

void parts_begin(const struct parts *p, unsigned part, void (*put)(void *arg, const char *line, size_t len), void *arg)
{
    const struct kept *connection, *listener;
    size_t c = 0, l = 0;

    parts_header(p, part, put, arg);
    while ((connection = next_of(&p->connections, &c)), (listener = next_of(&p->listeners, &l)),
           connection || listener) {
        const bool first = connection && (!listener || connection->n < listener->n);
        const struct kept *k = first ? connection : listener;

        put(arg, k->line, k->len);
        c += first;
        l += !first;
    }
}
