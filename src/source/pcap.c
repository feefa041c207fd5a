/* Theory of operation. Live, every interface is captured through Linux' "any" device in cooked mode v2, which names the
 * interface of each packet; a packet that crosses lo shows up there twice, going out and coming in, and only the copy
 * coming in is kept, already by the filter in the kernel. Interfaces given by name have a handle each.
 *
 * Nothing waits for packets: the caller drains every few milliseconds. Immediate mode makes each packet visible at once
 * (the block-wise ring would hold packets back until a block is full, and with them the order of the merged trace).
 * Headers are all that is looked at, so only they are copied. */
#include "tcplens/source/pcap.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <pcap/pcap.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/event/packet.h"
#include "tcplens/source/source.h"

/* Ethernet, two VLAN tags, IPv6 with a few extension headers, a full TCP header; or the same once more in a tunnel. */
#define SNAPLEN 256

/* Each has a place of its own in the ring, which is larger: so many are all that can be there at once. Without a bound libpcap
 * would read on for as long as more come. */
#define BATCH_MAX (LIMIT_PACKET_RING / SNAPLEN)

struct handle {
    pcap_t *pcap;
    char name[32]; /* of the interface, to tell what failed */
    struct source_pcap *source;
    struct clock_stamps stamps;
    int dlt;
    bool gone; /* the interface is no more, or cannot be read */
    uint64_t lost;
};

struct source_pcap {
    struct handle handles[LIMIT_INTERFACES];
    unsigned count;
    uint32_t netns;
    struct trace_clock *clock;
    struct filter filter;
    bool datagrams, headers;
    packet_fn packet;
    void *packet_arg;
    struct tunnels *tunnels;
    struct skips skips;
    uint64_t drained_ns;
    uint64_t read_ns, reading_ns; /* CLOCK_MONOTONIC: when packets were read before, and are read now */
    event_fn emit;                /* during a drain */
    void *arg;
};

/* The clock can be set while packets are being read: who sees system calls says so, or a stamp that cannot be one by what is
 * known of the clock. */
static uint64_t time_of(struct handle *h, const struct pcap_pkthdr *header)
{
    struct source_pcap *s = h->source;
    const uint64_t stamp = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec;
    uint64_t ns;

    if (trace_clock_is_stale(s->clock))
        trace_clock_update(s->clock);
    if (clock_stamps_convert(&h->stamps, s->clock, stamp, s->read_ns, s->reading_ns, &ns))
        return ns;
    s->reading_ns = clock_ns(CLOCK_MONOTONIC);
    if (!clock_stamps_convert(&h->stamps, s->clock, stamp, s->read_ns, s->reading_ns, &ns)) {
        trace_clock_update(s->clock);
        (void)clock_stamps_convert(&h->stamps, s->clock, stamp, s->read_ns, s->reading_ns, &ns);
    }
    return ns;
}

/* With the time that the trace tells. */
static uint64_t hand_on(const struct handle *h, const struct pcap_pkthdr *header, const u_char *bytes, uint64_t ts_ns)
{
    const struct packet packet = {
        .ts_ns = ts_ns, .dlt = h->dlt, .caplen = header->caplen, .len = header->len, .data = bytes
    };

    return h->source->packet(h->source->packet_arg, &packet);
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct handle *h = (struct handle *)user;
    struct source_pcap *s = h->source;
    struct segment_aside aside;
    struct event e;
    const enum segment_result result =
        segment_parse(h->dlt, bytes, header->caplen, header->len, s->tunnels, &e.segment, &aside);

    if (!packet_event(&e, result, &aside, s->datagrams, s->headers)) {
        skips_add(&s->skips, &aside.skip);
        return;
    }
    /* what an error quotes is nothing that the kernel's filter can ask for */
    if (result == SEGMENT_ICMP && !filter_wants(&s->filter, &e.local, &e.remote))
        return;
    e.ts_ns = time_of(h, header);
    e.late = false;
    e.source = WITNESS_WIRE;
    e.netns = s->netns;
    e.cookie = 0;
    e.frame = 0;
    e.packet = s->packet ? hand_on(h, header, bytes, e.ts_ns) : 0;
    s->emit(s->arg, &e);
}

