/* echo_libuv PORT: an echo server on libuv, which reads 256 KiB at once and writes at once what it can; tests/bench/echo.py. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct answer {
    uv_write_t request;
    uv_buf_t buffer;
};

/* One buffer for all, as libuv's documentation advises where it is written at once. */
static char shared[256 * 1024];

static void allocate(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
    (void)client;
    (void)suggested;
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void on_closed(uv_handle_t *client)
{
    free(client);
}

static void on_read(uv_stream_t *client, ssize_t n, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status)
{
    struct answer *answer = (struct answer *)request;

    if (status == 0)
        uv_read_start(request->handle, allocate, on_read);
    free(answer->buffer.base);
    free(answer);
}

static void on_read(uv_stream_t *client, ssize_t n, const uv_buf_t *buffer)
{
    if (n == 0)
        return;
    if (n < 0) {
        uv_close((uv_handle_t *)client, on_closed);
        return;
    }
    uv_buf_t all = uv_buf_init(buffer->base, (unsigned)n);
    int written = uv_try_write(client, &all, 1);
    if (written == n)
        return;
    if (written < 0)
        written = 0;
    struct answer *answer = malloc(sizeof *answer);
    answer->buffer = uv_buf_init(malloc((size_t)(n - written)), (unsigned)(n - written));
    for (ssize_t i = written; i < n; i++)
        answer->buffer.base[i - written] = buffer->base[i];
    uv_read_stop(client);
    uv_write(&answer->request, client, &answer->buffer, 1, on_written);
}

static void on_accept(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = malloc(sizeof *client);

    if (status != 0)
        return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) == 0)
        uv_read_start((uv_stream_t *)client, allocate, on_read);
    else
        uv_close((uv_handle_t *)client, on_closed);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at;
    uv_tcp_t listener;

    uv_ip4_addr("0.0.0.0", atoi(argc > 1 ? argv[1] : "0"), &at);
    uv_tcp_init(uv_default_loop(), &listener);
    int r = uv_tcp_bind(&listener, (struct sockaddr *)&at, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&listener, 1024, on_accept);
    if (r != 0) {
        fprintf(stderr, "echo_libuv: %s\n", uv_strerror(r));
        return 1;
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
