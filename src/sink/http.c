/* One thread runs libmicrohttpd in its external polling mode, so that everything that touches a connection happens in
 * that thread: the writer's side only appends to the history (http_history.c) and signals an eventfd.
 *
 * A connection is the library's once the head of its request is there as a whole and was looked at (http_door.c).
 *
 * A client of /events or /trace pulls from the history at its own pace (http_stream.c). When it has all there is, its
 * connection is suspended; the eventfd resumes all of them. A client that does not read costs its buffers, and the
 * ring moves on without it.
 *
 * Who may read: a page of another site can make the browser send requests here, so a request needs the token, which
 * only the printed URL holds, and a Host that is an address of this server, which a rebound DNS name is not. No
 * answer allows another origin to read it. There is no TLS: on an address other than loopback the token and the trace
 * can be read on the network. */
#include "tcplens/sink/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http_answers.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/netns.h"
#include "tcplens/metrics/metrics.h"
#include "tcplens/sink/http_door.h"
#include "tcplens/sink/http_history.h"
#include "tcplens/sink/http_site.h"
#include "tcplens/sink/http_stream.h"

/* Connections beyond the clients: for the page, and to tell the one too many why it is refused. */
#define CONNECTION_SPARE 8
#define CONNECTIONS ((unsigned)LIMIT_BROWSERS + HTTP_DOOR_MAX + CONNECTION_SPARE)
#define CONNECTION_MEMORY HTTP_HEAD_MAX /* request line and headers, then the send buffer */
#define IDLE_TIMEOUT_S 10u              /* no byte moves */
#define TICK_S 5
#define ANSWER_TURNS 256  /* of http_answer(): more than any answer takes */
#define REQUEST_TICKS 2   /* for a whole head, however slowly it trickles in: 5 to 10 s */
#define HEARTBEAT_TICKS 2 /* to find out that a client has gone, which a suspended connection does not show */

/* A browser that is being sent the trace. */
struct client {
    struct http *http;
    struct MHD_Connection *connection;
    struct client *next, *prev;
    struct http_stream stream;
    bool suspended;
};

/* A connection that the library has been given, until it closes it. */
struct peer {
    int fd;
    bool refused; /* its head (HTTP_HEAD_REFUSED) */
    struct peer *next, *prev;
};

struct http {
    const char *page;
    size_t page_len;
    const struct http_file *files;
    unsigned file_count;
    struct http_site site;
    uint32_t netns; /* that it listens in; 0: not known */
    struct http_history *history;
    struct metrics *metrics; /* NULL: none are shown */
    bool metrics_alone;      /* and nothing else is */
    int listen_fd, wake_fd, tick_fd;
    atomic_bool stop;
    atomic_uint watchers; /* as client_count */
    bool running;
    pthread_t thread;
    struct MHD_Daemon *daemon;
    /* Of the thread alone: */
    struct client *clients;
    unsigned client_count;
    struct http_door *door;
    struct peer *peers;
    unsigned peer_count;
    unsigned ticks;
    bool deaf; /* there is no descriptor for another connection, or no memory: until the next tick */
};

/* --- Clients --- */

static ssize_t client_read(void *cls, uint64_t position, char *buf, size_t max)
{
    struct client *c = cls;
    ssize_t len = http_stream_read(&c->stream, buf, max);

    (void)position;
    if (len == HTTP_STREAM_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!len) {
        /* What was flushed in between is not missed: it is this thread that will take the wake-up. */
        MHD_suspend_connection(c->connection);
        c->suspended = true;
    }
    return len;
}

static void client_free(void *cls)
{
    struct client *c = cls;

    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->http->clients = c->next;
    c->http->client_count--;
    c->http->watchers--;
    http_stream_done(&c->stream);
    free(c);
}

static struct client *client_new(struct http *http, struct MHD_Connection *connection)
{
    struct client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->http = http;
    c->connection = connection;
    c->next = http->clients;
    if (c->next)
        c->next->prev = c;
    http->clients = c;
    http->client_count++;
    http->watchers++;
    return c;
}

/* The header is newer than the query, which a browser repeats when it reconnects. */
static uint64_t last_event_id(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");

    if (!text)
        text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "lastEventId");
    return http_stream_event_id(text);
}

