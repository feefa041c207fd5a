/* Theory of operation. The file is read in large pieces through zlib, which hands plain bytes on as they are; what is in them
 * is for capture_feed.c. libpcap would take only one link type a file, and copy every packet; it is still what compiles
 * filters, one for each link type that occurs. */
#include "tcplens/source/capture.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <zlib.h>

#include "capture_block.h"
#include "tcplens/base/limits.h"
#include "tcplens/source/capture_feed.h"
#include "tcplens/source/source.h"

#define READ_BYTES                                                                                                     \
    (1u << 17) /* at once: what the processor keeps near; and between two chances to write, or to be stopped */

struct link_filter {
    int dlt;
    struct bpf_program program;
};

struct source_capture {
    gzFile file;
    int fd; /* belongs to file */
    uint64_t size;
    struct capture *capture;
    const char *filter_text;
    struct link_filter filters[LIMIT_FILTERED_LINK_TYPES];
    unsigned filter_count;
    size_t at, have;            /* in buffer, beyond what has been fed */
    uint8_t buffer[READ_BYTES]; /* needs no zeros */
};

/* zlib puts a name before what it says: "<fd:5>: ". Who calls knows a better one. */
static const char *without_name(const char *text)
{
    const char *end = strncmp(text, "<fd:", 4) == 0 ? strstr(text, ">: ") : NULL;

    return end ? end + 3 : text;
}

/* The next piece into the buffer, of which nothing is left. 1; 0: the file ends; -EIO. */
static int read_piece(struct source_capture *s, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    int got = gzread(s->file, s->buffer, READ_BYTES), code;

    s->at = 0;
    s->have = got > 0 ? (size_t)got : 0;
    if (got < 0 || (got == 0 && (gzerror(s->file, &code), code == Z_BUF_ERROR))) {
        const char *text = without_name(gzerror(s->file, &code));

        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "cannot read on after %llu packets: %.200s",
                 (unsigned long long)capture_packets(s->capture), code == Z_ERRNO ? strerror(errno) : text);
        return -EIO;
    }
    return got > 0;
}

/* The filter for a link type; compiled where it is first needed. NULL: it does not fit, with a line in error. */
static const struct bpf_program *filter_for(struct source_capture *s, int dlt,
                                            char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    struct link_filter *f = s->filters;
    pcap_t *dead;
    int r;

    for (; f < s->filters + s->filter_count; f++)
        if (f->dlt == dlt)
            return &f->program;
    if (s->filter_count == LIMIT_FILTERED_LINK_TYPES) {
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "a filter works with at most %d link types in a file",
                 LIMIT_FILTERED_LINK_TYPES);
        return NULL;
    }
    dead = pcap_open_dead(dlt == 101 ? DLT_RAW : dlt, LIMIT_CAPTURE_PACKET); /* 101: DLT_RAW's number in files */
    if (!dead) {
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        return NULL;
    }
    r = pcap_compile(dead, &f->program, s->filter_text, 1, PCAP_NETMASK_UNKNOWN);
    if (r < 0)
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "filter \"%.300s\": %.150s", s->filter_text, pcap_geterr(dead));
    pcap_close(dead);
    if (r < 0)
        return NULL;
    f->dlt = dlt;
    s->filter_count++;
    return &f->program;
}

/* A packet against the filter, as capture_wants_fn. */
static int wants(void *arg, int dlt, const uint8_t *data, uint32_t caplen, uint32_t len,
                 char error[static CAPTURE_ERROR_MAX])
{
    const struct bpf_program *program = filter_for(arg, dlt, error);

    return program ? bpf_filter(program->bf_insns, data, len, caplen) != 0 : -EINVAL;
}

int source_capture_drain(struct source_capture *s, event_fn emit, void *arg,
                         char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    int r = s->at < s->have ? 1 : read_piece(s, error);

    if (r < 0)
        return r;
    if (r == 0)
        return capture_end(s->capture, emit, arg, error);
    r = capture_feed(s->capture, s->buffer + s->at, s->have - s->at, emit, arg, error);
    s->at = s->have;
    return r < 0 ? r : 1;
}

