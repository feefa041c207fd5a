/* tcplens explain: what is wrong in a trace or a capture file, and what helps. A trace has its findings, and they are read back;
 * a capture is read as `tcplens read` does. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"
#include "tcplens/base/terminal.h"
#include "tcplens/sink/digest.h"

struct explanation {
    struct replay replay;
    struct digest *digest;
    bool begun; /* the file is one that can be told */
};

/* Only these lines are worth more than a look. */
static bool is_needed(const char *line, size_t len)
{
    static const char *const words[] = { "\"header\"", "\"finding\"", "\"outcome\"", "\"end\"" };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (memmem(line, len, words[i], strlen(words[i])))
            return true;
    return len < 2 || line[0] != '{' || line[len - 1] != '}';
}

static bool begin(void *arg)
{
    const bool packets[WITNESS_N] = { [WITNESS_WIRE] = true };
    struct explanation *x = arg;

    x->begun = true;
    if (!x->replay.is_trace)
        digest_witnesses(x->digest, packets);
    return true;
}

static void on_header(void *arg, const struct trace_header *header)
{
    digest_witnesses(((struct explanation *)arg)->digest, header->sources);
}

static void on_beyond(void *arg, const uint64_t beyond[static BEYOND_N])
{
    digest_beyond(((struct explanation *)arg)->digest, beyond);
}

static void sink_change(void *sink, const struct change *change, uint64_t start_ns)
{
    digest_take(sink, change, start_ns);
}

static const struct sink_ops into_digest = { .name = "explain", .change = sink_change };

static int print(const struct digest *digest)
{
    struct writer *writer;
    int r = writer_open(NULL, &writer);

    if (r == 0) {
        digest_print(digest, writer, true, terminal_has_colour(STDOUT_FILENO, TERMINAL_COLOUR_AUTO));
        r = writer_close(writer);
    }
    if (r < 0 && r != -EPIPE) {
        log_error("cannot write standard output: %s", strerror(-r));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* Of a damaged file what came before is explained. */
static int explain(struct explanation *x)
{
    struct sinks sinks = { 0 };
    int status, printed;

    stop_let_through();
    if (rights_give_up(&(struct confine){ .may = CONFINE_FEED }) < 0) {
        log_error("cannot drop rights");
        return EXIT_FAILED;
    }
    if (digest_new(&x->digest) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    sinks_add(&sinks, &into_digest, x->digest);
    x->replay.sinks = &sinks;
    status = replay(&x->replay);
    printed = x->begun ? print(x->digest) : EXIT_DONE;
    digest_free(x->digest);
    return status == EXIT_DONE ? printed : status;
}

static int run(int argc, char *argv[])
{
    struct command_io io;
    struct explanation x = {
        .replay = { .io = &io, .begin = begin, .header = on_header, .wants = is_needed, .beyond = on_beyond, .arg = &x }
    };
    int rest, status = command_parse(&command_explain, OPTIONS_ANYWHERE, argc, argv, NULL, &io, &rest);

    if (status == COMMAND_GO_ON && rest + 1 != argc)
        status = rest == argc ? command_usage_error("explain", "which trace or capture file?")
                              : command_usage_error("explain", "'%s' is one file too many", argv[rest + 1]);
    if (status == COMMAND_GO_ON) {
        status = EXIT_FAILED;
        x.replay.path = argv[rest];
        x.replay.fd = command_open_input(argv[rest]);
        if (x.replay.fd >= 0) {
            status = explain(&x);
            close(x.replay.fd);
        }
    }
    command_io_free(&io);
    return status;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "say what is wrong in a trace or a capture file, and what helps",
    .usage = "TRACE|CAPTURE",
    .about = "Says what is wrong in a trace (.ndjson, .ndjson.gz) or a capture file (pcap, pcapng);\n"
             "- is standard input. Its findings, the worst first, each with a connection that shows\n"
             "it and what helps; then the endings that are not good and that none is about. Where\n"
             "there is no finding, what stands out.\n",
    .words = WORDS_FILES,
    .run = run,
};