static enum MHD_Result answer_trace(struct http *http, struct MHD_Connection *connection, bool events)
{
    if (http->client_count >= LIMIT_BROWSERS)
        return http_answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                "Too many browsers read this trace. Close one and try again.\n");
    struct client *c = client_new(http, connection);
    if (!c)
        return MHD_NO;
    if (events)
        http_stream_init_events(&c->stream, http->history, last_event_id(connection));
    else
        http_stream_init_lines(&c->stream, http->history);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CONNECTION_MEMORY, client_read, c, client_free);
    if (!response) {
        client_free(c);
        return MHD_NO;
    }
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, HTTP_STREAM_TIMEOUT_S);
    if (events)
        return http_answer_with(connection, MHD_HTTP_OK, "text/event-stream", response);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
                                  "attachment; filename=\"trace.ndjson\"");
    return http_answer_with(connection, MHD_HTTP_OK, "application/x-ndjson", response);
}

/* --- Requests --- */

static int connection_fd(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

/* A monitoring system names the host as it likes; but a page of another site cannot be kept from asking by loopback. */
static bool host_is_right(const struct http *http, const char *host, size_t len, int fd)
{
    return (http->metrics_alone && !http_site_is_near(fd)) || http_site_host_valid(&http->site, host, len, fd);
}

/* There is no call to close a connection; the library sees the end of it and does. */
static void end_peer(struct peer *p)
{
    (void)shutdown(p->fd, SHUT_RDWR);
}

struct counts {
    unsigned hosts, lengths; /* fields that tell the host, and how long the body is */
};

static enum MHD_Result count_field(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct counts *counts = cls;

    (void)kind;
    (void)value;
    counts->hosts += strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0;
    counts->lengths +=
        strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 || strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* Which of two a proxy went by cannot be known (RFC 9112, 3.2 and 6.3). NULL: there are no two. */
static const char *what_is_told_twice(struct MHD_Connection *connection)
{
    struct counts counts = { 0 };

    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_field, &counts);
    return counts.hosts > 1     ? "More than one Host.\n"
           : counts.lengths > 1 ? "More than one header tells how long the body is.\n"
                                : NULL;
}

static bool is_token_valid(const struct http *http, struct MHD_Connection *connection)
{
    static const char name[] = "token";
    const char *token = NULL;
    size_t len = 0;

    (void)MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, sizeof(name) - 1, &token, &len);
    return http_site_token_valid(&http->site, token, len);
}

static char refused_target; /* a mark: its address */

/* Of the target as it was sent; what handle() is given has been unescaped. It is the request's first mark. */
static void *look_at_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    (void)cls;
    (void)connection;
    return http_site_target_valid(target) ? NULL : &refused_target;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *target, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **request)
{
    (void)version;
    (void)upload;
    (void)upload_len;
    struct http *http = cls;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct peer *peer = info ? info->socket_context : NULL;
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    size_t host_len = host ? strlen(host) : 0;
    const char *url = http_site_path(target, &host, &host_len);
    if (!peer || peer->refused)
        return http_answer_text(connection, MHD_HTTP_BAD_REQUEST, "A zero byte in the request.\n");
    if (*request == &refused_target)
        return http_answer_text(connection, MHD_HTTP_BAD_REQUEST, "A control character in the URL.\n");
    const char *twice = what_is_told_twice(connection);
    if (twice)
        return http_answer_text(connection, MHD_HTTP_BAD_REQUEST, twice);
    if (!host_is_right(http, host, host_len, connection_fd(connection)))
        return http_answer_text(connection, MHD_HTTP_FORBIDDEN,
                                "The name in this URL is not an address of this server.\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
        return http_answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
    bool page = !strcmp(url, "/"), events = !strcmp(url, "/events"), trace = !strcmp(url, "/trace");
    bool names = !strcmp(url, "/files"), file = !strcmp(url, "/file");
    bool metrics = http->metrics && !strcmp(url, "/metrics");
    if (http->metrics_alone ? !metrics && !page : !page && !names && !file && !events && !trace && !metrics)
        return http_answer_text(connection, MHD_HTTP_NOT_FOUND,
                                http->metrics_alone ? "Not found: there is /metrics.\n" : "Not found.\n");
    if (!http->metrics_alone && !is_token_valid(http, connection))
        return http_answer_text(connection, MHD_HTTP_FORBIDDEN,
                                "Open the whole URL that tcplens printed: its token is missing or wrong here.\n");
    if (metrics)
        return http_answer_metrics(connection, http->metrics);
    if (http->metrics_alone)
        return http_answer_index(connection);
    if (names || file)
        return names ? http_answer_names(connection, http->files, http->file_count)
                     : http_answer_file(connection, http->files, http->file_count);
    return page ? http_answer_page(connection, http->page, http->page_len) : answer_trace(http, connection, events);
}

static void forget_peer(struct http *http, struct peer *p)
{
    if (p->next)
        p->next->prev = p->prev;
    if (p->prev)
        p->prev->next = p->next;
    else
        http->peers = p->next;
    http->peer_count--;
    free(p);
}

static struct peer *find_peer(const struct http *http, int fd)
{
    struct peer *p = http->peers;

    while (p && p->fd != fd)
        p = p->next;
    return p;
}

/* Gives the library a connection, which it closes also where it fails: it may have told of that (notify_connection()), or not. */
static void let_in(void *cls, int fd, bool refused)
{
    /* it asks for an address, which we never ask it for */
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct http *http = cls;
    struct peer *p = calloc(1, sizeof(*p));

    if (!p) {
        close(fd);
        return;
    }
    *p = (struct peer){ .fd = fd, .refused = refused, .next = http->peers };
    if (p->next)
        p->next->prev = p;
    http->peers = p;
    http->peer_count++;
    if (MHD_add_connection(http->daemon, fd, (const struct sockaddr *)&from, sizeof(from)) != MHD_YES &&
        find_peer(http, fd))
        forget_peer(http, p);
}

static void notify_connection(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode what)
{
    struct http *http = cls;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = find_peer(http, connection_fd(connection));
    } else if (*context) {
        forget_peer(http, *context);
        *context = NULL;
    }
}

