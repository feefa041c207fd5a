/* Theory of operation. A file is a row of blocks. Those that lie whole in the bytes that are fed are looked at there; what is
 * left of one at their end waits in `held`, until the next bytes complete it. A block of no interest is passed over, however
 * long.
 *
 * A block that breaks off, or is damaged, is an error with its place; everything before it has been handed over. */
#include "tcplens/source/capture_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_block.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/no_zeros.h"
#include "tcplens/base/rare.h"
#include "tcplens/event/packet.h"
#include "tcplens/tcp/link_name.h"

struct capture {
    struct capture_config config;
    event_fn emit;
    void *arg; /* while bytes are fed */
    uint64_t offset, packets, unsupported;
    int unsupported_dlt, supported_dlt; /* the last ones */
    bool supported, detected, filtered;
    struct tunnels *tunnels;
    struct skips skips;
    struct capture_format format;
    struct event event;
    uint64_t skip;                     /* bytes left of a block of no interest */
    uint64_t skip_len;                 /* all of them */
    size_t have;                       /* in held: the begin of the block at offset */
    uint8_t held[LIMIT_CAPTURE_BLOCK]; /* needs no zeros */
};

int capture_new(const struct capture_config *config, struct capture **ret_capture)
{
    struct capture *c = malloc(sizeof(*c));

    if (!c)
        return -ENOMEM;
    memset(c, 0, offsetof(struct capture, held));
    c->config = *config;
    c->filtered = config->filter.port_count || config->filter.host_count;
    c->event.source = WITNESS_WIRE;
    if (tunnels_new(&c->tunnels) < 0) {
        free(c);
        return -ENOMEM;
    }
    *ret_capture = c;
    return 0;
}

void capture_free(struct capture *c)
{
    if (!c)
        return;
    capture_format_free(&c->format);
    tunnels_free(c->tunnels);
    free(c);
}

static int fail(const struct capture *c, char *error, const char *what)
{
    snprintf(error, CAPTURE_ERROR_MAX, "%s at byte %" PRIu64 ", after %" PRIu64 " packets", what, c->offset,
             c->packets);
    return -EIO;
}

/* ---- packets ---- */

static bool link_supported(struct capture *c, int dlt)
{
    if (c->supported && dlt == c->supported_dlt)
        return true; /* nearly always: a file has one */
    if (segment_link_supported(dlt)) {
        c->supported = true;
        c->supported_dlt = dlt;
        return true;
    }
    c->unsupported++;
    c->unsupported_dlt = dlt;
    return false;
}

static int refuse_link(const struct capture *c, int r, char error[static CAPTURE_ERROR_MAX])
{
    const char *name = link_name(c->unsupported_dlt);

    snprintf(error, CAPTURE_ERROR_MAX, "link type %s (%d) is not understood", name ? name : "?", c->unsupported_dlt);
    return r;
}

/* As it was captured, whatever it tells. */
static RARE uint64_t hand_on(const struct capture *c, const struct capture_packet *p, const uint8_t *data)
{
    const struct packet packet = {
        .ts_ns = p->ts_ns, .dlt = p->dlt, .caplen = p->caplen, .len = p->len, .frame = c->packets, .data = data
    };

    return c->config.packet(c->config.packet_arg, &packet);
}

static inline int take(struct capture *c, const struct capture_packet *p, const uint8_t *data,
                       char error[static CAPTURE_ERROR_MAX])
{
    struct event *e = &c->event;
    struct segment_aside aside NO_ZEROS;
    enum segment_result result;

    c->packets++;
    if (!link_supported(c, p->dlt)) {
        skips_add(&c->skips, &(struct skip){ .kind = SKIP_LINK_TYPE, .number = (uint32_t)p->dlt });
        if (c->config.packet && !c->config.wants)
            hand_on(c, p, data);
        return 0;
    }
    if (c->config.wants) {
        int r = c->config.wants(c->config.wants_arg, p->dlt, data, p->caplen, p->len, error);

        if (r <= 0)
            return r;
    }
    e->packet = c->config.packet ? hand_on(c, p, data) : 0;
    result = segment_parse(p->dlt, data, p->caplen, p->len, c->tunnels, &e->segment, &aside);
    if (!packet_event(e, result, &aside, c->config.datagrams, c->config.headers)) {
        skips_add(&c->skips, &aside.skip);
        return 0;
    }
    if (c->filtered && !filter_wants(&c->config.filter, &e->local, &e->remote))
        return 0;
    e->ts_ns = p->ts_ns;
    e->frame = c->packets;
    c->emit(c->arg, e);
    return 0;
}

/* ---- blocks ---- */

/* Looks at the header of a block. Its length, 0 where it is passed over (skip is set), or -EIO. */
static int64_t block_length(struct capture *c, const uint8_t *header, char error[static CAPTURE_ERROR_MAX])
{
    uint64_t len;
    int r = capture_block_header(&c->format, header, &len);

    if (r < 0)
        return fail(c, error, "the file is damaged");
    if (r != CAPTURE_SKIP)
        return (int64_t)len;
    c->skip = c->skip_len = len;
    return 0;
}

/* A block of len bytes, all there. */
static inline int take_block(struct capture *c, const uint8_t *block, size_t len, char error[static CAPTURE_ERROR_MAX])
{
    struct capture_packet packet NO_ZEROS;
    int r = capture_block(&c->format, block, len, &packet);

    if (r < 0)
        return fail(c, error, "the file is damaged");
    if (r == CAPTURE_PACKET) {
        r = take(c, &packet, block + packet.data_offset, error);
        if (r < 0)
            return r;
    }
    c->offset += len;
    return 0;
}