static int set_filter(pcap_t *pcap, const char *text, char error[static SOURCE_PCAP_ERROR_MAX])
{
    struct bpf_program program;

    if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "filter \"%.300s\": %.120s", text, pcap_geterr(pcap));
        return -EINVAL;
    }
    if (pcap_setfilter(pcap, &program) < 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "filter \"%.300s\": %.120s", text, pcap_geterr(pcap));
        pcap_freecode(&program);
        return -EINVAL;
    }
    pcap_freecode(&program);
    return 0;
}

static int error_of(int status)
{
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED: return -EPERM;
    case PCAP_ERROR_NO_SUCH_DEVICE:
    case PCAP_ERROR_IFACE_NOT_UP: return -ENODEV;
    default: return -EIO;
    }
}

/* ICMP errors, which quote segments; and, where all connections are wanted, what may carry some: which those are cannot be
 * asked by the kernel's filter. */
#define ICMP_WANTED "icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12 or (ip6 proto 58 and ip6[40] >= 1 and ip6[40] <= 4)"
#define TUNNELS_WANTED                                                                                                 \
    "ip proto 4 or ip proto 41 or ip proto 47 or ip proto 97 or ip proto 137 or ip6 proto 4 or ip6 proto 41 or "       \
    "ip6 proto 47 or ip6 proto 97 or ip6 proto 137 or udp port 1701 or udp port 2152 or udp port 3544 or "             \
    "udp port 4754 or udp portrange 4789-4790 or udp port 5072 or udp portrange 6080-6081 or udp port 6635 or "        \
    "udp port 8472 or ether proto 0x8847 or ether proto 0x8864 or ether proto 0x88e7 or ether proto 0x8926 or "        \
    "ether proto 0x893f"
#define WANTED_MAX (FILTER_PACKETS_MAX + sizeof(ICMP_WANTED TUNNELS_WANTED) + 16)

static void packets_wanted(const struct filter *filter, bool datagrams, char buf[static WANTED_MAX])
{
    char segments[FILTER_PACKETS_MAX];
    const bool all = !filter->port_count && !filter->host_count;

    snprintf(buf, WANTED_MAX, "(%s) or %s%s", filter_packets(filter, datagrams, segments), ICMP_WANTED,
             all ? " or " TUNNELS_WANTED : "");
}

static int open_interface(struct source_pcap *s, const char *name, const struct source_pcap_config *config,
                          char error[static SOURCE_PCAP_ERROR_MAX])
{
    bool any = strcmp(name, "any") == 0, loopback = strcmp(name, "lo") == 0;
    struct handle *h = &s->handles[s->count];
    char reason[PCAP_ERRBUF_SIZE], wanted[WANTED_MAX], filter[WANTED_MAX + 64];
    int r;

    snprintf(h->name, sizeof(h->name), "%s", name);
    h->pcap = pcap_create(name, reason);
    if (!h->pcap) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %.64s: %.200s", name, reason);
        return -ENODEV;
    }
    s->count++;
    h->source = s;
    pcap_set_snaplen(h->pcap, SNAPLEN);
    pcap_set_immediate_mode(h->pcap, 1);
    pcap_set_buffer_size(h->pcap, LIMIT_PACKET_RING);
    if (pcap_set_tstamp_precision(h->pcap, PCAP_TSTAMP_PRECISION_NANO) != 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %.64s: no nanosecond time stamps", name);
        return -EIO;
    }
    r = pcap_activate(h->pcap);
    if (r < 0) {
        const char *detail = pcap_geterr(h->pcap);

        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %.64s: %.200s", name, *detail ? detail : pcap_statustostr(r));
        return error_of(r);
    }
    if (any && pcap_set_datalink(h->pcap, DLT_LINUX_SLL2) < 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface any: %.200s", pcap_geterr(h->pcap));
        return -EIO;
    }
    h->dlt = pcap_datalink(h->pcap);
    packets_wanted(&config->filter, config->datagrams, wanted);
    if (any)
        snprintf(filter, sizeof(filter), "(%s) and not (outbound and ifindex %u)", wanted, if_nametoindex("lo"));
    else
        snprintf(filter, sizeof(filter), "%s(%s)", loopback ? "inbound and " : "", wanted);
    r = set_filter(h->pcap, filter, error);
    if (r < 0)
        return r;
    if (setsockopt(pcap_fileno(h->pcap), SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, sizeof(int)) < 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %.64s: cannot lock the filter: %s", name, strerror(errno));
        return -EIO;
    }
    if (pcap_setnonblock(h->pcap, 1, reason) < 0) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %.64s: %.200s", name, reason);
        return -EIO;
    }
    return 0;
}

