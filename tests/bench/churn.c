/* churn: many short TCP connections over loopback, as a load for benchmarks.
 *
 *     churn --connections N [--rate PER_SECOND] [--concurrency C] [--seconds MAX]
 *
 * Each connection: connect, a message, its echo, close. Every other one is closed by the server first, so that both
 * ends get their share of TIME-WAITs. Without --rate the loop is closed: C connections are open at any time. With it
 * the loop is open: connections begin when they are due, however long the earlier ones take, but never more than C at
 * once. The server is a thread of its own; both are epoll loops.
 *
 * Prints one JSON object. `errors` counts connections that failed, `cpu_seconds` is what client and server used.
 * Exit status: 0 all done, 1 some failed or did not begin within MAX seconds, 2 usage. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_SIZE 16
#define EVENTS_MAX 256
#define CONCURRENCY_MAX 4000
#define CONNECTIONS_MAX 10000000
/* The server's addresses are 127.0.0.1 and up: with each, a client has another 28,000 ports, so that none has to leave
 * TIME-WAIT before it can be used again. */
#define ADDRESSES 200

#define NS_PER_S 1000000000ull

enum closer { CLIENT_CLOSES = 'c', SERVER_CLOSES = 's' }; /* the first byte of the message */

struct slot {
    int fd; /* -1: free */
    bool sent;
    enum closer closer;
    size_t received;
    char echo[MESSAGE_SIZE + 1]; /* one more, for the end or for what does not belong */
};

struct churn {
    unsigned long connections, rate, concurrency, seconds;
    struct sockaddr_in server; /* its port; the address varies */
    uint64_t start_ns, deadline_ns;

    int client_epoll;
    struct slot *slots;
    unsigned *free_slots;
    unsigned free_count;
    unsigned long started, finished, errors;

    int server_epoll, listener, stop_event;
    atomic_bool stop;
    atomic_ulong server_errors;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int epoll, int fd, uint32_t events, uint32_t tag)
{
    struct epoll_event e = { .events = events, .data.u32 = tag };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
        fail("epoll_ctl");
}

/* ---- server ------------------------------------------------------------------------------------------------------ */

static void server_error(struct churn *c)
{
    if (atomic_fetch_add(&c->server_errors, 1) == 0)
        fprintf(stderr, "churn: first error of the server: %s\n", strerror(errno));
}

static unsigned server_accept(struct churn *c)
{
    unsigned count = 0;
    int fd;

    while ((fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        watch(c->server_epoll, fd, EPOLLIN, (uint32_t)fd);
        count++;
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        server_error(c);
    return count;
}

/* True when the connection is over. The listener's SO_RCVLOWAT, which its children inherit, makes messages come whole. */
static bool server_answer(struct churn *c, int fd)
{
    char message[MESSAGE_SIZE];
    ssize_t n = recv(fd, message, sizeof(message), 0);

    if (n < 0 && errno == EAGAIN)
        return false;
    if (n == MESSAGE_SIZE && send(fd, message, sizeof(message), MSG_NOSIGNAL) == MESSAGE_SIZE)
        return message[0] == SERVER_CLOSES;
    if (n != 0)
        server_error(c);
    return true;
}

static void *server_run(void *arg)
{
    struct churn *c = arg;
    struct epoll_event events[EVENTS_MAX];
    unsigned open = 0;

    while ((!atomic_load(&c->stop) || open) && now_ns() < c->deadline_ns) {
        int n = epoll_wait(c->server_epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < n; i++) {
            int fd = (int)events[i].data.u32;

            if (fd == c->listener) {
                open += server_accept(c);
            } else if (fd == c->stop_event) {
                epoll_ctl(c->server_epoll, EPOLL_CTL_DEL, fd, NULL);
            } else if (server_answer(c, fd)) {
                close(fd);
                open--;
            }
        }
    }
    return NULL;
}

static void server_open(struct churn *c)
{
    socklen_t len = sizeof(c->server);
    int low = MESSAGE_SIZE;

    c->server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->stop_event = eventfd(0, EFD_CLOEXEC);
    c->server_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->listener < 0 || c->stop_event < 0 || c->server_epoll < 0)
        fail("cannot make the server's sockets");
    if (setsockopt(c->listener, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)) < 0 ||
        bind(c->listener, (struct sockaddr *)&c->server, sizeof(c->server)) < 0 || listen(c->listener, SOMAXCONN) < 0 ||
        getsockname(c->listener, (struct sockaddr *)&c->server, &len) < 0)
        fail("cannot listen");
    watch(c->server_epoll, c->listener, EPOLLIN, (uint32_t)c->listener);
    watch(c->server_epoll, c->stop_event, EPOLLIN, (uint32_t)c->stop_event);
}

/* ---- client ------------------------------------------------------------------------------------------------------ */

static void client_done(struct churn *c, unsigned index, bool good)
{
    if (!good && c->errors++ == 0)
        fprintf(stderr, "churn: first error of the client: %s\n", strerror(errno));
    if (c->slots[index].fd >= 0)
        close(c->slots[index].fd);
    c->slots[index].fd = -1;
    c->free_slots[c->free_count++] = index;
    c->finished++;
}

