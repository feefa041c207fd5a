/* Any bytes as the kernel's answers about sockets, and those as samples. The first byte of the input says how many parts
 * of a dump follow; the rest is divided evenly. Besides memory safety (each part is copied to where it just fits) this
 * holds: what is told adds up, socket by socket, to what the last sample showed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/source/diag_parse.h"
#include "../../src/source/diag_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEQ 1
#define PARTS_MAX 8
#define SOCKETS_MAX 64
#define INVARIANT(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

struct run {
    struct diag_table *table;
    uint64_t now_ns;
    size_t alive; /* sockets told of, and not yet of their end */
};

static void check(const struct diag_socket *d)
{
    INVARIANT(d->state > TCP_STATE_UNKNOWN && d->state < TCP_STATE_N);
    INVARIANT(!d->request || d->state == TCP_STATE_SYN_RECEIVED);
    INVARIANT(!d->minisock || d->state == TCP_STATE_FIN_WAIT_2 || d->state == TCP_STATE_TIME_WAIT);
    INVARIANT(d->minisock || !d->expires_ms);
    INVARIANT(d->state == TCP_STATE_LISTEN || (!d->accept && !d->backlog && !d->drops));
    INVARIANT(d->state != TCP_STATE_LISTEN || !d->remote.port);
}

static void on_socket(void *arg, const struct diag_socket *d)
{
    struct run *run = arg;

    check(d);
    if (d->state == TCP_STATE_CLOSED)
        diag_table_destroyed(run->table, d);
    else
        diag_table_socket(run->table, d, run->now_ns);
}

static void on_event(void *arg, const struct event *e)
{
    struct run *run = arg;

    INVARIANT(e->source == WITNESS_DIAG && e->ts_ns == run->now_ns);
    if (e->kind == EVENT_SOCK_STATE) {
        INVARIANT(e->sock.to == TCP_STATE_CLOSED && e->sock.from != TCP_STATE_CLOSED);
        if (e->sock.from == TCP_STATE_UNKNOWN)
            return;
        INVARIANT(run->alive > 0);
        run->alive--;
        return;
    }
    INVARIANT(e->kind == EVENT_SNAPSHOT && e->snapshot.state != TCP_STATE_CLOSED);
    INVARIANT(e->snapshot.minisock == (e->snapshot.expires_ns != 0));
}

/* In the first sample every socket is told once. */
static void count_first(void *arg, const struct event *e)
{
    struct run *run = arg;

    on_event(arg, e);
    run->alive += e->kind == EVENT_SNAPSHOT;
}

static int parse(struct run *run, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    int r;

    INVARIANT(copy);
    if (size)
        memcpy(copy, data, size);
    r = diag_parse(copy, size, SEQ, on_socket, run);
    INVARIANT(r <= 1 && r >= -4095);
    free(copy);
    return r;
}

static void not_again(void *arg, const struct event *e)
{
    (void)arg;
    INVARIANT(e->kind == EVENT_SOCK_STATE); /* destructions are announced again too */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct diag_table_config config = { .netns = 1, .socket_max = SOCKETS_MAX };
    struct run run = { .now_ns = 1000000000 };
    size_t parts, each;

    if (size < 1 || diag_table_new(&config, 1, &run.table) < 0)
        return 0;
    parts = data[0] % PARTS_MAX + 1;
    each = (size - 1) / parts;
    diag_table_begin(run.table);
    for (size_t i = 0; i < parts; i++)
        (void)parse(&run, data + 1 + i * each, each);
    (void)diag_table_end(run.table, 1, run.now_ns, count_first, &run);
    INVARIANT(run.alive <= SOCKETS_MAX);

    diag_table_begin(run.table);
    for (size_t i = 0; i < parts; i++)
        (void)parse(&run, data + 1 + i * each, each);
    (void)diag_table_end(run.table, 1, run.now_ns, not_again, &run);

    for (unsigned missed = 0; missed < 2; missed++) { /* some are in doubt for a tenth of a second */
        run.now_ns += 100000000;
        diag_table_begin(run.table);
        (void)diag_table_end(run.table, 1, run.now_ns, on_event, &run);
    }
    INVARIANT(run.alive == 0);
    diag_table_free(run.table);
    return 0;
}