int source_pcap_open_live(const struct source_pcap_config *config, struct trace_clock *clock,
                          struct source_pcap **ret_source, char error[static SOURCE_PCAP_ERROR_MAX])
{
    static const char *const all[] = { "any" };
    const char *const *names = config->interface_count ? config->interfaces : all;
    unsigned count = config->interface_count ? config->interface_count : 1;
    struct source_pcap *s = calloc(1, sizeof(*s));
    int r = 0;

    if (!s) {
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    s->netns = config->netns;
    s->clock = clock;
    s->filter = config->filter;
    s->datagrams = config->datagrams;
    s->headers = config->headers;
    s->packet = config->packet;
    s->packet_arg = config->packet_arg;
    s->drained_ns = trace_clock_now(clock);
    s->read_ns = clock_ns(CLOCK_MONOTONIC);
    r = tunnels_new(&s->tunnels);
    if (r < 0)
        snprintf(error, SOURCE_PCAP_ERROR_MAX, "out of memory");
    for (unsigned i = 0; i < count && i < LIMIT_INTERFACES && r == 0; i++)
        r = open_interface(s, names[i], config, error);
    if (r < 0) {
        source_pcap_close(s);
        return r;
    }
    *ret_source = s;
    return 0;
}

static void report_loss(struct source_pcap *s, struct handle *h, uint64_t now)
{
    struct pcap_stat stat;
    struct event gap = {
        .ts_ns = now,
        .kind = EVENT_GAP,
        .source = WITNESS_WIRE,
        .gap = { .from_ns = s->drained_ns, .to_ns = now },
    };

    if (pcap_stats(h->pcap, &stat) < 0 || stat.ps_drop == (uint32_t)h->lost)
        return;
    gap.gap.lost = (uint32_t)(stat.ps_drop - (uint32_t)h->lost);
    h->lost += gap.gap.lost;
    s->emit(s->arg, &gap);
}

/* Others may be left. */
static void leave(struct source_pcap *s, struct handle *h, uint64_t now, char error[static SOURCE_PCAP_ERROR_MAX])
{
    struct event gap = {
        .ts_ns = now,
        .kind = EVENT_GAP,
        .source = WITNESS_WIRE,
        .gap = { .from_ns = s->drained_ns, .to_ns = now },
    };

    snprintf(error, SOURCE_PCAP_ERROR_MAX, "interface %s: %.400s", h->name, pcap_geterr(h->pcap));
    memcpy(gap.gap.interface, h->name, sizeof(gap.gap.interface));
    h->gone = true;
    s->emit(s->arg, &gap);
    log_note("%s; its packets are not seen any more", error);
}

static bool any_is_left(const struct source_pcap *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (!s->handles[i].gone)
            return true;
    return false;
}

int source_pcap_drain(struct source_pcap *s, event_fn emit, void *arg, char error[static SOURCE_PCAP_ERROR_MAX])
{
    uint64_t now = trace_clock_now(s->clock);

    const uint64_t began = clock_ns(CLOCK_MONOTONIC);

    s->reading_ns = began;
    s->emit = emit;
    s->arg = arg;
    for (unsigned i = 0; i < s->count; i++) {
        struct handle *h = &s->handles[i];

        if (h->gone)
            continue;
        if (pcap_dispatch(h->pcap, BATCH_MAX, on_packet, (u_char *)h) < 0)
            leave(s, h, now, error);
        else
            report_loss(s, h, now);
    }
    s->drained_ns = now;
    s->read_ns = began;
    return any_is_left(s) ? 0 : -ENODEV;
}

uint64_t source_pcap_lost(const struct source_pcap *s)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < s->count; i++)
        sum += s->handles[i].lost;
    return sum;
}

void source_pcap_skipped(const struct source_pcap *s, struct trace_end *end)
{
    char name[SKIP_NAME_MAX];

    for (unsigned i = 0; i < s->skips.row_count; i++)
        trace_end_skipped(end, skip_name(&s->skips.rows[i].skip, name), s->skips.rows[i].count);
    trace_end_skipped(end, "others", s->skips.others);
}