static void client_start(struct churn *c)
{
    unsigned index = c->free_slots[--c->free_count];
    struct slot *slot = &c->slots[index];
    unsigned long number = c->started++;

    c->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % ADDRESSES));
    *slot = (struct slot){ .closer = number & 1 ? SERVER_CLOSES : CLIENT_CLOSES };
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0 ||
        (connect(slot->fd, (struct sockaddr *)&c->server, sizeof(c->server)) < 0 && errno != EINPROGRESS)) {
        client_done(c, index, false);
        return;
    }
    watch(c->client_epoll, slot->fd, EPOLLIN | EPOLLOUT | EPOLLET, index);
}

static void client_go_on(struct churn *c, unsigned index)
{
    struct slot *slot = &c->slots[index];
    const char message[MESSAGE_SIZE] = { (char)slot->closer };
    bool whole;
    ssize_t n;

    if (!slot->sent) { /* connected, or not: send() tells */
        slot->sent = true;
        if (send(slot->fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message)) {
            client_done(c, index, false);
            return;
        }
    }
    do {
        n = recv(slot->fd, slot->echo + slot->received, sizeof(slot->echo) - slot->received, 0);
        slot->received += n > 0 ? (size_t)n : 0;
        whole = slot->received == MESSAGE_SIZE && memcmp(slot->echo, message, MESSAGE_SIZE) == 0;
    } while (n > 0 && slot->received < MESSAGE_SIZE + (slot->closer == SERVER_CLOSES));
    if (n < 0 && errno == EAGAIN)
        return;
    if (n == 0)
        errno = EPIPE; /* unless the server is to close */
    else if (n > 0)
        errno = EBADMSG; /* unless it is the echo, and the client is to close */
    client_done(c, index, whole && (n == 0) == (slot->closer == SERVER_CLOSES) && n >= 0);
}

/* How many may have begun by now. */
static unsigned long due(const struct churn *c)
{
    unsigned long count = c->connections;

    if (c->rate) {
        double by_now = (double)(now_ns() - c->start_ns) / NS_PER_S * (double)c->rate;

        count = by_now < (double)count ? (unsigned long)by_now : count;
    }
    return count;
}

static void client_run(struct churn *c)
{
    struct epoll_event events[EVENTS_MAX];

    c->client_epoll = epoll_create1(EPOLL_CLOEXEC);
    c->slots = calloc(c->concurrency, sizeof(*c->slots));
    c->free_slots = calloc(c->concurrency, sizeof(*c->free_slots));
    if (c->client_epoll < 0 || !c->slots || !c->free_slots)
        fail("cannot start the client");
    for (unsigned i = 0; i < c->concurrency; i++)
        c->free_slots[c->free_count++] = i;

    while (c->finished < c->connections && now_ns() < c->deadline_ns) {
        unsigned long may = due(c);
        int n;

        while (c->started < may && c->free_count)
            client_start(c);
        n = epoll_wait(c->client_epoll, events, EVENTS_MAX, c->rate ? 1 : 100);
        for (int i = 0; i < n; i++)
            client_go_on(c, events[i].data.u32);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

static int usage(void)
{
    fputs("churn: usage: churn --connections N [--rate PER_SECOND] [--concurrency C] [--seconds MAX]\n", stderr);
    return 2;
}

static bool parse(const char *text, unsigned long max, unsigned long *ret_value)
{
    char *rest;

    errno = 0;
    *ret_value = strtoul(text, &rest, 10);
    return *text >= '0' && *text <= '9' && !*rest && !errno && *ret_value && *ret_value <= max;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "connections", required_argument, NULL, 'n' },
        { "rate", required_argument, NULL, 'r' },
        { "concurrency", required_argument, NULL, 'c' },
        { "seconds", required_argument, NULL, 's' },
        {},
    };
    struct churn c = { .concurrency = 64, .seconds = 60 };
    struct rlimit files;
    struct rusage used;
    pthread_t server;
    double seconds, cpu;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = option == 'n'   ? parse(optarg, CONNECTIONS_MAX, &c.connections)
                    : option == 'r' ? parse(optarg, 1000000, &c.rate)
                    : option == 'c' ? parse(optarg, CONCURRENCY_MAX, &c.concurrency)
                    : option == 's' ? parse(optarg, 3600, &c.seconds)
                                    : false;
        if (!good)
            return usage();
    }
    if (optind != argc || !c.connections)
        return usage();
    /* Both ends are here, and the server closes some of its own later than the client. */
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    if (files.rlim_max < 4 * c.concurrency + 100 || setrlimit(RLIMIT_NOFILE, &files) < 0) {
        fprintf(stderr, "churn: cannot open that many sockets: ulimit -Hn is %lu\n", (unsigned long)files.rlim_max);
        return 1;
    }

    server_open(&c);
    c.start_ns = now_ns();
    c.deadline_ns = c.start_ns + c.seconds * NS_PER_S;
    errno = pthread_create(&server, NULL, server_run, &c);
    if (errno)
        fail("cannot start the server");
    client_run(&c);
    atomic_store(&c.stop, true);
    if (eventfd_write(c.stop_event, 1) < 0)
        fail("cannot stop the server");
    pthread_join(server, NULL);

    seconds = (double)(now_ns() - c.start_ns) / NS_PER_S;
    getrusage(RUSAGE_SELF, &used);
    cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
          (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    c.errors += atomic_load(&c.server_errors);
    printf("{\"connections\":%lu,\"seconds\":%.6f,\"per_second\":%.1f,\"errors\":%lu,\"cpu_seconds\":%.6f}\n",
           c.finished, seconds, (double)c.finished / seconds, c.errors, cpu);
    free(c.slots);
    free(c.free_slots);
    return c.finished == c.connections && !c.errors ? 0 : 1;
}
