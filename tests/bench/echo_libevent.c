/* echo_libevent PORT: an echo server on libevent's bufferevents, as its manual shows one; tests/bench/echo.py. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>

static void on_read(struct bufferevent *client, void *context)
{
    (void)context;
    /* Moves the bytes without a copy. */
    bufferevent_write_buffer(client, bufferevent_get_input(client));
}

static void on_event(struct bufferevent *client, short events, void *context)
{
    (void)context;
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(client);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int length,
                      void *context)
{
    struct bufferevent *client = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

    (void)peer;
    (void)length;
    (void)context;
    bufferevent_setcb(client, on_read, NULL, on_event, NULL);
    bufferevent_setwatermark(client, EV_READ, 0, 256 * 1024);
    bufferevent_set_max_single_read(client, 256 * 1024);
    bufferevent_set_max_single_write(client, 256 * 1024);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")) };
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024, (struct sockaddr *)&at, sizeof at);

    if (!listener) {
        perror("echo_libevent");
        return 1;
    }
    event_base_dispatch(base);
    return 0;
}
