#include "tcplens/sink/publish_reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish_nats.h"
#include "publish_numbers.h"
#include "tcplens/sink/publish_message.h"

#define HEADERS "tcplens.*.header"

struct publish_reader {
    struct publish_server server;
    struct publish_connection connection;
};

/* A trace that is being looked for, or was found. */
struct found {
    struct publish_id id;
    struct publish_subject subject;
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

/* What it says of itself; false: it is nothing that tcplens has published. */
static bool take_message(natsMsg *message, struct found *f)
{
    const char *id;

    return natsMsgHeader_Get(message, PUBLISH_ID, &id) == NATS_OK && publish_id_take(id, &f->id) &&
           publish_subject_take(natsMsg_GetSubject(message), &f->subject);
}

static bool has_line(natsMsg *message)
{
    return publish_is_line(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
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
    char wanted[PUBLISH_HOST_MAX];

    if (!host)
        return true;
    snprintf(wanted, sizeof(wanted), "%s", host);
    publish_host_word(wanted);
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
    struct found f;

    (void)at;
    if (take_message(message, &f) && has_line(message) && is_of(f.subject.host, l->host))
        l->tell(l->arg, &(struct publish_trace){ .id = f.id.trace,
                                                 .host = f.subject.host,
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

    if (take_message(message, &f) && has_line(message) && (!w->id || strncmp(f.id.trace, w->id, strlen(w->id)) == 0) &&
        is_of(f.subject.host, w->host))
        w->newest = f;
    return true;
}

struct reading {
    const struct found *trace;
    bool (*take)(void *arg, const char *line, size_t len);
    void *arg;
    struct publish_numbers numbers; /* of its records, refused ones too */
    struct publish_came came;
};

static bool read_one(void *arg, natsMsg *message, uint64_t at)
{
    struct reading *r = arg;
    struct found f;

    (void)at;
    if (!take_message(message, &f) || strcmp(f.id.trace, r->trace->id.trace) != 0)
        return true;
    const bool again = !publish_numbers_take(&r->numbers, f.id.n), line = has_line(message);

    r->came.refused += !line;
    if (again || !line)
        return true;
    r->came.complete = strcmp(f.subject.kind, "end") == 0;
    return r->take(r->arg, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)) && !r->came.complete;
}

int publish_reader_read(struct publish_reader *r, const char *id, const char *host,
                        bool (*take)(void *arg, const char *line, size_t len), void *arg, struct publish_came *ret_came,
                        char error[static PUBLISH_ERROR_MAX])
{
    struct wanted w = { .id = id, .host = host };
    struct reading reading = { .trace = &w.newest, .take = take, .arg = arg };
    int status = walk(r, HEADERS, 0, find_one, &w, error);
    char subject[PUBLISH_HOST_MAX + 16];

    if (status < 0)
        return status;
    if (!w.newest.at) {
        snprintf(error, PUBLISH_ERROR_MAX, "no trace%s%.64s%s%s%.64s is stored there: --list shows those that are",
                 id ? " whose id begins with " : "", id ? id : "", id && host ? "," : "", host ? " of host " : "",
                 host ? host : "");
        return -ENOENT;
    }
    snprintf(subject, sizeof(subject), "tcplens.%s.>", w.newest.subject.host);
    status = walk(r, subject, w.newest.at, read_one, &reading, error);
    reading.came.missing = publish_numbers_missing(&reading.numbers);
    *ret_came = reading.came;
    return status;
}
