/* tcplens convert: a trace or a capture as what other programs read. It is parsed in a child without rights; who has them
 * removes a file in which nothing was written. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "convert_packets.h"
#include "replay.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/writer.h"
#include "tcplens/convert/convert.h"

#define NAMED_MAX 5 /* connections that a refusal names */

struct convert_options {
    const struct convert_ops *to;
    const char *out_path, *packets_path;
    long conn;
    bool force;
};

struct conversion {
    const struct convert_options *options;
    const struct convert_ops *to;
    void *state;
    struct writer *writer;
    struct sinks sinks;
    struct replay replay;
    struct convert_packets *packets; /* of --packets; NULL: none */
    struct join *join;               /* with those */
    int out;
    bool begun; /* it can be written */
    bool found; /* the connection wanted was told */
    uint64_t connections;
    struct {
        uint32_t conn;
        char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    } named[NAMED_MAX];
};

/* ---- what is told ---- */

/* Of several connections one has to be chosen: nothing more is drawn. */
static bool is_undecided(const struct conversion *c)
{
    return c->to->one && !c->options->conn && c->connections > 1;
}

static void note_connection(struct conversion *c, const struct change *change)
{
    if (c->connections < NAMED_MAX) {
        c->named[c->connections].conn = change->conn;
        endpoint_format(&change->connection.client, c->named[c->connections].client);
        endpoint_format(&change->connection.server, c->named[c->connections].server);
    }
    c->connections++;
    c->found |= change->conn == c->options->conn;
}

static void tell(struct conversion *c, const struct change *change, uint64_t start_ns)
{
    if (c->join)
        join_change(c->join, change, start_ns);
    else
        c->to->change(c->state, change, start_ns);
}

static void sink_change(void *sink, const struct change *change, uint64_t start_ns)
{
    struct conversion *c = sink;

    if (change->kind == CHANGE_CONNECTION)
        note_connection(c, change);
    if (!is_undecided(c) && (!c->options->conn || convert_concerns(change, (uint32_t)c->options->conn)))
        tell(c, change, start_ns);
}

static void sink_packet(void *sink, const struct packet *packet)
{
    struct conversion *c = sink;

    c->to->packet(c->state, packet);
}

static const struct sink_ops into_pictures = { .name = "convert", .change = sink_change };
static const struct sink_ops into_packets = { .name = "convert", .change = sink_change, .packet = sink_packet };

static void on_header(void *arg, const struct trace_header *header)
{
    struct conversion *c = arg;

    if (c->to->header)
        c->to->header(c->state, header);
}

/* The first piece tells whether it is a capture. */
static bool begin_packets(struct conversion *c)
{
    if (!c->replay.is_trace) {
        log_error("%s is a capture, and has its packets: --packets is for a trace", replay_name(&c->replay));
        return false;
    }
    if (join_new(c->to, c->state, convert_packets_more, c->packets, &c->join) < 0) {
        log_error("out of memory");
        return false;
    }
    convert_packets_into(c->packets, c->join);
    convert_packets_more(c->packets);
    return !convert_packets_failed(c->packets);
}

static bool begin(void *arg)
{
    struct conversion *c = arg;
    const struct convert_config config = { .writer = c->writer,
                                           .input = replay_name(&c->replay),
                                           .packets = !c->replay.is_trace || c->packets,
                                           .conn = (uint32_t)c->options->conn };

    if (c->to->open(&config, &c->state) < 0) {
        log_error("out of memory");
        return false;
    }
    c->begun = !c->packets || begin_packets(c);
    return c->begun;
}

/* ---- what came of it ---- */

