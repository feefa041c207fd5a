#include "publish_nats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "publish_deadline.h"
#include "tcplens/base/writer.h"

#define TIMEOUT_MS 3000
#define LATE_MS 1000      /* behind all timeouts of a connection */
#define WALK_WAIT_MS 5000 /* for the next one */
#define WALK_ACK_EVERY 1024
#define WALK_PENDING (2 * WALK_ACK_EVERY)
#define WALK_REST_NS (30 * 24 * 3600 * 1000000000ll) /* so long whoever takes them may stand still */

/* The library begins TLS when the server asks for it, whatever the options say. It does so on a socket that waits, which the
 * list of system calls does not let it have: before a byte of TLS is sent, and it says what failed. */
static bool wants_tls(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);

    return status == NATS_SSL_ERROR || (status == NATS_SYS_ERROR && last == status && text && strstr(text, "fcntl"));
}

static int explain(const struct publish_server *server, natsStatus status, char error[static PUBLISH_ERROR_MAX])
{
    char at[300];

    snprintf(at, sizeof(at), "%.200s, port %u", server->host, server->port);
    if (wants_tls(status)) {
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %s wants TLS, which is not spoken here", at);
        return -EPROTONOSUPPORT;
    }
    switch (status) {
    case NATS_NO_SERVER:
    case NATS_TIMEOUT:
    case NATS_IO_ERROR:
    case NATS_CONNECTION_CLOSED:
        snprintf(error, PUBLISH_ERROR_MAX, "no NATS server answers at %s", at);
        return -ECONNREFUSED;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %s wants other credentials", at);
        return -EACCES;
    case NATS_NO_RESPONDERS:
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %s has no JetStream: start it with -js", at);
        return -EPROTO;
    default:
        snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %s: %s", at, natsStatus_GetText(status));
        return -EPROTO;
    }
}

