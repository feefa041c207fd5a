/* The ring holds entries back to back: a struct entry, then the bytes of the line; both may wrap around its end.
 * Positions count bytes ever written, so that they only grow and `position < tail` means overtaken.
 *
 * Finding a record number would be a walk through the whole ring with the writer waiting, so a sparse index remembers
 * one entry per stride: a search looks at INDEX_SLOTS slots and walks one stride at most. A slot is a hint, checked
 * against the tail before it is believed. */
#include "tcplens/sink/http_history.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_SLOTS 1024

struct entry {
    uint64_t n;
    uint32_t len; /* 0: the line did not fit and is lost */
    uint32_t unused;
};

struct slot {
    uint64_t position, line, n;
    bool used;
};

struct http_history {
    pthread_mutex_t lock;
    char *header; /* start of the allocation; the ring is what follows */
    size_t header_len;
    char *ring;
    size_t size;
    uint64_t head, tail;           /* positions: where the next entry goes, the oldest entry */
    uint64_t head_line, tail_line; /* their ordinals */
    uint64_t shown;                /* position up to which readers see */
    bool any_shown, finished;
    size_t stride;
    struct slot index[INDEX_SLOTS];
};

int http_history_new(size_t size, struct http_history **ret_history)
{
    if (size < HTTP_HISTORY_MIN)
        size = HTTP_HISTORY_MIN;
    struct http_history *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->header = malloc(size);
    if (!h->header) {
        free(h);
        return -ENOMEM;
    }
    h->ring = h->header;
    h->size = size;
    h->stride = size / INDEX_SLOTS;
    pthread_mutex_init(&h->lock, NULL);
    *ret_history = h;
    return 0;
}

struct http_history *http_history_free(struct http_history *h)
{
    if (h) {
        pthread_mutex_destroy(&h->lock);
        free(h->header);
        free(h);
    }
    return NULL;
}

static void ring_put(struct http_history *h, uint64_t position, const void *from, size_t len)
{
    size_t at = position % h->size;
    size_t first = len < h->size - at ? len : h->size - at;
    memcpy(h->ring + at, from, first);
    memcpy(h->ring, (const char *)from + first, len - first);
}

static void ring_get(const struct http_history *h, uint64_t position, void *to, size_t len)
{
    size_t at = position % h->size;
    size_t first = len < h->size - at ? len : h->size - at;
    memcpy(to, h->ring + at, first);
    memcpy((char *)to + first, h->ring, len - first);
}

static struct entry entry_at(const struct http_history *h, uint64_t position)
{
    struct entry e;
    ring_get(h, position, &e, sizeof(e));
    return e;
}

static void append_entry(struct http_history *h, const char *line, size_t len, uint64_t n)
{
    if (len > h->size - sizeof(struct entry) || len > UINT32_MAX)
        len = 0;
    struct entry e = { .n = n, .len = (uint32_t)len };
    size_t need = sizeof(e) + len;
    while (h->head + need - h->tail > h->size) {
        h->tail += sizeof(e) + entry_at(h, h->tail).len;
        h->tail_line++;
    }
    struct slot *slot = &h->index[h->head / h->stride % INDEX_SLOTS];
    if (!slot->used || slot->position / h->stride != h->head / h->stride)
        *slot = (struct slot){ .position = h->head, .line = h->head_line, .n = n, .used = true };
    ring_put(h, h->head, &e, sizeof(e));
    ring_put(h, h->head + sizeof(e), line, len);
    h->head += need;
    h->head_line++;
}

void http_history_append(struct http_history *h, const char *line, size_t len, uint64_t n)
{
    pthread_mutex_lock(&h->lock);
    if (n == 0 && h->head == 0 && !h->header_len && len <= h->size / 4) {
        memcpy(h->header, line, len);
        h->header_len = len;
        h->ring = h->header + len;
        h->size -= len;
    } else {
        append_entry(h, line, len, n);
    }
    pthread_mutex_unlock(&h->lock);
}

static void show(struct http_history *h)
{
    h->shown = h->head;
    h->any_shown = h->header_len || h->head;
}

void http_history_show(struct http_history *h)
{
    pthread_mutex_lock(&h->lock);
    show(h);
    pthread_mutex_unlock(&h->lock);
}

void http_history_finish(struct http_history *h)
{
    pthread_mutex_lock(&h->lock);
    show(h);
    h->finished = true;
    pthread_mutex_unlock(&h->lock);
}

