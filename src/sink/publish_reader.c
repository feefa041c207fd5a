#include "tcplens/sink/publish_reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish_nats.h"

#define HEADERS "tcplens.*.header"
#define ID_LEN 32
#define HOST_MAX 64

struct publish_reader {
    struct publish_server server;
    struct publish_connection connection;
};

/* A trace that is being looked for, or was found. */
struct found {
    char id[ID_LEN + 1], host[HOST_MAX];
    uint64_t at; /* where its header is in the stream; 0: none was found */
};

int publish_reader_new(const struct publish_server *server, struct publish_reader **ret_reader,
                       char error[static PUBLISH_ERROR_MAX])
{
    struct publish_reader *r = calloc(1, sizeof(*r));
    int status;

    if (!r) {
        snprintf(error, PUBLISH_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    r->server = *server;
    status = publish_connect(server, 1, NULL, NULL, NULL, &r->connection, error);
    if (status < 0) {
        free(r);
        return status;
    }
    *ret_reader = r;
    return 0;
}

void publish_reader_free(struct publish_reader *r)
{
    if (!r)
        return;
    publish_disconnect(&r->connection);
    free(r);
}

static int explain(const struct publish_reader *r, natsStatus s, jsErrCode code, char error[static PUBLISH_ERROR_MAX])
{
    if (s == NATS_NO_RESPONDERS || code == JSNotEnabledErr || code == JSNotEnabledForAccountErr)
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %.200s has no JetStream", r->server.host);
    else if (s == NATS_NOT_FOUND || code == JSStreamNotFoundErr)
        snprintf(error, PUBLISH_ERROR_MAX,
                 "the NATS server at %.200s has no stream of traces: nothing was published to it", r->server.host);
    else
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %.200s: %s", r->server.host, natsStatus_GetText(s));
    return s == NATS_NOT_FOUND ? -ENOENT : -EPROTO;
}

/* "<trace id>-<n>": the id alone; false: it has none. */
static bool id_of(natsMsg *message, char id[static ID_LEN + 1])
{
    const char *text;

    if (natsMsgHeader_Get(message, PUBLISH_ID, &text) != NATS_OK || strcspn(text, "-") != ID_LEN)
        return false;
    memcpy(id, text, ID_LEN);
    id[ID_LEN] = '\0';
    return true;
}

/* "tcplens.HOST.header" */
static void host_of(natsMsg *message, char host[static HOST_MAX])
{
    const char *from = strchr(natsMsg_GetSubject(message), '.');
    const char *text = from ? from + 1 : "";

    snprintf(host, HOST_MAX, "%.*s", (int)strcspn(text, "."), text);
}

/* Hands on what is stored under a subject now, from a place of the stream on, until take says that it is enough (false). */
static int walk(struct publish_reader *r, const char *subject, uint64_t from,
                bool (*take)(void *arg, natsMsg *message, uint64_t at), void *arg, char error[static PUBLISH_ERROR_MAX])
{
    struct publish_walk what = { .subject = subject, .from = from, .take = take, .arg = arg };
    jsErrCode code = 0;
    natsStatus s = publish_last_stored(&r->connection, subject, &what.to, &code);

    if (s == NATS_OK && what.to && what.to >= from)
        s = publish_walk(&r->connection, &what, &code);
    return s == NATS_OK ? 0 : explain(r, s, code, error);
}

/* host: as a user says it; NULL: any will do. */
static bool is_of(const char *word, const char *host)
{
    char wanted[HOST_MAX];

    if (!host)
        return true;
    snprintf(wanted, sizeof(wanted), "%s", host);
    publish_name_word(wanted);
    return strcmp(word, wanted) == 0;
}

struct listing {
    const char *host;
    void (*tell)(void *arg, const struct publish_trace *trace);
    void *arg;
};

static bool list_one(void *arg, natsMsg *message, uint64_t at)
{
    const struct listing *l = arg;
    char id[ID_LEN + 1], host[HOST_MAX];

    (void)at;
    host_of(message, host);
    if (id_of(message, id) && is_of(host, l->host))
        l->tell(l->arg, &(struct publish_trace){ .id = id,
                                                 .host = host,
                                                 .header = natsMsg_GetData(message),
                                                 .header_len = (size_t)natsMsg_GetDataLength(message) });
    return true;
}

int publish_reader_list(struct publish_reader *r, const char *host,
                        void (*tell)(void *arg, const struct publish_trace *trace), void *arg,
                        char error[static PUBLISH_ERROR_MAX])
{
    return walk(r, HEADERS, 0, list_one, &(struct listing){ host, tell, arg }, error);
}

struct wanted {
    const char *id, *host;
    struct found newest;
};

static bool find_one(void *arg, natsMsg *message, uint64_t at)
{
    struct wanted *w = arg;
    struct found f = { .at = at };

    host_of(message, f.host);
    if (id_of(message, f.id) && (!w->id || strncmp(f.id, w->id, strlen(w->id)) == 0) && is_of(f.host, w->host))
        w->newest = f;
    return true;
}

struct reading {
    const struct found *trace;
    bool (*take)(void *arg, const char *line, size_t len);
    void *arg;
    bool complete;
};

static bool read_one(void *arg, natsMsg *message, uint64_t at)
{
    struct reading *r = arg;
    const char *last = strrchr(natsMsg_GetSubject(message), '.');
    char id[ID_LEN + 1];

    (void)at;
    if (!id_of(message, id) || strcmp(id, r->trace->id) != 0)
        return true;
    r->complete = last && strcmp(last, ".end") == 0;
    return r->take(r->arg, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)) && !r->complete;
}

int publish_reader_read(struct publish_reader *r, const char *id, const char *host,
                        bool (*take)(void *arg, const char *line, size_t len), void *arg, bool *ret_complete,
                        char error[static PUBLISH_ERROR_MAX])
{
    struct wanted w = { .id = id, .host = host };
    struct reading reading = { .trace = &w.newest, .take = take, .arg = arg };
    int status = walk(r, HEADERS, 0, find_one, &w, error);
    char subject[HOST_MAX + 16];

    if (status < 0)
        return status;
    if (!w.newest.at) {
        snprintf(error, PUBLISH_ERROR_MAX, "no trace%s%.64s%s%s%.64s is stored there: --list shows those that are",
                 id ? " whose id begins with " : "", id ? id : "", id && host ? "," : "", host ? " of host " : "",
                 host ? host : "");
        return -ENOENT;
    }
    snprintf(subject, sizeof(subject), "tcplens.%s.>", w.newest.host);
    status = walk(r, subject, w.newest.at, read_one, &reading, error);
    *ret_complete = reading.complete;
    return status;
}