static natsStatus make_options(const struct publish_server *server, natsConnectionHandler closed, void *arg,
                               natsOptions **ret_options)
{
    const char *urls[PUBLISH_URLS_MAX];
    natsStatus s = natsOptions_Create(ret_options);

    for (unsigned i = 0; i < server->url_count; i++)
        urls[i] = server->urls[i];
    if (s == NATS_OK)
        s = natsOptions_SetServers(*ret_options, urls, (int)server->url_count);
    if (s == NATS_OK && *server->user)
        s = natsOptions_SetUserInfo(*ret_options, server->user, server->password);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(*ret_options, TIMEOUT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetName(*ret_options, "tcplens");
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(*ret_options, false);
    if (s == NATS_OK) /* the one that was named, and no other that it names */
        s = natsOptions_SetIgnoreDiscoveredServers(*ret_options, true);
    if (s == NATS_OK) /* also keeps its socket from waiting: who takes nothing would hold us for ever */
        s = natsOptions_SetWriteDeadline(*ret_options, TIMEOUT_MS);
    if (s == NATS_OK && closed)
        s = natsOptions_SetClosedCB(*ret_options, closed, arg);
    return s;
}

/* Each address has its time by the library, which forgets it at the end of what the server says. */
static natsStatus connect_in_time(const struct publish_server *server, natsOptions *options,
                                  natsConnection **ret_connection)
{
    struct publish_deadline deadline;
    natsStatus s;

    if (publish_deadline_start(&deadline, server->port, TIMEOUT_MS * server->url_count + LATE_MS) < 0)
        return NATS_NO_MEMORY;
    s = natsConnection_Connect(ret_connection, options);
    return publish_deadline_stop(&deadline) && s != NATS_OK ? NATS_TIMEOUT : s;
}

int publish_connect(const struct publish_server *server, int64_t pending, natsConnectionHandler closed,
                    jsPubAckHandler on_ack, void *arg, struct publish_connection *ret_connection,
                    char error[static PUBLISH_ERROR_MAX])
{
    struct publish_connection c = { 0 };
    natsOptions *options = NULL;
    jsOptions of_js;
    natsStatus s = make_options(server, closed, arg, &options);

    if (s == NATS_OK)
        s = connect_in_time(server, options, &c.connection);
    natsOptions_Destroy(options);
    if (s == NATS_OK)
        s = jsOptions_Init(&of_js);
    if (s == NATS_OK) {
        of_js.Wait = TIMEOUT_MS;
        of_js.PublishAsync.MaxPending = pending;
        of_js.PublishAsync.AckHandler = on_ack;
        of_js.PublishAsync.AckHandlerClosure = arg;
        s = natsConnection_JetStream(&c.js, c.connection, &of_js);
    }
    if (s != NATS_OK) {
        publish_disconnect(&c);
        return explain(server, s, error);
    }
    *ret_connection = c;
    return 0;
}

void publish_disconnect(struct publish_connection *c)
{
    jsCtx_Destroy(c->js);
    natsConnection_Destroy(c->connection);
    *c = (struct publish_connection){ 0 };
}

int publish_have_stream(const struct publish_server *server, const struct publish_connection *c, uint64_t *ret_last,
                        char error[static PUBLISH_ERROR_MAX])
{
    const char *subjects[] = { PUBLISH_SUBJECTS };
    jsStreamConfig config;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus s = js_GetStreamInfo(&info, c->js, PUBLISH_STREAM, NULL, &code);

    *ret_last = s == NATS_OK ? info->State.LastSeq : 0;
    jsStreamInfo_Destroy(info);
    if (s == NATS_OK)
        return 0;
    if (s != NATS_NOT_FOUND || (code && code != JSStreamNotFoundErr)) {
        if (code != JSNotEnabledErr && code != JSNotEnabledForAccountErr)
            return explain(server, s, error);
        return explain(server, NATS_NO_RESPONDERS, error);
    }
    jsStreamConfig_Init(&config);
    config.Name = PUBLISH_STREAM;
    config.Description = "TCP connections, as tcplens traces them";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    s = js_AddStream(NULL, c->js, &config, NULL, &code);
    if (s == NATS_OK || code == JSStreamNameExistErr)
        return 0;
    if (code == JSStreamSubjectOverlapErr) /* another one takes them */
        return 0;
    snprintf(error, PUBLISH_ERROR_MAX, "the NATS server at %.200s makes no stream for " PUBLISH_SUBJECTS ": %s (%d)",
             server->host, natsStatus_GetText(s), (int)code);
    return -EPROTO;
}

natsStatus publish_last_stored(const struct publish_connection *c, const char *subject, uint64_t *ret_at,
                               jsErrCode *ret_code)
{
    natsMsg *message = NULL;
    const natsStatus s = js_GetLastMsg(&message, c->js, PUBLISH_STREAM, subject, NULL, ret_code);

    *ret_at = s == NATS_OK ? natsMsg_GetSequence(message) : 0;
    natsMsg_Destroy(message);
    return s == NATS_NOT_FOUND && *ret_code == JSNoMessageFoundErr ? NATS_OK : s;
}

/* at: the place of the last one taken; what the server sends again is passed over. */
static natsStatus take_message(const struct publish_walk *walk, natsMsg *message, uint64_t *at, bool *ret_more)
{
    jsMsgMetaData *meta = NULL;
    const natsStatus s = natsMsg_GetMetaData(&meta, message);

    if (s == NATS_OK && meta->Sequence.Stream > *at) {
        *at = meta->Sequence.Stream;
        *ret_more = walk->take(walk->arg, message, *at) && *at < walk->to;
    }
    jsMsgMetaData_Destroy(meta);
    return s;
}

natsStatus publish_walk(const struct publish_connection *c, const struct publish_walk *walk, jsErrCode *ret_code)
{
    natsSubscription *sub = NULL;
    jsSubOptions options;
    uint64_t at = 0, taken = 0;
    bool more = true;
    natsStatus s;

    jsSubOptions_Init(&options);
    /* The server waits for an acknowledgement now and then, so what is on its way is bounded; and for as long as it takes, as
     * else it would send the same again, whether there is room or not. An ordered consumer would do that by heartbeats, whose
     * timer resets it while it is read and taken down. How many are still to come the server does not know for certain (2.9
     * says none with three left), so the end is a place. A server that sends more than it may ends the walk
     * (NATS_SLOW_CONSUMER). */
    options.Stream = PUBLISH_STREAM;
    options.ManualAck = true;
    options.Config.AckPolicy = js_AckAll;
    options.Config.AckWait = WALK_REST_NS;
    options.Config.MaxAckPending = WALK_PENDING;
    options.Config.HeadersOnly = walk->headers_only;
    if (walk->from) {
        options.Config.DeliverPolicy = js_DeliverByStartSequence;
        options.Config.OptStartSeq = walk->from;
    }
    *ret_code = 0;
    s = js_SubscribeSync(&sub, c->js, walk->subject, NULL, &options, ret_code);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(sub, 2 * WALK_PENDING, 2 * WALK_PENDING * WRITER_LINE_MAX);
    while (more && s == NATS_OK) {
        natsMsg *message = NULL;

        s = natsSubscription_NextMsg(&message, sub, WALK_WAIT_MS);
        if (s == NATS_OK)
            s = take_message(walk, message, &at, &more);
        if (s == NATS_OK && ++taken % WALK_ACK_EVERY == 0)
            s = natsMsg_Ack(message, NULL);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(sub);
    return s;
}