/* --- The thread --- */

static void resume_all(struct http *http)
{
    for (struct client *c = http->clients; c; c = c->next) {
        if (c->suspended) {
            c->suspended = false;
            MHD_resume_connection(c->connection);
        }
    }
}

static void tick(struct http *http)
{
    if (++http->ticks % HEARTBEAT_TICKS == 0) {
        for (struct client *c = http->clients; c; c = c->next)
            http_stream_heartbeat(&c->stream);
        resume_all(http);
    }
    http_door_tick(http->door, REQUEST_TICKS);
    http->deaf = false;
}

/* Beyond the limit, connections wait to be accepted. */
static bool has_place(const struct http *http)
{
    return !http->deaf && http->peer_count + http_door_count(http->door) < CONNECTIONS;
}

static void accept_all(struct http *http)
{
    /* no more in one turn than may wait: streams and ticks have theirs, too */
    for (unsigned i = 0; i < HTTP_DOOR_MAX && has_place(http); i++) {
        int fd = accept4(http->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            (void)http_door_take(http->door, fd);
            http_door_open(http->door, let_in, http); /* before it is the oldest of many that are accepted at once */
        } else if (errno == EAGAIN) {
            return;
        } else {
            http->deaf = errno != EINTR && errno != ECONNABORTED;
        }
    }
}

static bool drain(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void *serve(void *arg)
{
    struct http *http = arg;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[] = {
        { .fd = info->epoll_fd, .events = POLLIN },  { .fd = http->wake_fd, .events = POLLIN },
        { .fd = http->tick_fd, .events = POLLIN },   { .fd = http_door_fd(http->door), .events = POLLIN },
        { .fd = http->listen_fd, .events = POLLIN },
    };
    while (!atomic_load(&http->stop)) {
        MHD_UNSIGNED_LONG_LONG left;
        int timeout_ms = -1;
        if (MHD_get_timeout(http->daemon, &left) == MHD_YES)
            timeout_ms = left < TICK_S * 1000 ? (int)left : TICK_S * 1000;
        fds[4].fd = has_place(http) ? http->listen_fd : -1;
        if (poll(fds, sizeof(fds) / sizeof(*fds), timeout_ms) < 0)
            continue; /* EINTR by a debugger: signals are blocked */
        if (fds[1].revents && drain(http->wake_fd))
            resume_all(http);
        if (fds[2].revents && drain(http->tick_fd))
            tick(http);
        if (fds[4].revents)
            accept_all(http);
        http_door_open(http->door, let_in, http);
        if (MHD_run(http->daemon) != MHD_YES)
            break;
    }
    resume_all(http); /* the library does not stop with a connection suspended */
    MHD_stop_daemon(http->daemon);
    return NULL;
}

/* --- Opening and closing --- */

int http_open(const char *address, uint16_t port, const char *viewer_html, size_t len, size_t history,
              struct http **ret_http)
{
    struct http *http = calloc(1, sizeof(*http));
    int r;

    if (!http)
        return -ENOMEM;
    http->page = viewer_html;
    http->page_len = len;
    http->listen_fd = -1;
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    http->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    (void)!netns_current(&http->netns);
    r = http->wake_fd < 0 || http->tick_fd < 0 ? -errno : 0;
    if (r == 0)
        r = http_history_new(history, &http->history);
    if (r == 0)
        r = http_door_new(&http->door);
    if (r == 0)
        r = http->listen_fd = http_site_open(address ? address : "127.0.0.1", port, &http->site);
    if (r < 0) {
        http_close(http);
        return r;
    }
    *ret_http = http;
    return 0;
}

/* Signals are for the threads that expect them. */
static int start_thread(struct http *http)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* blocked, a system call that is refused would end the process */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&http->thread, NULL, serve, http);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -error;
}

