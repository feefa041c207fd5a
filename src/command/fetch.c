/* tcplens fetch: a trace that was published, as lines again. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/writer.h"
#include "tcplens/command/command.h"
#include "tcplens/sink/publish_reader.h"

struct fetch_options {
    const char *trace, *host, *output;
    bool list, force;
};

#define AT(member) offsetof(struct fetch_options, member)

static const struct option_row rows[] = {
    { .name = "list",
      .help = "print the traces that are stored, a line each: id, host, when it began",
      .kind = OPTION_FLAG,
      .offset = AT(list) },
    { .name = "trace",
      .argument = "ID",
      .help = "this one, by its id or how that begins (default: the newest)",
      .kind = OPTION_TEXT,
      .offset = AT(trace) },
    { .name = "host",
      .argument = "HOST",
      .help = "the newest of this host; with --list: those of it",
      .kind = OPTION_TEXT,
      .offset = AT(host) },
    { .name = "output",
      .letter = 'o',
      .argument = "FILE",
      .help = "write to FILE (default: standard output)",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = AT(output) },
    { .name = "force", .help = "replace FILE if it is there already", .kind = OPTION_FLAG, .offset = AT(force) },
};
static const struct option_table table = OPTION_TABLE(rows);

struct lines {
    struct writer *writer;
    int fd; /* what the writer is on */
};

static bool write_line(void *arg, const char *line, size_t len)
{
    struct lines *l = arg;

    writer_write(l->writer, line, len);
    writer_write(l->writer, "\n", 1);
    return true;
}

/* "start":"2026-11-28T12:00:00.000000000Z" of a header. */
static void list_trace(void *arg, const struct publish_trace *t)
{
    static const char key[] = "\"start\":\"";
    char header[512], *at;

    (void)arg;
    snprintf(header, sizeof(header), "%.*s", (int)(t->header_len < 511 ? t->header_len : 511), t->header);
    at = strstr(header, key);
    at = at ? at + sizeof(key) - 1 : header + strlen(header);
    at[strspn(at, "0123456789-:.TZ")] = '\0';
    printf("%s %s %s\n", t->id, t->host, *at ? at : "-");
}

static int read_trace(struct publish_reader *reader, const struct fetch_options *o, struct lines *l)
{
    char error[PUBLISH_ERROR_MAX] = "";
    struct publish_came came = { 0 };
    int r = publish_reader_read(reader, o->trace, o->host, write_line, l, &came, error), w;

    if (r < 0) {
        log_error("%s", error);
        return EXIT_FAILED;
    }
    w = writer_flush(l->writer);
    if (w < 0 && w != -EPIPE) {
        log_error("cannot write %s: %s", o->output ? o->output : "standard output", strerror(-w));
        return EXIT_FAILED;
    }
    if (came.refused)
        log_note("%llu messages that say they are of the trace are left out: they hold no line of one",
                 (unsigned long long)came.refused);
    if (came.missing)
        log_note("%llu records of the trace are missing: they are not stored there", (unsigned long long)came.missing);
    if (!came.complete)
        log_note("the trace has no end yet: these are the records that are stored now");
    return came.refused || came.missing ? EXIT_LOST : EXIT_DONE;
}

static int fetch(const struct fetch_options *o, const struct publish_server *server, struct lines *l)
{
    char error[PUBLISH_ERROR_MAX] = "";
    struct publish_reader *reader = NULL;
    int status = EXIT_DONE, r = rights_give_up(&(struct confine){ .may = CONFINE_PUBLISH });

    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        return EXIT_FAILED;
    }
    r = publish_reader_new(server, &reader, error);
    if (r == 0 && o->list)
        r = publish_reader_list(reader, o->host, list_trace, NULL, error);
    else if (r == 0)
        status = read_trace(reader, o, l);
    if (r < 0) {
        log_error("%s", error);
        status = EXIT_FAILED;
    }
    publish_reader_free(reader);
    return status;
}

/* What the child is given. */
struct fetching {
    const struct fetch_options *options;
    const struct publish_server *server;
    struct lines lines;
};

/* In the child. */
static int fetch_and_close(void *arg)
{
    struct fetching *f = arg;
    int status, r;

    if (writer_on(f->lines.fd, !command_to_stdout(f->options->output), &f->lines.writer) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    status = fetch(f->options, f->server, &f->lines);
    r = writer_close(f->lines.writer);
    return fflush(stdout) != 0 || (r < 0 && r != -EPIPE) ? EXIT_FAILED : status;
}

static int open_and_fetch(const struct fetch_options *o, struct publish_server *server, const struct command_io *io)
{
    char error[PUBLISH_ERROR_MAX];
    struct fetching f = { .options = o, .server = server };
    int status, r = publish_server_resolve(server, error);

    if (r < 0) {
        log_error("%s", error);
        return EXIT_FAILED;
    }
    f.lines.fd = command_open_output(o->output ? o->output : "-", o->force);
    if (f.lines.fd < 0)
        return EXIT_FAILED;
    status =
        apart_run(&(struct apart){ .work = fetch_and_close, .arg = &f, .input = "what the server sent", .io = io });
    close(f.lines.fd);
    return status;
}

static int check(const struct fetch_options *o)
{
    if ((o->trace && !*o->trace) || (o->host && !*o->host))
        return command_usage_error("fetch", "%s is empty",
                                   o->trace && !*o->trace ? "the ID of --trace" : "the HOST of --host");
    if (o->list && (o->trace || o->output || o->force))
        return command_usage_error(
            "fetch", "--list prints a line for each trace, and fetches none: without --trace, --output, --force");
    return EXIT_DONE;
}

static int run(int argc, char *argv[])
{
    struct fetch_options o = { 0 };
    struct publish_server server;
    char why[OPTIONS_ERROR_MAX];
    struct command_io io;
    int rest, status = command_parse(&command_fetch, OPTIONS_ANYWHERE, argc, argv, &o, &io, &rest);

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (argc - rest != 1)
        return command_usage_error("fetch", argc == rest ? "from where? nats://HOST" : "one server at a time");
    if (publish_server_take(argv[rest], &server, why) < 0)
        return command_usage_error("fetch", "the address of the server%s", why);
    status = check(&o);
    if (status != EXIT_DONE)
        return status;
    return open_and_fetch(&o, &server, &io);
}

const struct command command_fetch = {
    .name = "fetch",
    .summary = "print a trace that --publish sent",
    .usage = "[OPTION]... nats://[USER:PASSWORD@]HOST[:PORT]",
    .about = "Reads a trace back from the JetStream of a NATS server, where `--publish` of trace or\n"
             "export sent it, and prints its lines (NDJSON): each record once, in its order.\n",
    .more = "Exit status: 0 done, 1 failed, 2 usage, 4 records are missing, or were refused.\n",
    .options = &table,
    .run = run,
};
