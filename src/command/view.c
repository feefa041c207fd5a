/* tcplens view: traces and captures in a browser. The files are handed out as they are; what is in them is for the page. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "browser.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/loop.h"
#include "tcplens/base/rights.h"
#include "tcplens/sink/http.h"
#include "tcplens/viewer.h"

#define HISTORY_LEAST 4096 /* there is no live trace */
#define TICK_MS 1000

struct view_options {
    struct http_address serve;
    bool no_browser;
};

static const struct option_row rows[] = {
    { .name = "serve",
      .argument = "[ADDR:]PORT",
      .help = "where (default: a free port of 127.0.0.1)",
      .kind = OPTION_TAKEN,
      .take = http_take_address,
      .offset = offsetof(struct view_options, serve) },
    { .name = "no-browser",
      .help = "print the address, and open no browser",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct view_options, no_browser) },
};
static const struct option_table table = OPTION_TABLE(rows);

/* As the page, and who saves it, will call it. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool open_file(const char *path, struct http_file *ret_file)
{
    struct stat st;
    int fd = command_open_input(path);

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        log_error("%s is no regular file: save it to one first", command_input_name(path));
        close(fd);
        return false;
    }
    *ret_file = (struct http_file){ .fd = fd, .name = name_of(path), .size = (uint64_t)st.st_size };
    return true;
}

static void on_tick(void *arg, uint64_t ticks)
{
    (void)arg;
    (void)ticks;
}

static void on_signal(void *arg, int number)
{
    (void)number;
    loop_stop(*(struct loop **)arg);
}

/* Until Ctrl-C. */
static int serve(struct http *http, const char *url)
{
    struct loop *loop;
    const struct loop_handlers handlers = { .tick = on_tick, .signal = on_signal, .arg = &loop };
    int r = loop_new(TICK_MS, &handlers, &loop);

    if (r == 0) {
        r = rights_give_up(&(struct confine){ .may = CONFINE_SERVE | CONFINE_HAND_OUT });
        if (r == 0)
            r = http_start(http);
        if (r == 0) {
            log_note("viewer: %s (until Ctrl-C)", url);
            r = loop_run(loop);
        }
        loop_free(loop);
    }
    if (r < 0)
        log_error("cannot serve: %s", strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int view(const struct view_options *o, struct http_file *files, unsigned count)
{
    const char *address = *o->serve.address ? o->serve.address : NULL;
    char error[SINK_ERROR_MAX], url[512];
    struct http *http;
    int r = http_open(address, o->serve.port, viewer_html(), viewer_html_len(), HISTORY_LEAST, &http), status;

    if (r < 0) {
        http_explain(r, "serve", &o->serve, error);
        if (r == -EINVAL)
            return command_usage_error("view", "%s", error);
        log_error("%s", error);
        return EXIT_FAILED;
    }
    http_warn(&o->serve);
    http_hand_out(http, files, count);
    snprintf(url, sizeof(url), "%s&files", http_url(http));
    if (!o->no_browser && browser_open(url))
        log_note("opening a browser");
    status = serve(http, url);
    http_close(http);
    return status;
}

static int run(int argc, char *argv[])
{
    struct http_file files[LIMIT_SERVED_FILES];
    struct view_options o = { 0 };
    struct command_io io;
    int rest, status = command_parse(&command_view, OPTIONS_ANYWHERE, argc, argv, &o, &io, &rest);
    unsigned count = 0;

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (rest == argc)
        return command_usage_error("view", "which trace or capture?");
    if (argc - rest > LIMIT_SERVED_FILES)
        return command_usage_error("view", "at most %d files", LIMIT_SERVED_FILES);
    while (rest < argc && open_file(argv[rest], &files[count])) {
        rest++;
        count++;
    }
    status = rest < argc ? EXIT_FAILED : view(&o, files, count);
    while (count)
        close(files[--count].fd);
    return status;
}

const struct command command_view = {
    .name = "view",
    .summary = "show traces and captures in a browser",
    .usage = "[OPTION]... TRACE|CAPTURE...",
    .about = "Opens the viewer with these traces and captures in a browser, and serves them to it until\n"
             "Ctrl-C. Where there is no desktop, and for root, the address is printed alone. The page\n"
             "reads a capture by itself, as `tcplens read` does.\n",
    .options = &table,
    .words = WORDS_FILES,
    .run = run,
};
