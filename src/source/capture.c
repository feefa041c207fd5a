/* Theory of operation. The file is read in large pieces through zlib, which hands plain bytes on as they are, and
 * packets are looked at where they lie. libpcap would take only one link type a file, and copy every packet; it is
 * still what compiles filters, one for each link type that occurs.
 *
 * A block of a file that breaks off is an error with its place; everything before it has been handed over. */
#include "tcplens/source/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "tcplens/source/source.h"

#define PACKETS_AT_ONCE 4096  /* between two chances to write, or to be stopped */
#define READ_BYTES (1u << 17) /* at once: what the processor keeps near */

struct link_filter {
    int dlt;
    struct bpf_program program;
};

struct source_capture {
    gzFile file;
    int fd; /* belongs to file */
    uint64_t size, offset, packets, unsupported;
    int unsupported_dlt, supported_dlt; /* the last ones */
    bool supported, ended;
    struct tunnels *tunnels;
    struct skips skips;
    const char *filter_text;
    struct link_filter filters[LIMIT_FILTERED_LINK_TYPES];
    unsigned filter_count;
    struct capture_format format;
    size_t at, have; /* in buffer */
    uint8_t buffer[LIMIT_CAPTURE_BLOCK];
};

static int fail(const struct source_capture *s, char *error, const char *what)
{
    snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "%s at byte %" PRIu64 ", after %" PRIu64 " packets", what,
             s->offset + s->at, s->packets);
    return -EIO;
}

/* zlib puts a name before what it says: "<fd:5>: ". Who calls knows a better one. */
static const char *without_name(const char *text)
{
    const char *end = strncmp(text, "<fd:", 4) == 0 ? strstr(text, ">: ") : NULL;

    return end ? end + 3 : text;
}

/* Makes n bytes (at most LIMIT_CAPTURE_BLOCK) available at s->at. 1: they are; 0: the file ends before the first; -EIO. */
static int need(struct source_capture *s, size_t n, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    while (s->have - s->at < n) {
        size_t room;
        int got, code;

        if (s->at) {
            memmove(s->buffer, s->buffer + s->at, s->have - s->at);
            s->offset += s->at;
            s->have -= s->at;
            s->at = 0;
        }
        room = LIMIT_CAPTURE_BLOCK - s->have;
        got = gzread(s->file, s->buffer + s->have, (unsigned)(room < READ_BYTES ? room : READ_BYTES));
        if (got < 0 || (got == 0 && (gzerror(s->file, &code), code == Z_BUF_ERROR))) {
            const char *text = without_name(gzerror(s->file, &code));

            snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "cannot read on after %llu packets: %.200s",
                     (unsigned long long)s->packets, code == Z_ERRNO ? strerror(errno) : text);
            return -EIO;
        }
        if (got == 0)
            return s->have == s->at ? 0 : fail(s, error, "the file breaks off");
        s->have += (size_t)got;
    }
    return 1;
}

/* Passes over n bytes, however many. */
static int skip(struct source_capture *s, uint64_t n, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    while (n) {
        size_t step = n < LIMIT_CAPTURE_BLOCK ? (size_t)n : LIMIT_CAPTURE_BLOCK;
        int r = need(s, step, error);

        if (r <= 0)
            return r < 0 ? r : fail(s, error, "the file breaks off");
        s->at += step;
        n -= step;
    }
    return 1;
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

static bool link_supported(struct source_capture *s, int dlt)
{
    if (s->supported && dlt == s->supported_dlt)
        return true; /* nearly always: a file has one */
    if (segment_link_supported(dlt)) {
        s->supported = true;
        s->supported_dlt = dlt;
        return true;
    }
    s->unsupported++;
    s->unsupported_dlt = dlt;
    return false;
}

/* What is counted as no segment. */
static void skip_packet(struct source_capture *s, enum skip_kind kind, uint32_t number)
{
    skips_add(&s->skips, &(struct skip){ .kind = kind, .number = number });
}

static void say_unsupported(const struct source_capture *s, char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    const char *name = pcap_datalink_val_to_name(s->unsupported_dlt);

    snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "link type %s (%d) is not understood", name ? name : "?",
             s->unsupported_dlt);
}