static int start_daemon(struct http *http)
{
    errno = 0;
    http->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle,
                         http, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
                         notify_connection, http, MHD_OPTION_URI_LOG_CALLBACK, look_at_target, NULL, MHD_OPTION_END);
    return http->daemon ? 0 : errno ? -errno : -ENOMEM;
}

int http_start(struct http *http)
{
    struct itimerspec every = { .it_interval.tv_sec = TICK_S, .it_value.tv_sec = TICK_S };
    if (timerfd_settime(http->tick_fd, 0, &every, NULL))
        return -errno;
    int r = start_daemon(http);
    if (r < 0)
        return r;
    r = start_thread(http);
    if (r < 0)
        return r; /* http_close() stops the daemon */
    http->running = true;
    return 0;
}

int http_answer(struct http *http, int fd)
{
    int r = http->daemon ? 0 : start_daemon(http);

    if (r == 0)
        r = http_door_take(http->door, fd);
    for (unsigned turns = 0; r == 0 && (turns == 0 || http->peers || http_door_count(http->door)); turns++) {
        if (turns == ANSWER_TURNS) {
            http_door_tick(http->door, 1);
            for (struct peer *p = http->peers; p; p = p->next)
                end_peer(p);
        }
        http_door_open(http->door, let_in, http);
        if (turns == 2 * ANSWER_TURNS || MHD_run(http->daemon) != MHD_YES)
            r = -ETIMEDOUT;
    }
    return r;
}

void http_hand_out(struct http *http, const struct http_file *files, unsigned count)
{
    http->files = files;
    http->file_count = count;
}

void http_show_metrics(struct http *http, struct metrics *metrics, bool alone)
{
    http->metrics = metrics;
    http->metrics_alone = alone;
}

bool http_watched(const struct http *http)
{
    return http->watchers > 0;
}

const char *http_url(const struct http *http)
{
    return http->site.url;
}

bool http_serves_at(const struct http *http, const struct endpoint *at, uint32_t netns)
{
    return at->port == http->site.port && netns && netns == http->netns && addr_fit(&http->site.addr, &at->addr);
}

static void wake(struct http *http)
{
    uint64_t one = 1;
    ssize_t written = write(http->wake_fd, &one, sizeof(one));
    (void)written; /* EAGAIN: it has 2^64 - 2 wake-ups waiting */
}

void http_write(struct http *http, const char *line, size_t len, uint64_t n)
{
    http_history_append(http->history, line, len, n);
}

void http_flush(struct http *http)
{
    http_history_show(http->history);
    wake(http);
}

void http_finish(struct http *http)
{
    http_history_finish(http->history);
    wake(http);
}

struct http *http_close(struct http *http)
{
    if (!http)
        return NULL;
    if (http->running) {
        atomic_store(&http->stop, true);
        wake(http);
        pthread_join(http->thread, NULL);
    } else if (http->daemon) {
        MHD_stop_daemon(http->daemon);
    }
    int fds[] = { http->listen_fd, http->wake_fd, http->tick_fd };
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    http_door_free(http->door);
    http_history_free(http->history);
    free(http);
    return NULL;
}