static bool refuse_undecided(const struct conversion *c)
{
    char text[NAMED_MAX * (2 * ENDPOINT_TEXT_MAX + 24)] = "";
    const uint64_t shown = c->connections < NAMED_MAX ? c->connections : NAMED_MAX;
    size_t len = 0;

    for (uint64_t i = 0; i < shown; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u is %s > %s", i ? ", " : "", c->named[i].conn,
                                c->named[i].client, c->named[i].server);
    log_error("%s has %llu connections and %s shows one: choose it with --conn N, where %s%s", replay_name(&c->replay),
              (unsigned long long)c->connections, c->to->name, text, shown < c->connections ? ", …" : "");
    return false;
}

/* There is what was asked for. */
static bool is_complete(const struct conversion *c)
{
    if (is_undecided(c))
        return refuse_undecided(c);
    if (c->options->conn && !c->found) {
        log_error("%s has no connection %ld: it has %llu%s", replay_name(&c->replay), c->options->conn,
                  (unsigned long long)c->connections, c->connections > 1 ? ", numbered from 1" : "");
        return false;
    }
    if (c->to->one && !c->connections) {
        log_error("%s has no connection to show", replay_name(&c->replay));
        return false;
    }
    return true;
}

/* A wrong name would else be met with a file that looks right. False: it is one. */
static bool tell_join(const struct conversion *c)
{
    uint64_t segments, found;

    join_found(c->join, &segments, &found);
    if (segments && !found) {
        log_error("%s: none of its packets is one of %s: is it a capture of the same connections?",
                  c->options->packets_path, replay_name(&c->replay));
        return false;
    }
    if (found < segments)
        log_note("%s lacks the packets of %llu of %llu segments: they are rows", c->options->packets_path,
                 (unsigned long long)(segments - found), (unsigned long long)segments);
    return true;
}

/* status: of what was read. */
static int end(struct conversion *c, int status)
{
    int r;

    if (!c->begun || !is_complete(c)) {
        writer_drop(c->writer);
        return EXIT_FAILED;
    }
    if (c->join)
        join_finish(c->join);
    r = c->to->finish(c->state);
    if (c->packets && (!tell_join(c) || convert_packets_failed(c->packets)))
        status = EXIT_FAILED; /* it was told */
    if (r < 0)
        log_error("%s", strerror(-r));
    status = r < 0 ? EXIT_FAILED : status;
    r = writer_close(c->writer);
    if (r < 0 && r != -EPIPE) {
        log_error("cannot write %s: %s", c->options->out_path ? c->options->out_path : "standard output", strerror(-r));
        status = EXIT_FAILED;
    }
    return status;
}

/* In the child. */
static int convert(void *arg)
{
    struct conversion *c = arg;
    int r = rights_give_up(&(struct confine){ .may = CONFINE_FEED }), status;

    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (writer_on(c->out, !command_to_stdout(c->options->out_path), &c->writer) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    sinks_add(&c->sinks, c->to->packet ? &into_packets : &into_pictures, c);
    c->replay.sinks = &c->sinks;
    c->replay.begin = begin;
    c->replay.header = on_header;
    c->replay.arg = c;
    status = end(c, replay(&c->replay));
    c->to->close(c->state);
    join_free(c->join);
    return status;
}

/* ---- the command line ---- */

#define FORMAT(name, what) #name,
static const char *const format_words[] = {
#include "tcplens/convert/formats.def"
    NULL
};
#undef FORMAT

static int take_format(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char hint[96];

    for (size_t i = 0; i < convert_count; i++) {
        if (strcmp(value, convert_table[i]->name))
            continue;
        *(const struct convert_ops **)member = convert_table[i];
        return 0;
    }
    snprintf(why, OPTIONS_ERROR_MAX, ": there is no format '%.40s'%s", value,
             options_hint(value, format_words, convert_count, hint));
    return -EINVAL;
}

static const struct option_row rows[] = {
    { .name = "to",
      .argument = "FORMAT",
      .help = "what to make of it (see below)",
      .kind = OPTION_TAKEN,
      .take = take_format,
      .words = format_words,
      .offset = offsetof(struct convert_options, to) },
    { .name = "output",
      .letter = 'o',
      .argument = "FILE",
      .help = "where it is written (default, and -: standard output)",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = offsetof(struct convert_options, out_path) },
    { .name = "conn",
      .argument = "N",
      .help = "only this connection, by its number in the trace",
      .kind = OPTION_NUMBER,
      .min = 1,
      .max = UINT32_MAX,
      .offset = offsetof(struct convert_options, conn) },
    { .name = "packets",
      .argument = "CAPTURE",
      .help = "with pcapng: the packets of a trace, from a capture of the same (pcap, pcapng)",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_FILE,
      .offset = offsetof(struct convert_options, packets_path) },
    { .name = "force",
      .help = "replace FILE if it is there already",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct convert_options, force) },
};
static const struct option_table table = OPTION_TABLE(rows);

