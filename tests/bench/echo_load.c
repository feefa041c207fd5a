/* echo_load: the load of tests/bench/echo.py, one thread with an epoll loop.
 *
 *     echo_load pingpong|churn|stream --port P --connections N --ms TIME [--request TEXT --answer BYTES]
 *
 * pingpong  each connection sends a request of 64 bytes when the answer to the last one has come
 * churn     each connects, sends one request, reads its answer, closes, and begins anew
 * stream    each sends blocks of 64 KiB as fast as it can, and reads what comes back; at most 1 MiB is under way
 *
 * --request: what is sent instead, with the length of its answer. Prints two numbers: requests, connections or bytes
 * (those that came back) per second, and how many seconds it took. Exit status: 0, or 1 with a line on standard error. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024,
    REQUEST_SIZE = 64,
    BLOCK_SIZE = 64 * 1024,
    READ_SIZE = 256 * 1024,
    WINDOW_SIZE = 1024 * 1024,
    EVENTS_MAX = 256,
};

enum way { PINGPONG, CHURN, STREAM };

struct load {
    enum way way;
    struct sockaddr_in server;
    unsigned connections;
    const char *request;
    size_t request_size, answer_size;
    int epoll;
    uint64_t done; /* requests, connections or bytes */
};

struct slot {
    int fd;
    bool blocked;          /* stream: EPOLLOUT is asked for */
    uint64_t under_way;    /* stream: bytes sent and not back yet */
    size_t sent, received; /* of one request and its answer */
    unsigned long address; /* churn: the server is reached by many, so that no port is used up by TIME-WAIT */
};

static struct slot slots[CONNECTIONS_MAX];
static char incoming[READ_SIZE], block[BLOCK_SIZE];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_request(const struct load *load, struct slot *slot)
{
    /* 64 bytes fit an empty send buffer. */
    if (send(slot->fd, load->request, load->request_size, MSG_NOSIGNAL) != (ssize_t)load->request_size)
        fail("send");
    slot->received = 0;
}

static void watch(const struct load *load, int operation, struct slot *slot, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = slot };

    if (epoll_ctl(load->epoll, operation, slot->fd, &event) != 0)
        fail("epoll_ctl");
}

static void begin(const struct load *load, struct slot *slot)
{
    struct sockaddr_in to = load->server;

    if (load->way == CHURN)
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(slot->address++ % 200));
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (slot->fd < 0 || connect(slot->fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect");
    watch(load, EPOLL_CTL_ADD, slot, EPOLLIN);
    if (load->way != STREAM)
        send_request(load, slot);
}

static void fill(struct load *load, struct slot *slot)
{
    bool blocked = false;

    while (!blocked && slot->under_way < WINDOW_SIZE) {
        ssize_t n = send(slot->fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            fail("send");
        blocked = n < (ssize_t)sizeof block;
        slot->under_way += n > 0 ? (uint64_t)n : 0;
    }
    if (blocked != slot->blocked)
        watch(load, EPOLL_CTL_MOD, slot, EPOLLIN | (blocked ? EPOLLOUT : 0));
    slot->blocked = blocked;
}

static void answer_complete(struct load *load, struct slot *slot)
{
    load->done++;
    if (load->way == CHURN) {
        close(slot->fd);
        begin(load, slot);
    } else {
        send_request(load, slot);
    }
}

static void take(struct load *load, struct slot *slot)
{
    ssize_t n = recv(slot->fd, incoming, sizeof incoming, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail(n == 0 ? "the server has closed" : "recv");
    if (load->way == STREAM) {
        load->done += (uint64_t)n;
        slot->under_way -= (uint64_t)n;
        return;
    }
    slot->received += (size_t)n;
    if (slot->received >= load->answer_size)
        answer_complete(load, slot);
}

/* Prints how much was done per second, and how long it took. */
static void run(struct load *load, long ms)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t start = now_ns(), now = start, end = start + ms * 1000000;

    while (now < end) {
        int n = epoll_wait(load->epoll, events, EVENTS_MAX, 1000);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct slot *slot = events[i].data.ptr;

            if (events[i].events & ~EPOLLOUT)
                take(load, slot);
            if (load->way == STREAM)
                fill(load, slot);
        }
        now = now_ns();
    }
    double seconds = (double)(now - start) / 1e9;
    printf("%.0f %.6f\n", (double)load->done / seconds, seconds);
}

static void parse(int argc, char **argv, struct load *load, long *ret_ms)
{
    static const struct option longs[] = {
        { "port", required_argument, NULL, 'p' },   { "connections", required_argument, NULL, 'c' },
        { "ms", required_argument, NULL, 'm' },     { "request", required_argument, NULL, 'r' },
        { "answer", required_argument, NULL, 'a' }, { 0 },
    };
    int code;

    while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (code) {
        case 'p': load->server.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 'c': load->connections = (unsigned)atoi(optarg); break;
        case 'm': *ret_ms = atol(optarg); break;
        case 'r':
            load->request = optarg;
            load->request_size = strlen(optarg);
            break;
        case 'a': load->answer_size = (size_t)atol(optarg); break;
        default: exit(1);
        }
    }
    const char *way = optind < argc ? argv[optind] : "";
    load->way = strcmp(way, "churn") == 0 ? CHURN : strcmp(way, "stream") == 0 ? STREAM : PINGPONG;
    if (load->connections == 0 || load->connections > CONNECTIONS_MAX) {
        fprintf(stderr, "echo_load: --connections: 1 to %d\n", CONNECTIONS_MAX);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static char request[REQUEST_SIZE];
    struct load load = {
        .server = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
        .request = request,
        .request_size = sizeof request,
        .answer_size = sizeof request,
    };
    long ms = 1000;

    memset(request, 'x', sizeof request);
    parse(argc, argv, &load, &ms);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < load.connections; i++) {
        slots[i].address = i * 7;
        begin(&load, &slots[i]);
        if (load.way == STREAM)
            fill(&load, &slots[i]);
    }
    run(&load, ms);
    return 0;
}