/* The packet at s->at. */
static int take(struct source_capture *s, const struct capture_packet *p, struct event *e, event_fn emit, void *arg,
                char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    const uint8_t *data = s->buffer + s->at + p->data_offset;
    struct segment_aside aside;

    if (!link_supported(s, p->dlt)) {
        skip_packet(s, SKIP_LINK_TYPE, (uint32_t)p->dlt);
        return 0;
    }
    if (s->filter_text) {
        const struct bpf_program *program = filter_for(s, p->dlt, error);

        if (!program)
            return -EINVAL;
        if (!bpf_filter(program->bf_insns, data, p->len, p->caplen))
            return 0;
    }
    switch (segment_parse(p->dlt, data, p->caplen, p->len, s->tunnels, &e->segment, &aside)) {
    case SEGMENT_OK:
        e->kind = EVENT_SEGMENT;
        e->fate = FATE_UNSAID;
        e->local = e->segment.src;
        e->remote = e->segment.dst;
        break;
    case SEGMENT_ICMP:
        e->kind = EVENT_ICMP;
        e->icmp = aside.icmp;
        e->local = aside.icmp.src;
        e->remote = aside.icmp.dst;
        break;
    default: skips_add(&s->skips, &aside.skip); return 0;
    }
    e->ts_ns = p->ts_ns;
    e->tunnel = aside.tunnel;
    e->frame = s->packets;
    emit(arg, e);
    return 0;
}

int source_capture_drain(struct source_capture *s, unsigned max, event_fn emit, void *arg,
                         char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    struct event e = { .source = WITNESS_WIRE };

    while (max--) {
        struct capture_packet packet;
        uint64_t len;
        int r = need(s, s->format.header_len, error);

        if (r < 0)
            return r;
        if (r == 0) {
            if (!s->supported && s->unsupported) {
                say_unsupported(s, error);
                return -EIO;
            }
            return 0;
        }
        r = capture_block_header(&s->format, s->buffer + s->at, &len);
        if (r < 0)
            return fail(s, error, "the file is damaged");
        if (r == CAPTURE_SKIP) {
            r = skip(s, len, error);
            if (r < 0)
                return r;
            continue;
        }
        if (len > LIMIT_CAPTURE_BLOCK)
            return fail(s, error, "the file is damaged (a packet of more than 262144 bytes)");
        r = need(s, (size_t)len, error);
        if (r <= 0)
            return r < 0 ? r : fail(s, error, "the file breaks off");
        r = capture_block(&s->format, s->buffer + s->at, (size_t)len, &packet);
        if (r < 0)
            return fail(s, error, "the file is damaged");
        if (r == CAPTURE_PACKET) {
            s->packets++;
            r = take(s, &packet, &e, emit, arg, error);
            if (r < 0)
                return r;
        }
        s->at += (size_t)len;
    }
    return 1;
}

/* What people take for a capture. */
static const struct {
    const char *begin;
    size_t len;
    const char *hint;
} others[] = {
#define BEGINS(literal) literal, sizeof(literal) - 1
    { BEGINS("version https://git-lfs"), ": a Git LFS pointer, `git lfs pull` gets the file itself" },
    { BEGINS("\x28\xb5\x2f\xfd"), ": compressed, `zstd -dc FILE | tcplens read -` reads it" },
    { BEGINS("\xfd"
             "7zXZ"),
      ": compressed, `xz -dc FILE | tcplens read -` reads it" },
    { BEGINS("BZh"), ": compressed, `bzip2 -dc FILE | tcplens read -` reads it" },
    { BEGINS("\x04\x22\x4d\x18"), ": compressed, `lz4 -dc FILE | tcplens read -` reads it" },
    { BEGINS("PK\x03\x04"), ": a zip archive, `unzip -p FILE | tcplens read -` reads what is in it" },
    { BEGINS("snoop\0\0\0"), ": a capture of snoop, `editcap -F pcap FILE OUT` makes a pcap of it" },
    { BEGINS("GMBU"), ": a capture of Network Monitor, `editcap -F pcap FILE OUT` makes a pcap of it" },
    { BEGINS("RTSS"), ": a capture of Network Monitor, `editcap -F pcap FILE OUT` makes a pcap of it" },
    { BEGINS("XCP\0"), ": a capture of NetXray, `editcap -F pcap FILE OUT` makes a pcap of it" },
    { BEGINS("TRSNIFF data"), ": a capture of Sniffer, `editcap -F pcap FILE OUT` makes a pcap of it" },
    { BEGINS("{\"record\":\"header\""), ": a trace already, `tcplens explain` and `tcplens report` read it" },
#undef BEGINS
};