static int missing_format(void)
{
    char list[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < convert_count; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
                                i == 0                  ? ""
                                : i + 1 < convert_count ? ", "
                                                        : " or ",
                                convert_table[i]->name);
    return command_usage_error("convert", "to what? --to %s", list);
}

static bool open_packets(struct conversion *c)
{
    const int fd = command_open_input(c->options->packets_path);

    if (fd < 0)
        return false;
    if (convert_packets_new(fd, c->options->packets_path, &c->packets) == 0)
        return true;
    log_error("out of memory");
    return false;
}

static int open_both(struct conversion *c, const char *path)
{
    const char *out = c->options->out_path;
    int status = EXIT_FAILED;

    if (command_to_stdout(out) && c->to->binary && isatty(STDOUT_FILENO))
        return command_usage_error("convert", "where to? A terminal does not show %s: name a file with -o",
                                   c->to->name);
    if (c->options->packets_path && !c->to->packet)
        return command_usage_error("convert", "--packets goes with --to pcapng");
    c->replay.path = path;
    c->replay.fd = command_open_input(path);
    if (c->replay.fd < 0)
        return EXIT_FAILED;
    if (c->options->packets_path && !open_packets(c)) {
        close(c->replay.fd);
        return EXIT_FAILED;
    }
    c->out = command_open_output(out ? out : "-", c->options->force);
    if (c->out >= 0) {
        status = apart_run(
            &(struct apart){ .work = convert, .arg = c, .input = replay_name(&c->replay), .io = c->replay.io });
        close(c->out);
    }
    close(c->replay.fd);
    convert_packets_free(c->packets);
    return status;
}

static int run(int argc, char *argv[])
{
    struct convert_options o = { 0 };
    struct conversion c = { .options = &o };
    struct command_io io;
    int rest, status = command_parse(&command_convert, OPTIONS_ANYWHERE, argc, argv, &o, &io, &rest);

    c.to = o.to;
    c.replay.io = &io;
    o.conn = o.conn < 1 ? 0 : o.conn;
    if (status != COMMAND_GO_ON)
        ;
    else if (rest == argc)
        status = command_usage_error("convert", "which trace or capture file?");
    else if (rest + 1 < argc)
        status = command_usage_error("convert", "'%s' is one file too many", argv[rest + 1]);
    else if (!o.to)
        status = missing_format();
    else
        status = open_both(&c, argv[rest]);
    command_io_free(&io);
    return status;
}

const struct command command_convert = {
    .name = "convert",
    .summary = "make a diagram, or what Wireshark and others read, of a trace",
    .usage = "TRACE|CAPTURE --to FORMAT [OPTION]...",
    .about = "Makes of a trace (.ndjson, .ndjson.gz) or a capture file (pcap, pcapng; - is standard\n"
             "input) what other programs show.\n",
    .more = "Formats:\n"
#define FORMAT(name, what) "  " #name "\n      " what "\n"
#include "tcplens/convert/formats.def"
#undef FORMAT
            "Of a capture file pcapng has the packets as they are; a trace has none: they come from\n"
            "--packets CAPTURE, or their headers are rebuilt.\n",
    .options = &table,
    .words = WORDS_FILES,
    .run = run,
};
