/* Theory of operation. A packet waits until the next one comes: what is said meanwhile of it (its notes, the states that it
 * moved) are its comments, and what else happened (the kernel's account, findings) become rows behind it, as blocks of the
 * systemd journal's export format, which Wireshark shows between packets. Where a trace has no packets, one is rebuilt of
 * each segment. pcapng: draft-ietf-opsawg-pcapng; the block of the journal: its registry of block types, 0x00000009. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conns.h"
#include "rebuild.h"
#include "say.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/line.h"
#include "tcplens/convert/convert.h"

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BLOCK_JOURNAL = 9,
    BLOCK_SECTION = 0x0a0d0d0a,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
};
enum {
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_SECTION_OS = 3,
    OPTION_SECTION_APPLICATION = 4,
    OPTION_INTERFACE_NAME = 2,
    OPTION_INTERFACE_RESOLUTION = 9,
};

#define OPTIONS_MAX 8192
#define ROWS_MAX 262144
#define ROW_MAX (SAY_MAX + 512)
#define LINKS_MAX 64

/* Bytes in front of those that are there already written: a block is put together here. */
struct bytes {
    uint8_t *data;
    size_t len, max;
};

struct pcapng {
    struct convert_config config;
    struct conns *conns;
    const char *os;
    bool begun;
    int links[LINKS_MAX]; /* an interface each */
    unsigned link_count;
    struct {
        bool there;
        bool wanted;
        uint64_t n; /* of its record; 0: none yet */
        struct packet packet;
        struct bytes options;
        uint8_t *data; /* LIMIT_CAPTURE_PACKET bytes */
    } waiting;
    struct bytes rows; /* behind the packet that waits */
};

/* ---- blocks ---- */

static void put(struct bytes *b, const void *data, size_t len)
{
    if (len <= b->max - b->len) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
}

static void put_u32(struct bytes *b, uint32_t v)
{
    put(b, &v, sizeof(v));
}

static void pad(struct bytes *b)
{
    put(b, (const uint8_t[4]){ 0 }, -b->len & 3);
}

/* False: there is no room for it. */
static bool put_option(struct bytes *b, uint16_t code, const void *value, size_t len)
{
    const uint16_t head[2] = { code, (uint16_t)len };

    if (b->max - b->len < len + 12) /* what pads it, and ends the options */
        return false;
    put(b, head, sizeof(head));
    put(b, value, len);
    pad(b);
    return true;
}

/* As write_block() begins it. */
static size_t block_length(const char *block)
{
    uint32_t head[2];

    memcpy(head, block, sizeof(head));
    return head[1];
}

/* parts: of a block's body, each a multiple of four bytes long. */
static void write_block(struct pcapng *p, uint32_t type, const struct bytes *parts, unsigned count)
{
    uint32_t head[2] = { type, 12 };

    for (unsigned i = 0; i < count; i++)
        head[1] += (uint32_t)parts[i].len;
    writer_write(p->config.writer, (const char *)head, sizeof(head));
    for (unsigned i = 0; i < count; i++)
        writer_write(p->config.writer, (const char *)parts[i].data, parts[i].len);
    writer_write(p->config.writer, (const char *)&head[1], sizeof(head[1]));
}

static void write_section(struct pcapng *p)
{
    uint8_t room[2048];
    struct bytes b = { room, 0, sizeof(room) };
    char comment[1024], os[256];
    struct line l = line_begin(os, sizeof(os), false);

    snprintf(comment, sizeof(comment), "%s%s%s",
             p->config.packets
                 ? "Packets as they were captured, with what tcplens saw: comments, and rows between them"
                 : "Made by tcplens of a trace, which holds no packets: their headers are rebuilt of what it tells "
                   "(addresses, ports, flags, sequence numbers, window, options). What else a packet has (data, "
                   "time to live, identification, the checksum of what carries data) is not of the wire",
             p->config.input ? ". From " : "", p->config.input ? p->config.input : "");
    put_u32(&b, BYTE_ORDER_MAGIC);
    put_u32(&b, 1); /* version 1.0 */
    put(&b, &(int64_t){ -1 }, sizeof(int64_t));
    put_option(&b, OPTION_COMMENT, comment, strlen(comment));
    if (p->os) {
        line_add_untrusted(&l, p->os, sizeof(os)); /* a trace comes from anywhere */
        put_option(&b, OPTION_SECTION_OS, os, line_end(&l) - 1);
    }
    put_option(&b, OPTION_SECTION_APPLICATION, "tcplens " TCPLENS_VERSION, strlen("tcplens " TCPLENS_VERSION));
    put_u32(&b, OPTION_END);
    write_block(p, BLOCK_SECTION, &b, 1);
    p->begun = true;
}

