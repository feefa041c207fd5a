/* Theory of operation. A thread takes frames from the pipe into the spool, whatever the server does: so who traces never waits
 * for the network. The other sends from the spool, in order, with so many on their way at once; a record leaves the spool when
 * the server has acknowledged it and all before it. When the connection ends, or the server is silent, all that is not
 * acknowledged is sent again on a new one: the server knows by its id what it has stored already.
 *
 * The server forgets ids after a while (two minutes, unless the stream says otherwise). So after an outage it is asked which of
 * our records it has stored behind the last one of which it said so: these are not sent again. Each by its number, for one that
 * was refused may lie between. */
#include "publish_sender.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "publish_frame.h"
#include "tcplens/base/log.h"

#define IN_FLIGHT 2048u /* a power of two */
#define PIECE (1u << 20)
#define FRAMES_MAX (256u << 10) /* bytes that the pipe gives at once */
#define RETRY_MS 500
#define SILENT_MS 5000 /* with records on their way: then the connection is given up */
#define DRAIN_MS 20000 /* at the end, while nothing more is stored: a busy server can be silent for a while */

struct on_its_way {
    uint64_t n, behind; /* its number; the position behind it */
    uint64_t at;        /* its sequence number in the stream, where it is stored */
    bool stored;
};

struct sender {
    struct sender_config config;
    struct spool *spool;
    struct publish_connection connection;
    bool connected;
    uint64_t sent; /* position of the next record to be sent */
    char *piece;   /* of the spool, that was read last */
    uint64_t piece_at;
    size_t piece_len;
    struct timespec progress;        /* when something was acknowledged last, or begun to be sent */
    struct timespec kept;            /* when a record left the spool last */
    char trouble[PUBLISH_ERROR_MAX]; /* what was told last */
    bool met;                        /* there was a connection */
    uint64_t last_n, last_n_before;  /* the last record that was ever sent; and before this connection */
    uint64_t known_at;               /* what of ours is stored, and not known to be, is behind this in the stream */
    uint64_t known[IN_FLIGHT];       /* numbers of what was found there, ascending */
    size_t known_count;

    /* What other threads say. */
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct on_its_way way[IN_FLIGHT];
    uint64_t first, next; /* in way, as numbers that only grow */
    bool news_came;
    atomic_bool closed, refused, ended; /* the connection; a record; the pipe */
    uint64_t lost;
    bool told_trouble, told_full;
};

/* ---- what other threads say ---- */

static void tell_news(struct sender *s)
{
    s->news_came = true;
    pthread_cond_signal(&s->news);
}

static void on_closed(natsConnection *connection, void *arg)
{
    struct sender *s = arg;

    pthread_mutex_lock(&s->lock);
    if (connection == s->connection.connection) { /* not one that was given up already */
        s->closed = true;
        tell_news(s);
    }
    pthread_mutex_unlock(&s->lock);
}

/* The record's; false: it is another trace's. */
static bool number_of(const struct sender *s, natsMsg *message, uint64_t *ret_n)
{
    struct publish_id id;
    const char *text;

    if (natsMsgHeader_Get(message, PUBLISH_ID, &text) != NATS_OK || !publish_id_take(text, &id) ||
        strcmp(id.trace, s->config.trace_id) != 0)
        return false;
    *ret_n = id.n;
    return true;
}

/* Numbers only grow from one to the next. NULL: it is not among them. */
static struct on_its_way *find(struct sender *s, uint64_t n)
{
    uint64_t low = s->first, high = s->next;

