#include "read_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZLIB_CONST /* what is compressed is only read */
#include <zlib.h>

#include "feed.h"
#include "tcplens/base/log.h"
#include "tcplens/trace/encode.h"
#include "tcplens/trace/reader.h"

#define CHUNK (1u << 18)
#define HEAD 4096

/* A connection or a listener that was told of. */
struct told {
    uint32_t id;
    bool wanted, requested;           /* requested: it is in the SYN queue */
    struct endpoint endpoints[END_N]; /* of a listener the first */
};

/* In the order of their numbers, which is nearly that in which they come. */
struct table {
    struct told *items;
    size_t count, size;
};

struct reading {
    const struct read_trace *config;
    struct table connections, listeners;
    uint64_t start_ns, segments, counts[CHANGE_KIND_N];
    bool header, filtered, out_of_memory;
    bool over; /* the segment behind the last that is wanted has come */
    int error; /* of writing */
};

/* ---- what it is ---- */

/* A trace's first byte is that of an object, and no capture's is. */
static bool begins_trace(const unsigned char *head, size_t len)
{
    unsigned char plain[4] = { 0 };
    z_stream zip = { .next_in = head, .avail_in = (unsigned)len, .next_out = plain, .avail_out = sizeof(plain) };

    if (len > 2 && head[0] == 0x1f && head[1] == 0x8b && inflateInit2(&zip, 16 + MAX_WBITS) == Z_OK) {
        (void)inflate(&zip, Z_SYNC_FLUSH);
        inflateEnd(&zip);
        head = plain;
        len = sizeof(plain) - zip.avail_out;
    }
    if (len > 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        head += 3;
    return len && *head == '{';
}

/* What was read of a pipe, and the rest, from a pipe of our own. */
static int feed_again(int fd, const unsigned char *head, size_t len)
{
    unsigned char buffer[1 << 14];
    int again;
    const pid_t child = feed_start(&again);
    ssize_t n;

    if (child)
        return child < 0 ? -1 : again;
    if (feed_write(again, head, len))
        while ((n = read(fd, buffer, sizeof(buffer))) > 0 && feed_write(again, buffer, (size_t)n))
            ;
    _exit(0);
}

bool read_is_trace(int *fd)
{
    unsigned char head[HEAD];
    ssize_t n = pread(*fd, head, sizeof(head), 0);
    size_t len = 0;
    int again;

    if (n >= 0)
        return begins_trace(head, (size_t)n);
    while (len < sizeof(head) && (n = read(*fd, head + len, sizeof(head) - len)) > 0)
        len += (size_t)n;
    again = feed_again(*fd, head, len);
    if (again < 0)
        return false;
    close(*fd);
    *fd = again;
    return begins_trace(head, len);
}

/* ---- who is wanted ---- */

/* Where the number is, or belongs. */
static size_t place_of(const struct table *t, uint32_t id)
{
    size_t low = 0, high = t->count;

    if (high && t->items[high - 1].id < id)
        return high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (t->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct told *find(const struct table *t, uint32_t id)
{
    const size_t at = place_of(t, id);

    return at < t->count && t->items[at].id == id ? &t->items[at] : NULL;
}

static void note(struct reading *r, struct table *t, const struct told *k)
{
    const size_t at = place_of(t, k->id);

    if (at < t->count && t->items[at].id == k->id) {
        t->items[at] = *k;
        return;
    }
    if (t->count == t->size) {
        const size_t size = t->size ? 2 * t->size : 256;
        struct told *items = realloc(t->items, size * sizeof(*items));

        if (!items) {
            r->out_of_memory = true;
            return;
        }
        t->items = items;
        t->size = size;
    }
    memmove(&t->items[at + 1], &t->items[at], (t->count - at) * sizeof(*t->items));
    t->items[at] = *k;
    t->count++;
}

static bool endpoints_wanted(const struct reading *r, bool datagram, const struct endpoint *a, const struct endpoint *b)
{
    return filter_wants(r->config->filter, a, b) &&
           (!r->config->expression || expression_wants(r->config->expression, datagram, a, b));
}

/* Learns from what begins. */
static void learn(struct reading *r, const struct change *c)
{
    static const struct endpoint nobody;
    struct told k;

    if (c->kind == CHANGE_CONNECTION) {
        k = (struct told){ .id = c->conn, .endpoints = { c->connection.client, c->connection.server } };
        k.wanted = endpoints_wanted(r, false, &k.endpoints[0], &k.endpoints[1]);
        note(r, &r->connections, &k);
    } else if (c->kind == CHANGE_LISTENER) {
        k = (struct told){ .id = c->listener, .endpoints = { c->listening.addr } };
        k.wanted = endpoints_wanted(r, false, &k.endpoints[0], &nobody);
        note(r, &r->listeners, &k);
    }
}

/* A connection leaves the SYN queue and joins the accept queue in one: a trace has one word for both. */
static void tell_apart(struct told *k, enum queue_why *why)
{
    if (*why == QUEUE_ESTABLISHED && !k->requested)
        *why = QUEUE_JOINED;
    k->requested = *why == QUEUE_SYN;
}

static bool segment_wanted(const struct reading *r, const struct change *c)
{
    const unsigned control = SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST;

    return r->config->segments == CONN_SEGMENTS_ALL ||
           (r->config->segments == CONN_SEGMENTS_CONTROL && ((c->segment.segment.flags & control) || c->segment.notes));
}

/* As many segments came as were wanted, and one more. What it was about ends as the trace says, and is told to. */
static bool is_over(struct reading *r, const struct change *c, const struct told *known)
{
    r->over |= c->kind == CHANGE_SEGMENT && r->config->segments_max && r->segments == r->config->segments_max;
    return r->over && !(c->kind == CHANGE_OUTCOME && known);
}

/* known: who it is about. What is about nobody is told where all are wanted, and losses are in any case. */
static bool is_wanted(const struct reading *r, const struct change *c, const struct told *known)
{
    if (c->kind == CHANGE_SEGMENT && !segment_wanted(r, c))
        return false;
    if (!r->filtered || c->kind == CHANGE_GAP)
        return true;
    if (c->kind == CHANGE_DATAGRAM)
        return endpoints_wanted(r, true, &c->datagram.datagram.src, &c->datagram.datagram.dst);
    return known && known->wanted;
}

/* ---- telling ---- */

static void put_text(struct reading *r, int status, char *line, uint64_t n)
{
    if (status < 0) {
        r->error = r->error ? r->error : status;
        return;
    }
    sinks_line(r->config->sinks, line, strlen(line), n);
    free(line);
}

static void on_header(struct reading *r, const struct trace_header *header)
{
    struct trace_header own = *header;
    char *line = NULL;
    int status = 0;

    r->header = true;
    r->start_ns = header->start_ns;
    if (r->filtered)
        own.filter = *r->config->filter;
    if (r->config->sinks->want_lines)
        status = trace_encode_header(&own, &line);
    if (line || status < 0)
        put_text(r, status, line, 0);
}

static void on_change(struct reading *r, struct change *c)
{
    struct told *known;
    char buf[TRACE_LINE_MAX];

    if (!r->over)
        learn(r, c);
    known = c->conn ? find(&r->connections, c->conn) : c->listener ? find(&r->listeners, c->listener) : NULL;
    if (c->kind == CHANGE_QUEUE && c->conn && known)
        tell_apart(known, &c->queue.why);
    if (!is_wanted(r, c, known) || is_over(r, c, known))
        return;
    if (c->kind == CHANGE_OUTCOME) {
        static const struct endpoint unknown[END_N];

        c->outcome.endpoints = known ? known->endpoints : unknown;
    }
    r->segments += c->kind == CHANGE_SEGMENT;
    r->counts[c->kind]++;
    if (r->config->sinks->want_lines) {
        char *line = sinks_room(r->config->sinks, sizeof(buf), buf);

        sinks_line(r->config->sinks, line, trace_encode(c, r->start_ns, line), c->n);
    }
    sinks_change(r->config->sinks, c, r->start_ns);
}

static void on_end(struct reading *r, const struct trace_end *end)
{
    struct trace_end own = *end;
    char *line = NULL;
    int status;

    memcpy(own.counts, r->counts, sizeof(own.counts));
    if (r->over)
        own.reason = END_REASON_COUNT;
    if (!r->config->sinks->want_lines)
        return;
    status = trace_encode_end(&own, r->start_ns, &line);
    put_text(r, status, line, own.n);
}

static void on_line(void *arg, const struct trace_line *line)
{
    struct reading *r = arg;
    struct change change;

    switch (line->kind) {
    case TRACE_LINE_HEADER: on_header(r, &line->header); break;
    case TRACE_LINE_CHANGE:
        change = line->change;
        on_change(r, &change);
        break;
    case TRACE_LINE_END: on_end(r, &line->end); break;
    case TRACE_LINE_UNKNOWN: break;
    }
}

/* Reads to the end, or until nobody reads what is written. *ret_damage: of compressed data. */
static void feed(struct reading *r, struct trace_reader *reader, gzFile in, char *buffer, const char **ret_damage)
{
    int got;

    do {
        got = gzread(in, buffer, CHUNK);
        *ret_damage = command_gzip_damage(in, got);
        if (got > 0)
            trace_reader_feed(reader, buffer, (size_t)got);
        if (r->error == 0)
            r->error = sinks_flush(r->config->sinks, false);
    } while (got > 0 && !*ret_damage && r->error == 0);
    trace_reader_finish(reader);
}

static int finish(struct reading *r, const struct trace_reader *reader, const char *damage)
{
    const char *name = command_input_name(r->config->path);
    const struct trace_reader_result *found;
    int status;

    if (r->error == -EPIPE)
        return EXIT_DONE;
    if (!r->header) {
        log_error("%s is no tcplens trace: its first line is not the header of one", name);
        return EXIT_FAILED;
    }
    status = sinks_flush(r->config->sinks, true);
    sinks_finish(r->config->sinks);
    r->error = r->error ? r->error : status;
    if (r->error < 0 && r->error != -EPIPE) {
        log_error("cannot write %s: %s", r->config->sinks->failed ? r->config->sinks->failed : "what was read",
                  strerror(-r->error));
        return EXIT_FAILED;
    }
    if (r->out_of_memory)
        log_note("%s: there was no memory for all connections; some are not told", name);
    found = trace_reader_result(reader);
    return command_tell_damage(
        name, &(struct command_damage){ found->broken, found->first_broken, damage, found->ended, found->part });
}

int read_trace(const struct read_trace *config, int fd)
{
    struct reading r = { .config = config,
                         .filtered = config->filter->port_count || config->filter->host_count || config->expression };
    char *buffer = malloc(CHUNK);
    gzFile in = gzdopen(fd, "rb");
    struct trace_reader *reader = NULL;
    const char *damage = NULL;
    int status = EXIT_FAILED;

    if (!in || !buffer || trace_reader_new(NULL, on_line, &r, &reader) < 0) {
        log_error("out of memory");
    } else {
        feed(&r, reader, in, buffer, &damage);
        status = finish(&r, reader, damage);
    }
    trace_reader_free(reader);
    free(r.connections.items);
    free(r.listeners.items);
    free(buffer);
    if (in)
        gzclose(in);
    else
        close(fd);
    return status;
}
