/* A connection's number is its place, modulo the size. That grows up to as many connections as are followed at once; from
 * there on a new one takes the place of the one that many numbers before. */
#include "conns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

#define FIRST_SIZE 64u
#define SIZE_MAX_ROWS (1u << 20)
static_assert(SIZE_MAX_ROWS >= LIMIT_CONNECTIONS, "as many as are followed");

struct conns {
    uint32_t size; /* a power of two */
    struct conn_row *rows;
};

int conns_new(struct conns **ret_conns)
{
    struct conns *c = malloc(sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->size = FIRST_SIZE;
    c->rows = calloc(c->size, sizeof(*c->rows));
    if (!c->rows) {
        free(c);
        return -ENOMEM;
    }
    *ret_conns = c;
    return 0;
}

void conns_free(struct conns *c)
{
    if (!c)
        return;
    free(c->rows);
    free(c);
}

struct conn_row *conns_of(const struct conns *c, uint32_t conn)
{
    struct conn_row *row = &c->rows[conn & (c->size - 1)];

    return conn && row->conn == conn ? row : NULL;
}

/* Numbers below the old size keep their places. */
static void grow_for(struct conns *c, uint32_t conn)
{
    uint32_t size = c->size;
    struct conn_row *rows;

    while (size <= conn && size < SIZE_MAX_ROWS)
        size *= 2;
    if (size == c->size)
        return;
    rows = calloc(size, sizeof(*rows));
    if (!rows)
        return;
    for (uint32_t i = 0; i < c->size; i++)
        if (c->rows[i].conn)
            rows[c->rows[i].conn & (size - 1)] = c->rows[i];
    free(c->rows);
    c->rows = rows;
    c->size = size;
}

static void take_connection(struct conns *c, const struct change *change)
{
    struct conn_row row = { .conn = change->conn };

    row.at[END_CLIENT] = change->connection.client;
    row.at[END_SERVER] = change->connection.server;
    grow_for(c, change->conn);
    c->rows[change->conn & (c->size - 1)] = row;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The number of a SYN stands in the trace as it was sent; that of others only where their headers do. */
static void take_segment(struct conn_row *row, const struct change *change)
{
    const struct segment *s = &change->segment.segment;
    const struct segment_header *h = &change->segment.header;
    const enum end end = change->end;

    if (end >= END_N || (!(s->flags & SEGMENT_SYN) && (h->len < 20 || row->isn_known[end])))
        return;
    row->isn_known[end] = true;
    row->isn[end] = (h->len < 20 ? s->seq : be32(h->bytes + 4)) - (uint32_t)change->segment.seq;
    if (s->flags & SEGMENT_SYN) {
        row->scaled[end] = (s->options & SEGMENT_OPT_WSCALE) != 0;
        row->wscale[end] = s->wscale < 14 ? s->wscale : 14;
    }
}

void conns_take(struct conns *c, const struct change *change)
{
    struct conn_row *row;

    if (change->kind == CHANGE_CONNECTION)
        take_connection(c, change);
    else if (change->kind == CHANGE_SEGMENT && (row = conns_of(c, change->conn)))
        take_segment(row, change);
}
