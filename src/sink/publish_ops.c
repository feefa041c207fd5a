/* Records go to a NATS server, each to a subject of its own kind: the options that ask for it, and what is kept here while the
 * process that sends them has no room. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "publish_frame.h"
#include "publish_process.h"
#include "publish_queue.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/sink/sink.h"

#define PUSH_EACH (256u << 10) /* bytes */
#define LAST_MS 10000          /* for what is still here when the trace ends */

struct options {
    struct publish_server server;
    char folder[256]; /* "": FOLDER */
    uint64_t spool;   /* bytes; 0: LIMIT_SPOOL */
};
#define FOLDER "/var/tmp"

struct publish {
    struct publish_process process;
    struct publish_server server;
    struct publish_queue queue;
    size_t fresh; /* bytes in it that came after the last push */
    uint64_t lost;
    bool broken;  /* nobody takes them any more */
    bool patient; /* nobody is kept waiting: nothing is traced any more */
};

static int take_folder(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct options *o = member;

    if (!*value || strlen(value) >= sizeof(o->folder)) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes a folder");
        return -EINVAL;
    }
    strcpy(o->folder, value);
    return 0;
}

static int take_size(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char *rest;
    const unsigned long mib = strtoul(value, &rest, 10);

    if (*value < '0' || *value > '9' || *rest || !mib || mib > 1 << 20) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes MiB, 1 to 1048576, not '%.100s'", value);
        return -EINVAL;
    }
    ((struct options *)member)->spool = (uint64_t)mib << 20;
    return 0;
}

static const struct option_row rows[] = {
    { .name = "publish",
      .argument = "nats://HOST[:PORT]",
      .help = "send each record to this NATS server's JetStream, to the subject tcplens.HOST.RECORD",
      .kind = OPTION_TAKEN,
      .take = publish_server_take,
      .offset = offsetof(struct options, server) },
    { .name = "spool",
      .argument = "FOLDER",
      .help = "where records wait while that is out of reach (default " FOLDER ")",
      .kind = OPTION_TAKEN,
      .take = take_folder,
      .completion = COMPLETE_FILE },
    { .name = "spool-size",
      .argument = "MIB",
      .help = "how much may wait there (default 1024)",
      .kind = OPTION_TAKEN,
      .take = take_size },
};
static const struct option_table table = OPTION_TABLE(rows);

static bool is_wanted(const void *config)
{
    return *((const struct options *)config)->server.host;
}

static void name_host(char host[static PUBLISH_HOST_MAX])
{
    if (gethostname(host, PUBLISH_HOST_MAX) < 0 || !*host)
        strcpy(host, "unknown");
    host[PUBLISH_HOST_MAX - 1] = '\0';
    publish_host_word(host);
}

static int name_trace(char id[static PUBLISH_TRACE_LEN + 1])
{
    unsigned char bytes[PUBLISH_TRACE_LEN / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int start(struct publish *p, const struct options *o, char error[static SINK_ERROR_MAX])
{
    struct sender_config config = { .server = o->server };
    char why[PUBLISH_ERROR_MAX] = "";
    int r = name_trace(config.trace_id);

    name_host(config.host);
    if (r == 0)
        r = publish_server_resolve(&config.server, why);
    p->server = config.server;
    if (r == 0)
        r = publish_process_start(&p->process, &config, *o->folder ? o->folder : FOLDER,
                                  o->spool ? o->spool : (uint64_t)LIMIT_SPOOL, why);
    if (r < 0)
        snprintf(error, SINK_ERROR_MAX, "--publish: %.480s", *why ? why : strerror(-r));
    else
        log_note("publish: subjects tcplens.%s.>, trace %s", config.host, config.trace_id);
    return r;
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    const struct options *o = config;
    struct publish *p;
    int r = -ENOMEM;

    (void)context;
    if (!is_wanted(config) && (*o->folder || o->spool)) {
        snprintf(error, SINK_ERROR_MAX, "--spool and --spool-size are of records that wait: they go with --publish");
        return -EINVAL;
    }
    if (!is_wanted(config))
        return 0;
    p = calloc(1, sizeof(*p));
    if (p && publish_queue_open(&p->queue, LIMIT_PUBLISH_BUFFER) == 0)
        r = start(p, o, error);
    else
        snprintf(error, SINK_ERROR_MAX, "out of memory");
    if (r < 0) {
        if (p)
            publish_queue_close(&p->queue);
        free(p);
        return r == -EINVAL ? -EIO : r;
    }
    *ret_sink = p;
    return 0;
}

/* As much as the pipe takes. */
static void push(struct publish *p)
{
    p->fresh = 0;
    if (!p->broken && publish_queue_push(&p->queue, p->process.frames) < 0) {
        p->broken = true;
        log_note("publish: the process that publishes ended; what follows is not stored");
    }
}

/* False: nobody took anything for long. */
static bool push_patiently(struct publish *p)
{
    struct pollfd writable = { .fd = p->process.frames, .events = POLLOUT };
    const size_t waiting = publish_queue_len(&p->queue);

    if (!p->broken && poll(&writable, 1, LAST_MS) > 0)
        push(p);
    return publish_queue_len(&p->queue) < waiting;
}

/* False: it is full. */
static bool make_room(struct publish *p, size_t len)
{
    if (publish_queue_has_room(&p->queue, len))
        return true;
    push(p);
    while (!publish_queue_has_room(&p->queue, len) && p->patient && push_patiently(p))
        ;
    return publish_queue_has_room(&p->queue, len);
}

/* A busy machine makes batches long: who reads the pipe is given something to do meanwhile. */
static void ops_line(void *sink, const char *line, size_t len, uint64_t n)
{
    struct publish *p = sink;
    const struct publish_frame frame = { .n = n, .len = (uint32_t)len };

    if (p->broken || len > LIMIT_PUBLISH_LINE || !make_room(p, sizeof(frame) + len)) {
        p->lost++;
        return;
    }
    publish_queue_put(&p->queue, &frame, sizeof(frame));
    publish_queue_put(&p->queue, line, len);
    p->fresh += sizeof(frame) + len;
    if (p->fresh >= PUSH_EACH)
        push(p);
}

static int ops_flush(void *sink, bool all)
{
    struct publish *p = sink;

    push(p);
    while (all && publish_queue_len(&p->queue) && push_patiently(p))
        ;
    return 0;
}

static void ops_ending(void *sink)
{
    ((struct publish *)sink)->patient = true;
}

static unsigned ops_peers(const void *sink, struct endpoint ret_peers[static SINK_PEERS_MAX])
{
    const struct publish_server *s = &((const struct publish *)sink)->server;

    _Static_assert((int)PUBLISH_URLS_MAX <= (int)SINK_PEERS_MAX, "each address is one");
    memcpy(ret_peers, s->at, s->url_count * sizeof(*ret_peers));
    return s->url_count;
}

static int ops_close(void *sink)
{
    struct publish *p = sink;
    int r = publish_process_end(&p->process);

    if (p->lost)
        log_note("publish: %llu records were lost, for the process that publishes did not keep up",
                 (unsigned long long)p->lost);
    if (p->lost || publish_queue_len(&p->queue))
        r = -ENODATA;
    publish_queue_close(&p->queue);
    free(p);
    return r;
}

const struct sink_ops sink_publish_ops = {
    .name = "publish",
    .live = true,
    .exports = is_wanted,
    .options = &table,
    .config_size = sizeof(struct options),
    .open = ops_open,
    .line = ops_line,
    .flush = ops_flush,
    .ending = ops_ending,
    .peers = ops_peers,
    .close = ops_close,
};