static const char *hint_of(const uint8_t *begin, size_t have)
{
    for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (have >= others[i].len && memcmp(begin, others[i].begin, others[i].len) == 0)
            return others[i].hint;
    return "";
}

int source_capture_open(int fd, const char *filter, struct source_capture **ret_capture,
                        char error[static SOURCE_CAPTURE_ERROR_MAX])
{
    struct source_capture *s = malloc(sizeof(*s)); /* the buffer needs no zeros */
    struct stat st;
    int r;

    if (!s) {
        close(fd);
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    memset(s, 0, offsetof(struct source_capture, buffer));
    s->filter_text = filter;
    s->fd = fd;
    if (fstat(fd, &st) < 0) {
        r = -errno;
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "%s", strerror(-r));
        goto fail;
    }
    if (tunnels_new(&s->tunnels) < 0) {
        r = -ENOMEM;
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        goto fail;
    }
    s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    s->file = gzdopen(s->fd, "rb");
    if (!s->file) {
        r = -ENOMEM;
        snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "out of memory");
        goto fail;
    }
    gzbuffer(s->file, READ_BYTES / 2); /* zlib reads plain bytes past its buffer where twice that is asked for */
    r = need(s, CAPTURE_FILE_HEADER, error);
    if (r > 0) {
        size_t used;

        r = capture_format_detect(s->buffer, &s->format, &used);
        s->at = used;
    }
    if (r <= 0) {
        if (r == 0)
            snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "the file is empty");
        else if (r == -EINVAL)
            snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "neither pcap nor pcapng, nor one of them compressed by gzip%s",
                     hint_of(s->buffer, s->have));
        else if (r == -EIO && s->have < CAPTURE_FILE_HEADER)
            snprintf(error, SOURCE_CAPTURE_ERROR_MAX, "too short for a capture file (%zu bytes)", s->have);
        r = -EINVAL;
        goto fail;
    }
    r = -EINVAL;
    if (s->format.dlt >= 0 && !link_supported(s, s->format.dlt)) {
        say_unsupported(s, error);
        goto fail;
    }
    /* a filter that does not parse is told before anything is read */
    if (filter && !filter_for(s, s->format.dlt >= 0 ? s->format.dlt : DLT_EN10MB, error))
        goto fail;
    *ret_capture = s;
    return 0;
fail:
    source_capture_close(s);
    return r;
}

uint64_t source_capture_position(const struct source_capture *s, uint64_t *ret_size)
{
    z_off_t at = gzoffset(s->file);

    *ret_size = s->size;
    return at > 0 ? (uint64_t)at : 0;
}

uint64_t source_capture_packets(const struct source_capture *s)
{
    return s->packets;
}

/* Those of link types are libpcap's. */
static const char *name_of(const struct skip *skip, char buf[static SKIP_NAME_MAX])
{
    const char *link = skip->kind == SKIP_LINK_TYPE ? pcap_datalink_val_to_name((int)skip->number) : NULL;

    if (!link)
        return skip_name(skip, buf);
    snprintf(buf, SKIP_NAME_MAX, "link type %s", link);
    return buf;
}

void source_capture_skipped(const struct source_capture *s, struct trace_end *end)
{
    char name[SKIP_NAME_MAX];

    for (unsigned i = 0; i < s->skips.row_count; i++)
        trace_end_skipped(end, name_of(&s->skips.rows[i].skip, name), s->skips.rows[i].count);
    trace_end_skipped(end, "others", s->skips.others);
}

struct source_capture *source_capture_close(struct source_capture *s)
{
    if (!s)
        return NULL;
    for (unsigned i = 0; i < s->filter_count; i++)
        pcap_freecode(&s->filters[i].program);
    if (s->file)
        gzclose(s->file);
    else if (s->fd >= 0)
        close(s->fd);
    capture_format_free(&s->format);
    tunnels_free(s->tunnels);
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
    int r = source_capture_open(input->fd, input->filter, &source, why);

    (void)context;
    if (r == 0)
        *ret_source = source;
    return r;
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    return last ? 0 : source_capture_drain(source, PACKETS_AT_ONCE, emit, arg, error);
}

static void ops_describe(const void *config, struct trace_header *header)
{
    header->input = ((const struct source_capture_input *)config)->path;
}

static void ops_progress(const void *source, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    *ret_at = source_capture_position(source, ret_size);
    *ret_packets = source_capture_packets(source);
}

static void ops_skipped(const void *source, struct trace_end *end)
{
    source_capture_skipped(source, end);
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