struct source_pcap *source_pcap_close(struct source_pcap *s)
{
    if (!s)
        return NULL;
    for (unsigned i = 0; i < LIMIT_INTERFACES; i++)
        if (s->handles[i].pcap)
            pcap_close(s->handles[i].pcap);
    tunnels_free(s->tunnels);
    free(s);
    return NULL;
}

/* ---- as the pipeline knows it ---- */

struct options {
    const char *interfaces[LIMIT_INTERFACES];
    unsigned interface_count;
};

static int take_interface(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct options *o = member;

    if (o->interface_count == LIMIT_INTERFACES) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d interfaces", LIMIT_INTERFACES);
        return -EINVAL;
    }
    o->interfaces[o->interface_count++] = value;
    return 0;
}

static const struct option_row rows[] = {
    { .name = "iface",
      .letter = 'i',
      .argument = "NAME",
      .help = "capture packets on this interface; may be repeated (default: all)",
      .kind = OPTION_TAKEN,
      .take = take_interface,
      .completion = COMPLETE_INTERFACE },
};
static const struct option_table table = OPTION_TABLE(rows);

static bool is_asked_for(const void *config)
{
    return ((const struct options *)config)->interface_count != 0;
}

static int ops_open(const struct source_context *context, const void *config, void **ret_source,
                    char why[static SOURCE_ERROR_MAX])
{
    const struct options *o = config;
    const struct source_pcap_config own = {
        .interfaces = o->interfaces,
        .interface_count = o->interface_count,
        .filter = context->filter,
        .datagrams = context->datagrams,
        .headers = context->headers,
        .netns = context->netns,
        .packet = context->packet,
        .packet_arg = context->packet_arg,
    };
    struct source_pcap *source;
    int r = source_pcap_open_live(&own, context->clock, &source, why);

    if (r == -EPERM)
        snprintf(why, SOURCE_ERROR_MAX, "needs root, or CAP_NET_RAW");
    if (r == 0)
        *ret_source = source;
    return r;
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    (void)last;
    return source_pcap_drain(source, emit, arg, error);
}

static uint64_t ops_lost(const void *source)
{
    return source_pcap_lost(source);
}

static unsigned ops_sockets(const void *source, int *ret_sockets, unsigned max)
{
    const struct source_pcap *s = source;
    unsigned count = 0;

    for (; count < s->count && count < max; count++)
        ret_sockets[count] = pcap_fileno(s->handles[count].pcap);
    return count;
}

static void ops_skipped(const void *source, struct trace_end *end)
{
    source_pcap_skipped(source, end);
}

static void ops_describe(const void *config, struct trace_header *header)
{
    const struct options *o = config;

    if (!o->interface_count)
        header->interfaces[header->interface_count++] = "any";
    for (unsigned i = 0; i < o->interface_count && header->interface_count < LIMIT_INTERFACES; i++)
        header->interfaces[header->interface_count++] = o->interfaces[i];
}

static void ops_close(void *source)
{
    source_pcap_close(source);
}

static bool probe(source_tell_fn tell)
{
    const struct source_pcap_config config = { .interface_count = 0 };
    char error[SOURCE_PCAP_ERROR_MAX] = "";
    struct trace_clock clock;
    struct source_pcap *pcap;
    int r;

    trace_clock_init(&clock);
    r = source_pcap_open_live(&config, &clock, &pcap, error);
    tell(r == 0, "wire witness: libpcap captures on all interfaces", error);
    if (r == 0)
        source_pcap_close(pcap);
    return r == 0;
}

const struct source_ops source_pcap_ops = {
    .name = "wire",
    .witness = WITNESS_WIRE,
    .live = true,
    .by_default = true,
    .expected = true,
    .without = "tracing the kernel only: packets are not seen",
    .options = &table,
    .config_size = sizeof(struct options),
    .is_asked_for = is_asked_for,
    .open = ops_open,
    .sockets = ops_sockets,
    .drain = ops_drain,
    .lost = ops_lost,
    .skipped = ops_skipped,
    .describe = ops_describe,
    .close = ops_close,
    .probe = probe,
};