static void write_interface(struct pcapng *p, int link)
{
    uint8_t room[128];
    struct bytes b = { room, 0, sizeof(room) };
    const char *name = p->config.packets ? "" : "rebuilt";

    put_u32(&b, (uint32_t)link); /* and two bytes that are reserved */
    put_u32(&b, 0);              /* no limit */
    if (*name)
        put_option(&b, OPTION_INTERFACE_NAME, name, strlen(name));
    put_option(&b, OPTION_INTERFACE_RESOLUTION, &(uint8_t){ 9 }, 1); /* ns */
    put_u32(&b, OPTION_END);
    write_block(p, BLOCK_INTERFACE, &b, 1);
}

/* Which interface packets of a link type belong to. False: there are too many kinds. */
static bool interface_of(struct pcapng *p, int dlt, uint32_t *ret_interface)
{
    const int link = dlt == 12 ? REBUILD_LINK : dlt; /* DLT_RAW has another number in files */
    unsigned i = 0;

    while (i < p->link_count && p->links[i] != link)
        i++;
    if (i == LINKS_MAX)
        return false;
    if (i == p->link_count) {
        write_interface(p, link);
        p->links[p->link_count++] = link;
    }
    *ret_interface = i;
    return true;
}

static void write_packet(struct pcapng *p)
{
    const struct packet *packet = &p->waiting.packet;
    uint32_t interface, fixed[5];
    uint8_t zeros[4] = { 0 };

    if (!interface_of(p, packet->dlt, &interface))
        return;
    memcpy(fixed,
           (const uint32_t[]){ interface, (uint32_t)(packet->ts_ns >> 32), (uint32_t)packet->ts_ns, packet->caplen,
                               packet->len },
           sizeof(fixed));
    if (p->waiting.options.len)
        put_u32(&p->waiting.options, OPTION_END);
    write_block(p, BLOCK_PACKET,
                (const struct bytes[]){ { (uint8_t *)fixed, sizeof(fixed), 0 },
                                        { p->waiting.data, packet->caplen, 0 },
                                        { zeros, -packet->caplen & 3, 0 },
                                        p->waiting.options },
                4);
}

/* ---- what waits ---- */

static void release(struct pcapng *p)
{
    if (!p->begun)
        write_section(p);
    if (p->waiting.there && (!p->config.conn || p->waiting.wanted))
        write_packet(p);
    writer_write(p->config.writer, (const char *)p->rows.data, p->rows.len);
    p->rows.len = p->waiting.options.len = 0;
    p->waiting.there = p->waiting.wanted = false;
    p->waiting.n = 0;
}

static void hold(struct pcapng *p, const struct packet *packet)
{
    release(p);
    p->waiting.there = true;
    p->waiting.packet = *packet;
    if (p->waiting.packet.caplen > LIMIT_CAPTURE_PACKET)
        p->waiting.packet.caplen = LIMIT_CAPTURE_PACKET;
    memcpy(p->waiting.data, packet->data, p->waiting.packet.caplen);
}

static bool comment(struct pcapng *p, const char *text)
{
    return put_option(&p->waiting.options, OPTION_COMMENT, text, strlen(text));
}

/* ---- rows ---- */

/* As syslog(3) has them. */
static unsigned priority_of(const struct change *c)
{
    switch (c->kind) {
    case CHANGE_FINDING:
        return c->finding.severity == SEVERITY_ERROR ? 3 : c->finding.severity == SEVERITY_WARNING ? 4 : 5;
    case CHANGE_GAP:
    case CHANGE_DISAGREEMENT: return 4;
    default: return 6;
    }
}

/* "#7 client …": whose it is, and what. */
static void add_row(struct pcapng *p, const struct change *c)
{
    char text[ROW_MAX], what[SAY_MAX], conn[16] = "", key[32] = "";
    uint32_t head[2] = { BLOCK_JOURNAL, 0 };
    int len;

    if (c->conn) {
        snprintf(conn, sizeof(conn), "#%u ", c->conn);
        snprintf(key, sizeof(key), "TCPLENS_CONN=%u\n", c->conn);
    }
    len =
        snprintf(text, sizeof(text),
                 "__REALTIME_TIMESTAMP=%llu\nMESSAGE=%s%s\nPRIORITY=%u\nSYSLOG_IDENTIFIER=tcplens\nTCPLENS_RECORD=%s\n"
                 "TCPLENS_N=%llu\n%s",
                 (unsigned long long)(c->ts_ns / 1000), conn, say(c, what), priority_of(c), change_kind_name(c->kind),
                 (unsigned long long)c->n, key);
    head[1] = 12 + (((uint32_t)len + 3) & ~3u);
    if (p->rows.max - p->rows.len < head[1])
        release(p);
    put(&p->rows, head, sizeof(head));
    put(&p->rows, text, (size_t)len);
    pad(&p->rows);
    put_u32(&p->rows, head[1]);
    if (!p->waiting.there)
        release(p);
}

/* Most counters only say that there was traffic; a finding is told as it is first seen. */
static bool is_worth_a_row(const struct change *c)
{
    switch (c->kind) {
    case CHANGE_CONNECTION:
    case CHANGE_ARRIVAL: return false;
    case CHANGE_COUNTER: return c->counter.delta && change_counter_matters(c->counter.name);
    case CHANGE_FINDING: return !c->finding.told_before;
    default: return true;
    }
}

