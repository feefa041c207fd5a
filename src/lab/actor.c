#include "actor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"
#include "sockopt.h"
#include "tcplens/base/clock.h"

#define CHUNK 65536

/* The actor, and the step it is at. */
struct actor {
    const struct actor_place *place;
    const struct lab_actor *self;
    struct {
        const char *name;
        int fd;
    } sockets[LAB_SOCKETS_MAX];
    char text[LAB_TEXT_MAX]; /* of the report */
};

/* What a system call returned, or -errno. */
static int64_t result(ssize_t r)
{
    return r < 0 ? -errno : r;
}

/* ---- its sockets, by name */

static int *slot_of(struct actor *a, const char *name)
{
    for (unsigned i = 0; i < LAB_SOCKETS_MAX; i++)
        if (a->sockets[i].name && strcmp(a->sockets[i].name, name) == 0)
            return &a->sockets[i].fd;
    for (unsigned i = 0; i < LAB_SOCKETS_MAX; i++) {
        if (a->sockets[i].name)
            continue;
        a->sockets[i].name = name;
        a->sockets[i].fd = -1;
        return &a->sockets[i].fd;
    }
    return NULL;
}

/* The socket of that name, opened where it is not yet. -errno. */
static int open_socket(struct actor *a, const char *name)
{
    int *slot = slot_of(a, name);

    if (!slot)
        return -EMFILE;
    if (*slot < 0)
        *slot = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return *slot < 0 ? -errno : *slot;
}

static int socket_of(struct actor *a, const char *name)
{
    const int *slot = slot_of(a, name);

    return slot && *slot >= 0 ? *slot : -1; /* then the system call says EBADF */
}

static struct sockaddr_in address_of(const struct actor *a, unsigned index, uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr = space_address(a->place->lab->topology, index) };
}

/* ---- steps: each returns what its system call did, or -errno, and may leave a text */

static int64_t bind_own(struct actor *a, int fd, uint16_t port)
{
    const struct sockaddr_in own = address_of(a, a->place->index, port);

    return result(bind(fd, (const struct sockaddr *)&own, sizeof(own)));
}