/* Passes over what it may of n bytes; returns how many. */
static size_t pass_over(struct capture *c, size_t n)
{
    const size_t step = n < c->skip ? n : (size_t)c->skip;

    c->skip -= step;
    if (!c->skip)
        c->offset += c->skip_len;
    return step;
}

/* The whole blocks among n bytes, the first of which begins one; *ret_used: what they took. */
static int take_blocks(struct capture *c, const uint8_t *bytes, size_t n, size_t *ret_used,
                       char error[static CAPTURE_ERROR_MAX])
{
    size_t at = 0;

    while (n - at >= c->format.header_len) {
        const int64_t len = block_length(c, bytes + at, error);
        int r;

        if (len < 0)
            return (int)len;
        if (len == 0) {
            at += pass_over(c, n - at);
            continue;
        }
        if ((uint64_t)len > n - at)
            break;
        r = take_block(c, bytes + at, (size_t)len, error);
        if (r < 0)
            return r;
        at += (size_t)len;
    }
    *ret_used = at;
    return 0;
}

/* Adds to what is held until there are want bytes; returns how many that took. */
static size_t hold(struct capture *c, const uint8_t *bytes, size_t n, size_t want)
{
    const size_t lack = c->have < want ? want - c->have : 0, step = lack < n ? lack : n;

    if (step)
        memcpy(c->held + c->have, bytes, step);
    c->have += step;
    return step;
}

/* Completes the block that is held, by the bytes that it lacks; *ret_used: how many. */
static int complete(struct capture *c, const uint8_t *bytes, size_t n, size_t *ret_used,
                    char error[static CAPTURE_ERROR_MAX])
{
    int64_t len;
    size_t taken;
    int r;

    *ret_used = hold(c, bytes, n, c->format.header_len);
    if (c->have < c->format.header_len)
        return 0;
    len = block_length(c, c->held, error);
    if (len < 0)
        return (int)len;
    if (len == 0) {
        taken = pass_over(c, c->have);
    } else {
        taken = (size_t)len;
        *ret_used += hold(c, bytes + *ret_used, n - *ret_used, taken);
        if (c->have < taken)
            return 0;
        r = take_block(c, c->held, taken, error);
        if (r < 0)
            return r;
    }
    /* of the file's first bytes, which came together, more than a block may have been held */
    c->have -= taken;
    memmove(c->held, c->held + taken, c->have);
    return 0;
}

/* ---- the file ---- */

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
    { BEGINS("{\"record\":\"header\""),
      ": a trace already, `tcplens read`, `explain` and `report` take it as a file of its own" },
#undef BEGINS
};

const char *capture_hint(const void *begin, size_t have)
{
    for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (have >= others[i].len && memcmp(begin, others[i].begin, others[i].len) == 0)
            return others[i].hint;
    return "";
}

/* Which format the bytes that are held begin. */
static int detect(struct capture *c, char error[static CAPTURE_ERROR_MAX])
{
    size_t used;

    if (capture_format_detect(c->held, &c->format, &used) < 0) {
        snprintf(error, CAPTURE_ERROR_MAX, "neither pcap nor pcapng, nor one of them compressed by gzip%s",
                 capture_hint(c->held, CAPTURE_FILE_HEADER));
        return -EINVAL;
    }
    if (c->format.dlt >= 0 && !link_supported(c, c->format.dlt))
        return refuse_link(c, -EINVAL, error);
    c->detected = true;
    c->offset = used;
    c->have -= used; /* all or none of them */
    return 0;
}

int capture_feed(struct capture *c, const uint8_t *bytes, size_t n, event_fn emit, void *arg,
                 char error[static CAPTURE_ERROR_MAX])
{
    size_t used = 0;
    int r;

    c->emit = emit;
    c->arg = arg;
    if (!c->detected) {
        used = hold(c, bytes, n, CAPTURE_FILE_HEADER);
        bytes += used;
        n -= used;
        r = c->have < CAPTURE_FILE_HEADER ? 0 : detect(c, error);
        if (r < 0)
            return r;
    }
    while (n) {
        if (c->skip) {
            used = pass_over(c, n);
            r = 0;
        } else if (c->have) {
            r = complete(c, bytes, n, &used, error);
        } else {
            r = take_blocks(c, bytes, n, &used, error);
            if (r == 0 && !c->skip)
                used += hold(c, bytes + used, n - used, n - used);
        }
        if (r < 0)
            return r;
        bytes += used;
        n -= used;
    }
    return 0;
}

int capture_end(struct capture *c, event_fn emit, void *arg, char error[static CAPTURE_ERROR_MAX])
{
    c->emit = emit;
    c->arg = arg;
    if (!c->detected) {
        if (c->have)
            snprintf(error, CAPTURE_ERROR_MAX, "too short for a capture file (%zu bytes)", c->have);
        else
            snprintf(error, CAPTURE_ERROR_MAX, "the file is empty");
        return -EINVAL;
    }
    /* a file of no more than its first bytes may hold a whole block */
    for (size_t before = 0, used; c->have && c->have != before && !c->skip;) {
        int r;

        before = c->have;
        r = complete(c, c->held, 0, &used, error);
        if (r < 0)
            return r;
    }
    if (c->have || c->skip)
        return fail(c, error, "the file breaks off");
    return !c->supported && c->unsupported ? refuse_link(c, -EIO, error) : 0;
}

int capture_link(const struct capture *c)
{
    return c->format.dlt;
}

uint64_t capture_packets(const struct capture *c)
{
    return c->packets;
}

void capture_skipped(const struct capture *c, struct trace_end *end)
{
    char name[SKIP_NAME_MAX];

    for (unsigned i = 0; i < c->skips.row_count; i++)
        trace_end_skipped(end, skip_name(&c->skips.rows[i].skip, name), c->skips.rows[i].count);
    trace_end_skipped(end, "others", c->skips.others);
}