/* ---- changes ---- */

static void name_connection(struct pcapng *p, const struct change *c, struct conn_row *row)
{
    char text[SAY_MAX], client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    row->told = true;
    snprintf(text, sizeof(text), "connection %u: client %s, server %s", c->conn,
             endpoint_format(&row->at[END_CLIENT], client), endpoint_format(&row->at[END_SERVER], server));
    comment(p, text);
}

/* The packet that waits is the one that was number `frame` of what the trace was made of; 0: live. */
static bool is_about_it(const struct pcapng *p, uint64_t frame)
{
    return p->waiting.there && !p->waiting.n && p->waiting.packet.frame == frame;
}

static void take_segment(struct pcapng *p, const struct change *c)
{
    struct conn_row *row = conns_of(p->conns, c->conn);
    char notes[SAY_MAX];
    uint8_t buf[REBUILD_MAX];
    struct packet packet = { .ts_ns = c->ts_ns, .dlt = REBUILD_LINK, .data = buf };

    if (!row || (unsigned)c->end >= END_N)
        return;
    if (!p->config.packets) {
        packet.frame = c->segment.frame;
        packet.caplen = (uint32_t)rebuild(c, row, buf, &packet.len);
        hold(p, &packet);
    }
    if (!is_about_it(p, c->segment.frame)) { /* it was held for too long, or is not in the capture */
        add_row(p, c);
        return;
    }
    p->waiting.wanted = true;
    p->waiting.n = c->n;
    if (!row->told)
        name_connection(p, c, row);
    if (*say_notes(c->segment.notes, notes))
        comment(p, notes);
}

/* What the packet that waits brought about. */
static bool is_of_packet(const struct pcapng *p, const struct change *c)
{
    if (!p->waiting.there || !p->waiting.n)
        return false;
    if (c->kind == CHANGE_STATE)
        return c->state.source == WITNESS_WIRE && c->because == p->waiting.n;
    for (unsigned i = 0; c->kind == CHANGE_FINDING && i < FINDING_RECORDS_MAX; i++)
        if (c->finding.shown_by[i] == p->waiting.n)
            return true;
    return false;
}

static void ops_change(void *conversion, const struct change *c, uint64_t start_ns)
{
    struct pcapng *p = conversion;
    char text[SAY_MAX];
    bool said = false;

    (void)start_ns;
    conns_take(p->conns, c);
    if (c->kind == CHANGE_SEGMENT) {
        take_segment(p, c);
        return;
    }
    if (p->config.packets && ((c->kind == CHANGE_ICMP && is_about_it(p, c->icmp.frame)) ||
                              (c->kind == CHANGE_DATAGRAM && is_about_it(p, c->datagram.frame)))) {
        p->waiting.wanted = true;
        p->waiting.n = c->n;
        /* a datagram is seen by itself; what an error says, and of which one, is not */
        said = (c->kind == CHANGE_DATAGRAM && !c->datagram.datagram.is_error) || comment(p, say(c, text));
    } else if (is_of_packet(p, c)) {
        said = comment(p, say(c, text)) && c->kind != CHANGE_FINDING;
    }
    if (!said && is_worth_a_row(c))
        add_row(p, c);
}

static void ops_packet(void *conversion, const struct packet *packet)
{
    hold(conversion, packet);
}

static void ops_header(void *conversion, const struct trace_header *header)
{
    struct pcapng *p = conversion;

    p->os = header->kernel;
    release(p); /* writes the beginning, while the text is there */
    p->os = NULL;
}

static int ops_finish(void *conversion)
{
    release(conversion);
    return 0;
}

static void ops_close(void *conversion)
{
    struct pcapng *p = conversion;

    if (!p)
        return;
    conns_free(p->conns);
    free(p->waiting.data);
    free(p->waiting.options.data);
    free(p->rows.data);
    free(p);
}

static int ops_open(const struct convert_config *config, void **ret_conversion)
{
    struct pcapng *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->config = *config;
    writer_units(p->config.writer, block_length);
    p->waiting.data = malloc(LIMIT_CAPTURE_PACKET);
    p->waiting.options = (struct bytes){ malloc(OPTIONS_MAX), 0, OPTIONS_MAX };
    p->rows = (struct bytes){ malloc(ROWS_MAX), 0, ROWS_MAX };
    if (!p->waiting.data || !p->waiting.options.data || !p->rows.data || conns_new(&p->conns) < 0) {
        ops_close(p);
        return -ENOMEM;
    }
    *ret_conversion = p;
    return 0;
}

const struct convert_ops convert_pcapng_ops = {
    .name = "pcapng",
    .binary = true,
    .open = ops_open,
    .header = ops_header,
    .packet = ops_packet,
    .change = ops_change,
    .finish = ops_finish,
    .close = ops_close,
};