    while (low < high) {
        const uint64_t middle = (low + high) / 2;

        if (s->way[middle % IN_FLIGHT].n < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->next && s->way[low % IN_FLIGHT].n == n ? &s->way[low % IN_FLIGHT] : NULL;
}

static void tell_refused(struct sender *s, const char *why)
{
    if (s->told_trouble)
        return;
    s->told_trouble = true;
    log_note("publish: the server does not store records now (%s); they wait", why);
}

/* From the spool, as far as all is stored. What was sent on this connection alone is stored in its order. */
static void let_go(struct sender *s)
{
    const uint64_t first = s->first;

    for (; s->first < s->next && s->way[s->first % IN_FLIGHT].stored; s->first++) {
        const struct on_its_way *w = &s->way[s->first % IN_FLIGHT];

        spool_release(s->spool, w->behind);
        if (w->n > s->last_n_before)
            s->known_at = w->at;
    }
    if (s->first > first)
        clock_gettime(CLOCK_MONOTONIC, &s->kept);
}

static void note_stored(struct sender *s, uint64_t n, uint64_t at)
{
    struct on_its_way *w = find(s, n);

    if (!w)
        return;
    w->stored = true;
    w->at = at;
    if (s->told_trouble)
        log_note("publish: the server stores records again");
    s->told_trouble = false;
    let_go(s);
    clock_gettime(CLOCK_MONOTONIC, &s->progress);
}

static void on_ack(jsCtx *js, natsMsg *message, jsPubAck *ack, jsPubAckErr *refusal, void *arg)
{
    struct sender *s = arg;
    uint64_t n;

    (void)js;
    pthread_mutex_lock(&s->lock);
    if (ack && number_of(s, message, &n)) {
        note_stored(s, n, ack->Sequence);
    } else if (refusal && refusal->Err != NATS_CONNECTION_CLOSED && refusal->Err != NATS_INVALID_SUBSCRIPTION) {
        tell_refused(s, refusal->ErrText && *refusal->ErrText ? refusal->ErrText : natsStatus_GetText(refusal->Err));
        s->refused = true;
    }
    tell_news(s);
    pthread_mutex_unlock(&s->lock);
    natsMsg_Destroy(message);
}

/* ---- from the pipe into the spool ---- */

/* Whole frames, as many as there are; returns the bytes that they take. */
static size_t take_frames(struct sender *s, const char *bytes, size_t len, uint64_t *ret_lost)
{
    size_t at = 0, begin = 0;

    for (;;) {
        struct publish_frame f;
        const bool whole = len - at >= sizeof(f) && (memcpy(&f, bytes + at, sizeof(f)), len - at >= sizeof(f) + f.len);

        if (whole) {
            at += sizeof(f) + f.len;
            continue;
        }
        if (at == begin || spool_append(s->spool, bytes + begin, at - begin))
            return at;
        /* not all of them fit: one after the other */
        for (; begin < at; begin += sizeof(f) + f.len) {
            memcpy(&f, bytes + begin, sizeof(f));
            *ret_lost += !spool_append(s->spool, bytes + begin, sizeof(f) + f.len);
        }
        return at;
    }
}

static void note_frames(struct sender *s, uint64_t lost, bool ended)
{
    pthread_mutex_lock(&s->lock);
    s->lost += lost;
    s->ended = ended;
    if (lost && !s->told_full) {
        s->told_full = true;
        log_note("publish: the spool is full, records are lost");
    }
    tell_news(s);
    pthread_mutex_unlock(&s->lock);
}

static void *take(void *arg)
{
    struct sender *s = arg;
    char *buf = malloc(FRAMES_MAX);
    size_t len = 0;
    ssize_t n = 0;

    while (buf && ((n = read(s->config.frames, buf + len, FRAMES_MAX - len)) > 0 || (n < 0 && errno == EINTR))) {
        uint64_t lost = 0;
        size_t taken;

        if (n < 0)
            continue;
        len += (size_t)n;
        taken = take_frames(s, buf, len, &lost);
        memmove(buf, buf + taken, len - taken);
        len -= taken;
        note_frames(s, lost, false);
    }
    free(buf);
    note_frames(s, 0, true);
    return NULL;
}

/* ---- from the spool to the server ---- */

/* Bytes of the spool at `at`, valid until the next call; NULL: they are not there. */
static const char *look(struct sender *s, uint64_t at, size_t len)
{
    if (at < s->piece_at || at + len > s->piece_at + s->piece_len) {
        const int64_t n = spool_read(s->spool, at, s->piece, PIECE);

        s->piece_at = at;
        s->piece_len = n < 0 ? 0 : (size_t)n;
    }
    return at + len <= s->piece_at + s->piece_len ? s->piece + (at - s->piece_at) : NULL;
}

static natsStatus publish(struct sender *s, const struct publish_frame *f, const char *line)
{
    char subject[PUBLISH_SUBJECT_MAX], text[PUBLISH_ID_MAX];
    struct publish_id id = { .n = f->n };
    natsMsg *message = NULL;
    natsStatus status;

    publish_subject_text(s->config.host, line, f->len, subject);
    memcpy(id.trace, s->config.trace_id, sizeof(id.trace));
    publish_id_text(&id, text);
    status = natsMsg_Create(&message, subject, NULL, line, (int)f->len - (f->len && line[f->len - 1] == '\n'));
    if (status == NATS_OK)
        status = natsMsgHeader_Set(message, PUBLISH_ID, text);
    if (status == NATS_OK)
        status = js_PublishMsgAsync(s->connection.js, &message, NULL);
    natsMsg_Destroy(message);
    return status;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool is_known(const struct sender *s, uint64_t n)
{
    return bsearch(&n, s->known, s->known_count, sizeof(n), compare_numbers);
}

/* False: it has as many on their way as there may be. */
static bool begin_way(struct sender *s, uint64_t n, uint64_t behind, bool stored)
{
    bool room;

    pthread_mutex_lock(&s->lock);
    room = s->next - s->first < IN_FLIGHT;
    if (room) {
        if (s->first == s->next)
            clock_gettime(CLOCK_MONOTONIC, &s->progress);
        s->way[s->next++ % IN_FLIGHT] = (struct on_its_way){ .n = n, .behind = behind, .stored = stored };
        let_go(s);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

/* The library does not send it. A connection that was closed is told of when there is no new one. */
static void note_unsent(struct sender *s, natsStatus status)
{
    pthread_mutex_lock(&s->lock);
    if (status != NATS_CONNECTION_CLOSED)
        tell_refused(s, natsStatus_GetText(status));
    s->refused = true; /* it goes again with those behind it */
    pthread_mutex_unlock(&s->lock);
}

/* Sends as much as there is, and may be on its way. */
static void send_records(struct sender *s)
{
    const uint64_t head = spool_head(s->spool);

    if (s->sent < head) /* it leapt */
        s->sent = head;
    for (;;) {
        const char *bytes = look(s, s->sent, sizeof(struct publish_frame));
        struct publish_frame f;
        natsStatus status;
        bool stored;

        if (!bytes)
            return;
        memcpy(&f, bytes, sizeof(f));
        bytes = look(s, s->sent, sizeof(f) + f.len);
        stored = is_known(s, f.n);
        if (!bytes || !begin_way(s, f.n, s->sent + sizeof(f) + f.len, stored))
            return;
        s->sent += sizeof(f) + f.len;
        if (stored)
            continue;
        s->last_n = f.n > s->last_n ? f.n : s->last_n;
        status = publish(s, &f, bytes + sizeof(f));
        if (status != NATS_OK) {
            note_unsent(s, status);
            return;
        }
    }
}

/* ---- the connection ---- */

struct search {
    struct sender *sender;
    uint64_t from; /* records before this one are known to be stored */
};

static bool take_stored(void *arg, natsMsg *message, uint64_t at)
{
    const struct search *search = arg;
    struct sender *s = search->sender;
    uint64_t n;

    (void)at;
    if (number_of(s, message, &n) && n >= search->from && s->known_count < IN_FLIGHT)
        s->known[s->known_count++] = n;
    return true;
}

/* What was stored, though nobody told us, is found. */
static natsStatus find_stored(struct sender *s, const struct publish_connection *c)
{
    struct search search = { .sender = s };
    struct publish_walk walk = { .headers_only = true, .take = take_stored, .arg = &search };
    const char *bytes = look(s, spool_head(s->spool), sizeof(struct publish_frame));
    char subject[PUBLISH_SUBJECT_MAX];
    struct publish_frame f;
    natsStatus status;
    jsErrCode code = 0;

    s->known_count = 0;
    if (!bytes) /* nothing waits */
        return NATS_OK;
    memcpy(&f, bytes, sizeof(f));
    search.from = f.n;
    snprintf(subject, sizeof(subject), "tcplens.%s.>", s->config.host);
    status = publish_last_stored(c, subject, &walk.to, &code);
    if (status == NATS_NOT_FOUND) /* another stream takes our subjects */
        return NATS_OK;
    if (status != NATS_OK)
        return status;
    if (walk.to < s->known_at) /* the stream was made anew */
        s->known_at = 0;
    if (walk.to <= s->known_at)
        return NATS_OK;
    walk.subject = subject;
    walk.from = s->known_at + 1;
    status = publish_walk(c, &walk, &code);
    qsort(s->known, s->known_count, sizeof(*s->known), compare_numbers);
    return status;
}

/* Before the first of ours is sent, all that is stored is another's. */
static int meet(struct sender *s, const struct publish_connection *c, char error[static PUBLISH_ERROR_MAX])
{
    uint64_t last;
    int r = publish_have_stream(&s->config.server, c, &last, error);

    if (r < 0)
        return r;
    if (!s->met) {
        s->known_at = last;
    } else {
        const natsStatus status = find_stored(s, c);

        if (status != NATS_OK) {
            snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %.200s does not tell what it has stored: %s",
                     s->config.server.host, natsStatus_GetText(status));
            return -EPROTO;
        }
    }
    s->met = true;
    return 0;
}

static int connect_now(struct sender *s, char error[static PUBLISH_ERROR_MAX])
{
    struct publish_connection connection;
    int r;

    pthread_mutex_lock(&s->lock);
    s->closed = s->refused = false;
    s->first = s->next = 0;
    pthread_mutex_unlock(&s->lock);
    r = publish_connect(&s->config.server, 2 * IN_FLIGHT, on_closed, on_ack, s, &connection, error);
    if (r < 0)
        return r;
    r = meet(s, &connection, error);
    if (r < 0) {
        publish_disconnect(&connection);
        return r;
    }
    pthread_mutex_lock(&s->lock);
    s->connection = connection;
    pthread_mutex_unlock(&s->lock);
    s->connected = true;
    s->last_n_before = s->last_n;
    s->sent = spool_head(s->spool);
    return 0;
}

static void disconnect(struct sender *s)
{
    struct publish_connection connection;

    pthread_mutex_lock(&s->lock);
    connection = s->connection;
    s->connection = (struct publish_connection){ 0 };
    pthread_mutex_unlock(&s->lock);
    publish_disconnect(&connection);
    s->connected = false;
}

/* Once for each kind of it. */
static void tell_away(struct sender *s, const char *error)
{
    pthread_mutex_lock(&s->lock);
    if (!s->told_trouble || strcmp(s->trouble, error) != 0)
        log_note("publish: %s; records wait in the spool", error);
    snprintf(s->trouble, sizeof(s->trouble), "%s", error);
    s->told_trouble = true;
    pthread_mutex_unlock(&s->lock);
}

static void reconnect(struct sender *s)
{
    char error[PUBLISH_ERROR_MAX];

    if (connect_now(s, error) < 0)
        tell_away(s, error);
}

static int64_t ms_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* Waits for news, so long at most. */
static void wait_for_news(struct sender *s, unsigned ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    if (!s->news_came)
        pthread_cond_timedwait(&s->news, &s->lock, &until);
    s->news_came = false;
    pthread_mutex_unlock(&s->lock);
}

/* Nothing can be sent on it any more, or nothing comes back. */
static bool is_lost(struct sender *s)
{
    bool lost;

    pthread_mutex_lock(&s->lock);
    lost = s->closed || s->refused || (s->first < s->next && ms_since(&s->progress) > SILENT_MS);
    pthread_mutex_unlock(&s->lock);
    return lost;
}

static uint64_t count_left(struct sender *s)
{
    const char *bytes;
    uint64_t count = 0;

    for (uint64_t at = spool_head(s->spool); (bytes = look(s, at, sizeof(struct publish_frame))); count++) {
        struct publish_frame f;

        memcpy(&f, bytes, sizeof(f));
        at += sizeof(f) + f.len;
    }
    return count;
}

static void pause_ms(unsigned ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&t, NULL);
}

/* Somebody does not want to wait. */
static bool is_given_up(const struct sender *s)
{
    struct pollfd talk = { .fd = s->config.talk, .events = POLLIN };
    char byte;

    return poll(&talk, 1, 0) > 0 && read(s->config.talk, &byte, 1) == 1;
}

/* What is left at the end is waited for as long as it becomes less. */
static bool is_drained(struct sender *s, const struct timespec *ended)
{
    int64_t kept_ms;

    pthread_mutex_lock(&s->lock);
    kept_ms = ms_since(&s->kept);
    pthread_mutex_unlock(&s->lock);
    return spool_head(s->spool) == spool_tail(s->spool) || is_given_up(s) ||
           (ms_since(ended) > DRAIN_MS && kept_ms > DRAIN_MS);
}

/* One round: false when all is done. */
static bool go_on(struct sender *s, struct timespec *ended)
{
    if (!s->ended)
        clock_gettime(CLOCK_MONOTONIC, ended);
    else if (is_drained(s, ended))
        return false;
    if (s->connected && is_lost(s)) {
        const bool refused = s->refused;

        disconnect(s);
        if (refused)
            pause_ms(RETRY_MS);
    }
    if (!s->connected)
        reconnect(s);
    if (s->connected) {
        send_records(s);
        wait_for_news(s, RETRY_MS);
    } else {
        pause_ms(RETRY_MS);
    }
    return true;
}

uint64_t sender_run(struct sender *s)
{
    struct timespec ended;
    pthread_t taker;
    uint64_t left;

    if (pthread_create(&taker, NULL, take, s) != 0)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    while (go_on(s, &ended))
        ;
    pthread_join(taker, NULL);
    left = count_left(s);
    if (s->connected)
        disconnect(s);
    if (left || s->lost)
        log_note("publish: %llu records were not stored: %llu found no room in the spool, %llu were not acknowledged",
                 (unsigned long long)(left + s->lost), (unsigned long long)s->lost, (unsigned long long)left);
    return left + s->lost;
}

int sender_new(const struct sender_config *config, struct spool *spool, struct sender **ret_sender,
               char error[static PUBLISH_ERROR_MAX])
{
    struct sender *s = calloc(1, sizeof(*s));
    pthread_condattr_t by_what;
    int r = s ? 0 : -ENOMEM;

    if (r == 0)
        s->piece = malloc(PIECE);
    if (r < 0 || !s->piece) {
        snprintf(error, PUBLISH_ERROR_MAX, "out of memory");
        free(s);
        return -ENOMEM;
    }
    s->config = *config;
    s->spool = spool;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&by_what);
    pthread_condattr_setclock(&by_what, CLOCK_MONOTONIC); /* which nobody sets */
    pthread_cond_init(&s->news, &by_what);
    pthread_condattr_destroy(&by_what);
    r = connect_now(s, error);
    if (r == -ECONNREFUSED) { /* it may come yet */
        tell_away(s, error);
        r = 0;
    }
    *ret_sender = s;
    return r;
}