/* From this actor's own address, and the port that connect() chooses. */
static int64_t bind_for_connect(struct actor *a, int fd, uint16_t port)
{
    const int on = 1;

    if (!port && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
        return -errno;
    return bind_own(a, fd, port);
}

static int64_t do_connect(struct actor *a, const struct lab_action *action)
{
    const struct sockaddr_in to = address_of(a, (unsigned)lab_actor_index(a->place->lab, action->text), action->port);
    const int fd = open_socket(a, action->on);
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    int64_t r = fd < 0 ? fd : 0;

    snprintf(a->text, sizeof(a->text), "%s port %u", action->text, action->port);
    /* what is bound already stays so */
    if (r == 0 && getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sin_addr.s_addr == INADDR_ANY)
        r = bind_for_connect(a, fd, action->from_port);
    if (r == 0 && action->nonblocking && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    return r < 0 ? r : result(connect(fd, (const struct sockaddr *)&to, sizeof(to)));
}

static int64_t do_listen(struct actor *a, const struct lab_action *action)
{
    const int fd = open_socket(a, action->on);
    int64_t r = fd < 0 ? fd : bind_own(a, fd, action->port);

    snprintf(a->text, sizeof(a->text), "backlog %ld port %u", action->number, action->port);
    return r < 0 ? r : result(listen(fd, (int)action->number));
}

static int64_t do_accept(struct actor *a, const struct lab_action *action)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int *slot = slot_of(a, action->as);
    char address[INET_ADDRSTRLEN];
    const int fd = accept4(socket_of(a, action->on), (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (!slot)
        return -EMFILE;
    if (*slot >= 0)
        close(*slot);
    *slot = fd;
    snprintf(a->text, sizeof(a->text), "%s port %u", inet_ntop(AF_INET, &peer.sin_addr, address, sizeof(address)),
             ntohs(peer.sin_port));
    return fd;
}

static int64_t do_send(struct actor *a, const struct lab_action *action)
{
    snprintf(a->text, sizeof(a->text), "%s", action->text);
    return result(send(socket_of(a, action->on), action->text, strlen(action->text), MSG_NOSIGNAL));
}

/* As many as the socket takes; where it blocks, all. */
static int64_t do_send_bytes(struct actor *a, const struct lab_action *action)
{
    static char chunk[CHUNK];
    long sent = 0;

    memset(chunk, 'x', sizeof(chunk));
    while (sent < action->number) {
        const size_t left = (size_t)(action->number - sent);
        const ssize_t n =
            send(socket_of(a, action->on), chunk, left < sizeof(chunk) ? left : sizeof(chunk), MSG_NOSIGNAL);

        if (n < 0)
            return sent && errno == EAGAIN ? sent : -errno;
        sent += n;
    }
    return sent;
}

static int64_t do_recv(struct actor *a, const struct lab_action *action)
{
    static char chunk[CHUNK];
    const size_t room = (size_t)action->number < sizeof(chunk) ? (size_t)action->number : sizeof(chunk);
    const int fd = socket_of(a, action->on);
    const ssize_t n = action->verb == LAB_READ ? read(fd, chunk, room) : recv(fd, chunk, room, 0);

    if (n < 0)
        return -errno;
    snprintf(a->text, sizeof(a->text), "%.*s", (int)(n < LAB_TEXT_MAX ? n : LAB_TEXT_MAX - 1), chunk);
    return n;
}

/* Up to limit bytes. An error is what counts; the text says what came before it. */
static int64_t read_up_to(struct actor *a, int fd, long limit)
{
    static char chunk[CHUNK];
    long got = 0;

    while (got < limit) {
        const size_t left = (size_t)(limit - got);
        const ssize_t n = recv(fd, chunk, left < sizeof(chunk) ? left : sizeof(chunk), 0);
        const int error = errno;

        snprintf(a->text, sizeof(a->text), "%ld bytes", got + (n > 0 ? n : 0));
        if (n <= 0)
            return n < 0 ? -error : got;
        got += n;
    }
    return got;
}

static int64_t do_shutdown(struct actor *a, const struct lab_action *action)
{
    const int how = strcmp(action->text, "read") == 0    ? SHUT_RD
                    : strcmp(action->text, "write") == 0 ? SHUT_WR
                                                         : SHUT_RDWR;

    snprintf(a->text, sizeof(a->text), "%s", action->text);
    return result(shutdown(socket_of(a, action->on), how));
}

static int64_t do_close(struct actor *a, const struct lab_action *action)
{
    int *slot = slot_of(a, action->on);
    const int fd = slot ? *slot : -1;

    if (action->verb == LAB_ABORT && sockopt_set(fd, "SO_LINGER", 0) < 0)
        return -errno;
    if (slot)
        *slot = -1;
    return result(close(fd));
}

static int64_t do_set(struct actor *a, const struct lab_action *action)
{
    const int fd = open_socket(a, action->on);
    const cJSON *option;
    int64_t r = fd < 0 ? fd : 0;

    cJSON_ArrayForEach (option, action->options) {
        const size_t len = strlen(a->text);

        snprintf(a->text + len, sizeof(a->text) - len, "%s%s=%.0f", len ? " " : "", option->string,
                 option->valuedouble);
        if (r == 0)
            r = sockopt_set(fd, option->string, (long)option->valuedouble);
    }
    return r;
}

static int64_t do_sysctl(struct actor *a, const struct lab_action *action)
{
    const cJSON *setting;
    int64_t r = 0;

    cJSON_ArrayForEach (setting, action->options) {
        char number[32];
        const size_t len = strlen(a->text);
        const char *value = setting->valuestring;

        snprintf(number, sizeof(number), "%.0f", setting->valuedouble);
        value = cJSON_IsString(setting) ? value : number;
        snprintf(a->text + len, sizeof(a->text) - len, "%s%s=%s", len ? " " : "", setting->string, value);
        if (r == 0)
            r = space_set(setting->string, value);
    }
    return r;
}

static int64_t do_open(struct actor *a, const struct lab_action *action)
{
    int *slot = slot_of(a, action->on);

    snprintf(a->text, sizeof(a->text), "%s", action->text);
    if (!slot)
        return -EMFILE;
    if (*slot >= 0)
        close(*slot);
    *slot = socket(AF_INET, (strcmp(action->text, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    return result(*slot);
}

/* From its own address, as connect() does. */
static int64_t do_send_to(struct actor *a, const struct lab_action *action)
{
    const struct sockaddr_in to = address_of(a, (unsigned)lab_actor_index(a->place->lab, action->text), action->port);
    const int fd = socket_of(a, action->on);
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    int64_t r = 0;

    snprintf(a->text, sizeof(a->text), "%s port %u: %s", action->text, action->port, action->to);
    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sin_addr.s_addr == INADDR_ANY && !own.sin_port)
        r = bind_own(a, fd, 0);
    if (r < 0)
        return r;
    return result(sendto(fd, action->to, strlen(action->to), MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to)));
}

static int64_t do_syns(struct actor *a, const struct lab_action *action)
{
    const struct sockaddr_in to = address_of(a, (unsigned)lab_actor_index(a->place->lab, action->to), action->port);
    const struct in_addr from = space_address(a->place->lab->topology, action->own ? a->place->index : SPACE_NOBODY);

    snprintf(a->text, sizeof(a->text), "%s port %u", action->to, action->port);
    return raw_send_syns(from, &to, action->number);
}

static int64_t do_write(struct actor *a, const struct lab_action *action)
{
    signal(SIGPIPE, SIG_IGN); /* no flag of write() says so */
    snprintf(a->text, sizeof(a->text), "%s", action->text);
    return result(write(socket_of(a, action->on), action->text, strlen(action->text)));
}

/* Until the tracer says so; it is gone where it never does. */
static int64_t do_wait(struct actor *a, unsigned step)
{
    const struct actor_message message = { .word = ACTOR_WAITS, .actor = a->place->index, .step = step };
    char go;

    if (send(a->place->channel, &message, sizeof(message), MSG_NOSIGNAL) < 0)
        return -errno;
    return recv(a->place->channel, &go, 1, 0) == 1 ? 0 : -ECANCELED;
}

static int64_t do_pause(const struct lab_action *action)
{
    struct timespec rest = { .tv_sec = action->number / 1000, .tv_nsec = action->number % 1000 * 1000000 };

    while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
        ;
    return 0;
}

static int64_t do_wire(struct actor *a, const struct lab_action *action)
{
    char word = strcmp(action->text, "cut") == 0 ? WIRE_COMMAND_CUT : WIRE_COMMAND_MEND;

    snprintf(a->text, sizeof(a->text), "%s", action->text);
    if (send(a->place->wire, &word, 1, MSG_NOSIGNAL) < 0)
        return -errno;
    return recv(a->place->wire, &word, 1, 0) == 1 ? 0 : -EPIPE;
}

static int64_t do_signal(struct actor *a, const struct lab_action *action)
{
    static const int signals[] = {
        [LAB_STOP] = SIGSTOP, [LAB_CONTINUE] = SIGCONT, [LAB_KILL] = SIGKILL, [LAB_TERMINATE] = SIGTERM
    };
    const pid_t leader = a->place->leaders[lab_actor_index(a->place->lab, action->text)];

    snprintf(a->text, sizeof(a->text), "%s", action->text);
    return result(kill(-leader, signals[action->verb]));
}

static int64_t act(struct actor *a, const struct lab_action *action, unsigned step)
{
    switch (action->verb) {
    case LAB_CONNECT: return do_connect(a, action);
    case LAB_LISTEN: return do_listen(a, action);
    case LAB_BIND: return bind_own(a, open_socket(a, action->on), (uint16_t)action->number);
    case LAB_ACCEPT: return do_accept(a, action);
    case LAB_OPEN: return do_open(a, action);
    case LAB_SEND_TO: return do_send_to(a, action);
    case LAB_SYNS: return do_syns(a, action);
    case LAB_WRITE: return do_write(a, action);
    case LAB_SEEK: return result(lseek(socket_of(a, action->on), action->number, SEEK_SET));
    case LAB_SEND: return do_send(a, action);
    case LAB_SEND_BYTES: return do_send_bytes(a, action);
    case LAB_READ:
    case LAB_RECV: return do_recv(a, action);
    case LAB_RECV_EXACTLY: return read_up_to(a, socket_of(a, action->on), action->number);
    case LAB_RECV_EOF: return read_up_to(a, socket_of(a, action->on), LONG_MAX);
    case LAB_SHUTDOWN: return do_shutdown(a, action);
    case LAB_CLOSE:
    case LAB_ABORT: return do_close(a, action);
    case LAB_SET: return do_set(a, action);
    case LAB_WAIT: return do_wait(a, step);
    case LAB_PAUSE_MS: return do_pause(action);
    case LAB_WIRE: return do_wire(a, action);
    case LAB_SYSCTL: return do_sysctl(a, action);
    case LAB_STOP:
    case LAB_CONTINUE:
    case LAB_KILL:
    case LAB_TERMINATE: return do_signal(a, action);
    case LAB_VERB_N: break;
    }
    return -ENOSYS;
}

/* A failure is what many a lab is about: the next step follows all the same. */
void actor_act(const struct actor_place *place)
{
    struct actor a = { .place = place, .self = &place->lab->actors[place->index] };

    for (unsigned i = 0; i < a.self->action_count; i++) {
        struct actor_message message = { .word = ACTOR_DID, .actor = place->index, .step = i + 1 };
        const uint64_t start = clock_ns(CLOCK_MONOTONIC);

        a.text[0] = '\0';
        message.ret = act(&a, &a.self->actions[i], i + 1);
        message.duration_ns = clock_ns(CLOCK_MONOTONIC) - start;
        message.realtime_ns = clock_ns(CLOCK_REALTIME);
        memcpy(message.text, a.text, sizeof(message.text));
        if (send(place->channel, &message, sizeof(message), MSG_NOSIGNAL) < 0)
            return;
    }
}