struct http_cursor http_history_seek(struct http_history *h, uint64_t after, bool snapshot)
{
    struct http_cursor c = { .limit = UINT64_MAX };
    pthread_mutex_lock(&h->lock);
    if (after != HTTP_HISTORY_ALL) {
        c.after = after;
        c.resuming = true;
        for (size_t i = 0; i < INDEX_SLOTS; i++) {
            const struct slot *s = &h->index[i];
            if (s->used && s->position >= h->tail && s->n <= after && s->position >= c.position) {
                c.position = s->position;
                c.line = s->line;
            }
        }
    }
    if (snapshot) {
        c.limit = h->shown;
        c.past_header = !h->any_shown;
    }
    pthread_mutex_unlock(&h->lock);
    return c;
}

/* Makes room for need more bytes. */
static bool batch_grow(struct http_batch *b, size_t need)
{
    if (b->size - b->len >= need)
        return true;
    char *data = realloc(b->data, b->len + need);
    if (!data)
        return false;
    b->data = data;
    b->size = b->len + need;
    return true;
}

static void batch_put(struct http_batch *b, const char *prefix, size_t prefix_len)
{
    memcpy(b->data + b->len, prefix, prefix_len);
    b->len += prefix_len;
    b->lines++;
}

/* Moves an overtaken cursor to the oldest line. Returns the number of lines that it wanted and did not get. */
static uint64_t skip_overtaken(const struct http_history *h, struct http_cursor *c)
{
    uint64_t lost = h->tail_line - c->line;
    if (c->resuming) {
        /* Not all of them were news to this reader; how many, only the record numbers can tell. */
        uint64_t oldest = entry_at(h, h->tail).n;
        uint64_t span = oldest > c->after ? oldest - c->after - 1 : 0;
        lost = lost < span ? lost : span;
    }
    c->position = h->tail;
    c->line = h->tail_line;
    return lost;
}

static void read_locked(const struct http_history *h, struct http_cursor *c, const char *prefix, size_t reserve,
                        size_t max_lines, size_t max_bytes, struct http_batch *b)
{
    size_t prefix_len = strlen(prefix);
    if (!c->past_header && h->any_shown) {
        if (h->header_len && !c->resuming) {
            if (!batch_grow(b, prefix_len + h->header_len + reserve))
                return;
            batch_put(b, prefix, prefix_len);
            memcpy(b->data + b->len, h->header, h->header_len);
            b->len += h->header_len;
            b->first = b->last = 0;
        }
        c->past_header = true;
    }
    if (c->position < h->tail) {
        if (b->lines)
            return; /* what is lost comes after the header */
        b->lost = skip_overtaken(h, c);
        if (b->lost)
            return;
    }
    uint64_t end = h->shown < c->limit ? h->shown : c->limit;
    while (c->position < end && b->lines < max_lines) {
        struct entry e = entry_at(h, c->position);
        bool wanted = !c->resuming || e.n > c->after;
        if (wanted) {
            size_t need = prefix_len + e.len;
            if (b->lines && (!e.len || b->len + need > max_bytes))
                break;
            if (!e.len || !batch_grow(b, need + reserve)) {
                b->lost = 1;
            } else {
                b->first = b->lines ? b->first : e.n;
                batch_put(b, prefix, prefix_len);
                ring_get(h, c->position + sizeof(e), b->data + b->len, e.len);
                b->len += e.len;
                b->last = e.n;
            }
            c->resuming = false;
        }
        c->position += sizeof(e) + e.len;
        c->line++;
        if (b->lost)
            break;
    }
}

enum http_history_result http_history_read(struct http_history *h, struct http_cursor *c, const char *prefix,
                                           size_t reserve, size_t max_lines, size_t max_bytes, struct http_batch *b)
{
    b->len = 0;
    b->lines = 0;
    b->lost = 0;
    /* Done before the lock is taken, so that the writer does not wait for the allocator. */
    bool room = batch_grow(b, max_bytes + 2 * reserve);
    b->len = reserve;
    pthread_mutex_lock(&h->lock);
    if (room)
        read_locked(h, c, prefix, reserve, max_lines, max_bytes, b);
    bool at_limit = c->past_header && c->position >= c->limit;
    bool complete = h->finished && c->position >= h->shown && (c->past_header || !h->any_shown);
    pthread_mutex_unlock(&h->lock);
    if (b->lines)
        return HTTP_HISTORY_LINES;
    if (b->lost)
        return HTTP_HISTORY_LOST;
    return at_limit || complete ? HTTP_HISTORY_END : HTTP_HISTORY_WAIT;
}

void http_batch_done(struct http_batch *b)
{
    free(b->data);
    *b = (struct http_batch){ 0 };
}