/* Feeds the file's first bytes, which tell whether it is a capture, and bring no event. */
static int begin(struct source_capture *s, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    int r = read_piece(s, error);

    if (r <= 0)
        return r < 0 ? r : capture_end(s->capture, NULL, NULL, error);
    s->at = s->have < CAPTURE_FILE_HEADER ? s->have : CAPTURE_FILE_HEADER;
    r = capture_feed(s->capture, s->buffer, s->at, NULL, NULL, error);
    /* a piece is short only at the end of a file */
    return r == 0 && s->at < CAPTURE_FILE_HEADER ? capture_end(s->capture, NULL, NULL, error) : r;
}

static int open_file(struct source_capture *s, const struct source_context *context,
                     char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    const struct capture_config config = { .wants = s->filter_text ? wants : NULL,
                                           .wants_arg = s,
                                           .filter = context->filter,
                                           .datagrams = context->datagrams,
                                           .headers = context->headers,
                                           .packet = context->packet,
                                           .packet_arg = context->packet_arg };
    struct stat st;

    if (fstat(s->fd, &st) < 0) {
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "%s", strerror(errno));
        return -EINVAL;
    }
    s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    s->file = gzdopen(s->fd, "rb");
    if (!s->file || capture_new(&config, &s->capture) < 0) {
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    /* zlib reads plain bytes past its buffer where twice that is asked for, also when the first bytes came through it */
    gzbuffer(s->file, READ_BYTES / 4);
    return 0;
}

int source_capture_open(int fd, const char *filter, const struct source_context *context,
                        struct source_capture **ret_capture, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    struct source_capture *s = malloc(sizeof(*s));
    int r;

    if (!s) {
        close(fd);
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    memset(s, 0, offsetof(struct source_capture, buffer));
    s->filter_text = filter;
    s->fd = fd;
    r = open_file(s, context, error);
    if (r == 0)
        r = begin(s, error);
    /* a filter that does not parse is told before anything is read */
    if (r == 0 && filter &&
        !filter_for(s, capture_link(s->capture) >= 0 ? capture_link(s->capture) : DLT_EN10MB, error))
        r = -EINVAL;
    if (r < 0) {
        source_capture_close(s);
        return r;
    }
    *ret_capture = s;
    return 0;
}

uint64_t source_capture_position(const struct source_capture *s, uint64_t *ret_size)
{
    z_off_t at = gzoffset(s->file);

    *ret_size = s->size;
    return at > 0 ? (uint64_t)at : 0;
}

struct source_capture *source_capture_close(struct source_capture *s)
{
    if (!s)
        return NULL;
    for (unsigned i = 0; i < s->filter_count; i++)
        pcap_freecode(&s->filters[i].program);
    if (s->file)
        gzclose(s->file);
    else
        close(s->fd);
    capture_free(s->capture);
    free(s);
    return NULL;
}

/* ---- as the pipeline knows it ---- */

static const struct option_row rows[] = {
    { .name = "filter",
      .argument = "EXPR",
      .help = "only packets that match, in libpcap's language (pcap-filter(7))",
      .kind = OPTION_TEXT,
      .offset = offsetof(struct source_capture_input, filter) },
};
static const struct option_table table = OPTION_TABLE(rows);

static int ops_open(const struct source_context *context, const void *config, void **ret_source,
                    char why[static SOURCE_ERROR_MAX])
{
    const struct source_capture_input *input = config;
    struct source_capture *source;
    int r = source_capture_open(input->fd, input->filter, context, &source, why);

    if (r == 0)
        *ret_source = source;
    return r;
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    return last ? 0 : source_capture_drain(source, emit, arg, error);
}

static void ops_describe(const void *config, struct trace_header *header)
{
    header->input = ((const struct source_capture_input *)config)->path;
}

static void ops_progress(const void *source, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    *ret_at = source_capture_position(source, ret_size);
    *ret_packets = capture_packets(((const struct source_capture *)source)->capture);
}

static void ops_skipped(const void *source, struct trace_end *end)
{
    capture_skipped(((const struct source_capture *)source)->capture, end);
}

static void ops_close(void *source)
{
    source_capture_close(source);
}

const struct source_ops source_capture_ops = {
    .name = "capture",
    .witness = WITNESS_WIRE,
    .ordered = true,
    .options = &table,
    .config_size = sizeof(struct source_capture_input),
    .open = ops_open,
    .drain = ops_drain,
    .skipped = ops_skipped,
    .describe = ops_describe,
    .progress = ops_progress,
    .close = ops_close,
};
