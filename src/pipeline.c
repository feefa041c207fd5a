#include "tcplens/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/netns.h"
#include "tcplens/event/merge.h"
#include "tcplens/source/bpf.h"
#include "tcplens/source/capture.h"
#include "tcplens/source/diag.h"
#include "tcplens/source/pcap.h"
#include "tcplens/timeline.h"

/* A packet's time stamp is taken before the packet reaches libpcap's ring, and a busy kernel thread can lie between:
 * an event is held this long before what came after it is written. */
#define HOLD_NS 60000000ull
#define HELD_MAX 1000000
#define CAPTURE_BATCH 4096
#define ADDRESSES_AGE_NS 1000000000ull
/* Browsers get batches, not single records. */
#define TICKS_PER_HTTP_FLUSH 3

struct pipeline {
    struct pipeline_config config;
    struct trace_clock clock;
    struct source_bpf *bpf;
    struct source_diag *diag;
    struct source_pcap *pcap;
    struct source_capture *file; /* instead of the witnesses */
    struct merge *merge;
    struct conn_engine *conns;
    struct addr *addresses;
    uint64_t addresses_ns; /* when they were read */
    char missing[WITNESS_N][SOURCE_PCAP_ERROR_MAX];
    const char *capture; /* file name; NULL: live */
    uint32_t netns;      /* inode number */
    uint64_t start_ns, last_ns;
    uint64_t read_ns; /* when the sources were read last */
    bool started;
    unsigned tick, tick_events;
    int write_error;
    uint64_t counts[CHANGE_KIND_N], late;
};

static void write_line(struct pipeline *p, const char *line, size_t len, uint64_t n)
{
    if (p->config.trace)
        sink_file_write(p->config.trace, line, len);
    if (p->config.http)
        http_write(p->config.http, line, len, n);
}

/* The settings that decide what a connection meets. */
static void read_sysctls(struct trace_header *header)
{
    static const char *const names[] = {
        "net.core.somaxconn",          "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_syncookies",     "net.ipv4.tcp_abort_on_overflow",
        "net.ipv4.tcp_fin_timeout",    "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_retries2",
        "net.ipv4.tcp_tw_reuse",       "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_fastopen",       "net.ipv4.tcp_keepalive_time",
    };
    _Static_assert(sizeof(names) / sizeof(*names) <= TRACE_SYSCTL_MAX, "header has room");

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        unsigned slot = header->sysctl_count;

        if (netns_sysctl(names[i], header->sysctl[slot].value, sizeof(header->sysctl[slot].value)) < 0)
            continue; /* global ones are not shown inside a namespace */
        header->sysctl[slot].name = names[i];
        header->sysctl_count++;
    }
}

static int write_header(struct pipeline *p)
{
    struct trace_header header = { .start_ns = p->start_ns, .netns = p->config.netns, .input = p->capture };
    struct utsname uts;
    char kernel[sizeof(uts.sysname) + sizeof(uts.release) + sizeof(uts.machine) + 2], *line;
    int r;

    if (!p->capture) {
        uname(&uts);
        snprintf(kernel, sizeof(kernel), "%s %s %s", uts.sysname, uts.release, uts.machine);
        header.kernel = kernel;
        read_sysctls(&header);
        if (p->pcap && p->config.interface_count) {
            for (unsigned i = 0; i < p->config.interface_count && i < TRACE_INTERFACE_MAX; i++)
                header.interfaces[header.interface_count++] = p->config.interfaces[i];
        } else if (p->pcap) {
            header.interfaces[header.interface_count++] = "any";
        }
    }
    header.sources[WITNESS_KERNEL] = p->bpf;
    header.sources[WITNESS_DIAG] = p->diag;
    header.sources[WITNESS_WIRE] = p->pcap || p->file;
    for (unsigned i = 0; i < WITNESS_N; i++)
        header.missing[i] = pipeline_missing(p, i);
    header.filter = p->config.filter;
    header.command = p->config.command;
    r = trace_encode_header(&header, &line);
    if (r < 0)
        return r;
    write_line(p, line, strlen(line), 0);
    free(line);
    p->started = true;
    return 0;
}

static void write_record(struct pipeline *p, const struct change *change)
{
    char unsaved[TRACE_LINE_MAX], *line = unsaved;
    size_t len;

    if (p->config.trace)
        line = sink_file_begin(p->config.trace, TRACE_LINE_MAX);
    len = trace_encode(change, p->start_ns, line);
    if (p->config.trace)
        sink_file_end(p->config.trace, len);
    if (p->config.http)
        http_write(p->config.http, line, len, change->n);
}

static void on_change(void *arg, const struct change *change)
{
    struct pipeline *p = arg;
    p->counts[change->kind]++;
    p->late += change->late;
    if (change->ts_ns > p->last_ns)
        p->last_ns = change->ts_ns;
    if (p->config.trace || p->config.http)
        write_record(p, change);
    if (p->config.timeline) {
        char text[TIMELINE_LINE_MAX];
        size_t len = p->config.summary ? summary_format(change, text)
                                       : timeline_format(change, p->start_ns, p->config.colour, text);

        if (len)
            sink_file_write(p->config.timeline, text, len);
    }
}

/* In order of time, from merge or straight from a capture file. */
static void on_ordered(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    if (!p->started) { /* a capture's time begins with its first packet */
        p->start_ns = p->last_ns = event->ts_ns;
        p->write_error = write_header(p);
    }
    conn_engine_event(p->conns, event);
}

static void on_event(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    /* The trace begins when all witnesses watch: what one saw before the other could not be told from a difference. */
    if (event->ts_ns < p->start_ns)
        return;
    p->tick_events++;
    merge_put(p->merge, event);
}

static int new_common(const struct pipeline_config *config, bool wire_only, struct pipeline **ret_pipeline)
{
    struct pipeline *p = calloc(1, sizeof(*p));
    struct conn_config conns = { .emit = on_change,
                                 .segments = config->segments,
                                 .wire_only = wire_only,
                                 .ignore_checksums = config->ignore_checksums };

    if (!p)
        return -ENOMEM;
    p->config = *config;
    conns.arg = p;
    if (getrandom(&conns.hash_seed, sizeof(conns.hash_seed), 0) != sizeof(conns.hash_seed))
        conns.hash_seed = 0;
    *ret_pipeline = p;
    return conn_engine_new(&conns, &p->conns);
}

static int open_kernel(struct pipeline *p)
{
    struct source_bpf_config config = {
        .filter = p->config.filter,
        .netns_inode = p->netns,
        .calls = p->config.calls,
        .ring_bytes = p->config.ring_bytes,
    };
    char *why = p->missing[WITNESS_KERNEL];
    int r = p->config.all_netns ? 0 : netns_cookie(&config.netns);

    if (r == 0)
        r = source_bpf_open(&config, &p->clock, &p->bpf);
    if (r == -EPERM || r == -EACCES)
        snprintf(why, sizeof(p->missing[0]), "needs root, or CAP_BPF, CAP_PERFMON and CAP_SYSLOG");
    else if (r == -ENOENT)
        snprintf(why, sizeof(p->missing[0]), "this kernel shows no BTF (/sys/kernel/btf/vmlinux)");
    else if (r < 0)
        snprintf(why, sizeof(p->missing[0]), "the eBPF program cannot be loaded: %s", strerror(-r));
    return r;
}

static int open_diag(struct pipeline *p)
{
    struct source_diag_config config = {
        .filter = p->config.filter,
        .netns = p->netns,
    };
    int r = source_diag_open(&config, &p->clock, &p->diag);

    if (r < 0)
        snprintf(p->missing[WITNESS_DIAG], sizeof(p->missing[0]), "sock_diag does not answer: %s", strerror(-r));
    return r;
}

static int open_wire(struct pipeline *p)
{
    struct source_pcap_config config = {
        .interfaces = p->config.interfaces,
        .interface_count = p->config.interface_count,
        .filter = p->config.filter,
        .netns = p->netns,
    };
    char *why = p->missing[WITNESS_WIRE];
    int r = source_pcap_open_live(&config, &p->clock, &p->pcap, why);

    if (r == -EPERM)
        snprintf(why, sizeof(p->missing[0]), "needs root, or CAP_NET_RAW");
    return r;
}

/* Which addresses are this host's: whoever adds one while the trace runs has it known soon. */
static int read_addresses(struct pipeline *p)
{
    struct addr *addresses;
    size_t count;
    int r = netns_addresses(&addresses, &count);

    if (r < 0)
        return r;
    conn_engine_set_local(p->conns, addresses, count);
    free(p->addresses);
    p->addresses = addresses;
    p->addresses_ns = trace_clock_now(&p->clock);
    return 0;
}

int pipeline_open_live(const struct pipeline_config *config, struct pipeline **ret_pipeline,
                       char error[static PIPELINE_ERROR_MAX])
{
    int (*const open_witness[WITNESS_N])(struct pipeline *) = {
        [WITNESS_KERNEL] = open_kernel,
        [WITNESS_DIAG] = open_diag,
        [WITNESS_WIRE] = open_wire,
    };
    struct pipeline *p = NULL;
    int r = new_common(config, false, &p), failed = 0;

    if (r == 0) {
        trace_clock_init(&p->clock);
        r = merge_new(HELD_MAX, on_ordered, p, &p->merge);
    }
    if (r == 0)
        r = netns_current(&p->netns);
    if (r == 0)
        r = read_addresses(p);
    if (r < 0) {
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start: %s", strerror(-r));
        pipeline_close(p);
        return r;
    }
    for (unsigned i = 0; i < WITNESS_N; i++) {
        if (!p->config.want[i])
            continue;
        r = open_witness[i](p);
        if (r == 0)
            continue;
        failed = failed ? failed : r;
        if (config->need[i]) {
            snprintf(error, PIPELINE_ERROR_MAX, "no %s witness: %s", witness_name(i), p->missing[i]);
            pipeline_close(p);
            return r;
        }
        if (i == WITNESS_KERNEL)
            p->config.want[WITNESS_DIAG] = true; /* it stands in */
    }
    /* samples alone are little: who wants no more has to say so */
    if (!p->bpf && !p->pcap && !(p->diag && config->want[WITNESS_DIAG])) {
        snprintf(error, PIPELINE_ERROR_MAX, "nothing to see with: kernel witness %s; wire witness %s",
                 config->want[WITNESS_KERNEL] ? p->missing[WITNESS_KERNEL] : "not wanted",
                 config->want[WITNESS_WIRE] ? p->missing[WITNESS_WIRE] : "not wanted");
        pipeline_close(p);
        return failed ? failed : -EINVAL;
    }
    p->start_ns = p->last_ns = trace_clock_now(&p->clock);
    if (p->bpf) {
        r = source_bpf_snapshot(p->bpf, on_event, p);
        if (r < 0) {
            snprintf(error, PIPELINE_ERROR_MAX, "cannot list the sockets that exist already: %s", strerror(-r));
            pipeline_close(p);
            return r;
        }
    }
    if (p->diag)
        source_diag_drain(p->diag, true, on_event, p);
    *ret_pipeline = p;
    return 0;
}

int pipeline_open_capture(const struct pipeline_config *config, int fd, const char *path, const char *filter,
                          struct pipeline **ret_pipeline, char error[static PIPELINE_ERROR_MAX])
{
    struct pipeline *p = NULL;
    int r = new_common(config, true, &p);

    if (r == 0) {
        p->capture = path;
        r = source_capture_open(fd, filter, &p->file, error);
    } else {
        close(fd);
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start: %s", strerror(-r));
    }
    if (r < 0) {
        pipeline_close(p);
        return r;
    }
    *ret_pipeline = p;
    return 0;
}

const char *pipeline_missing(const struct pipeline *p, enum witness witness)
{
    return *p->missing[witness] ? p->missing[witness] : NULL;
}

static int flush(struct pipeline *p, bool all, char error[static PIPELINE_ERROR_MAX])
{
    int r = p->write_error;

    if (r == 0 && p->config.trace)
        r = sink_file_flush(p->config.trace);
    if (r == 0 && p->config.timeline)
        r = sink_file_flush(p->config.timeline);
    p->write_error = r;
    if (p->config.http && (all || ++p->tick % TICKS_PER_HTTP_FLUSH == 0))
        http_flush(p->config.http);
    if (r < 0)
        snprintf(error, PIPELINE_ERROR_MAX, "cannot write %s: %s", p->config.trace ? "the trace" : "standard output",
                 strerror(-r));
    return r;
}

/* last: no tick follows. */
static int read_sources(struct pipeline *p, bool last, char error[static PIPELINE_ERROR_MAX])
{
    uint64_t now = trace_clock_now(&p->clock);
    int r = 0;

    p->tick_events = 0;
    trace_clock_update(&p->clock);
    if (now - p->addresses_ns >= ADDRESSES_AGE_NS)
        read_addresses(p); /* without memory the old ones stay */
    /* First the packets: what the kernel did because of them is read after, and is there already. */
    if (p->pcap)
        r = source_pcap_drain(p->pcap, on_event, p, error);
    if (p->bpf)
        source_bpf_drain(p->bpf, on_event, p);
    if (p->diag)
        source_diag_drain(p->diag, last, on_event, p);
    /* A source may keep an event back for one batch, and a busy machine makes batches long: what is newer than the
     * last batch waits. */
    merge_release(p->merge, p->read_ns < now - HOLD_NS ? p->read_ns : now - HOLD_NS);
    p->read_ns = now;
    return r;
}

int pipeline_tick(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    int r, w;

    if (p->capture) {
        r = source_capture_drain(p->file, CAPTURE_BATCH, on_ordered, p, error);
    } else {
        r = p->started ? 0 : write_header(p);
        if (r == 0)
            r = read_sources(p, false, error);
    }
    if (r < 0)
        return r;
    w = flush(p, false, error);
    return w < 0 ? w : r;
}

unsigned pipeline_tick_events(const struct pipeline *p)
{
    return p->tick_events;
}

int pipeline_finish(struct pipeline *p, enum end_reason reason, int status, char error[static PIPELINE_ERROR_MAX])
{
    struct trace_end end = { .reason = reason, .status = status };
    char *line;
    int r = 0;

    if (!p->started)
        r = write_header(p);
    if (r < 0)
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start the trace: %s", strerror(-r));
    if (r == 0 && !p->capture) {
        /* twice: what a batch keeps back for the next one is let go by it */
        r = read_sources(p, true, error);
        if (r == 0)
            r = read_sources(p, true, error);
        merge_release(p->merge, UINT64_MAX);
    }
    if (!p->capture && trace_clock_now(&p->clock) > p->last_ns)
        p->last_ns = trace_clock_now(&p->clock);
    conn_engine_finish(p->conns, p->last_ns);
    end.n = conn_engine_next_n(p->conns);
    end.ts_ns = p->last_ns;
    end.late = p->late;
    memcpy(end.counts, p->counts, sizeof(end.counts));
    if (p->bpf)
        end.lost[WITNESS_KERNEL] = source_bpf_lost(p->bpf);
    if (p->diag)
        end.lost[WITNESS_DIAG] = source_diag_lost(p->diag);
    if (p->pcap)
        end.lost[WITNESS_WIRE] = source_pcap_lost(p->pcap);
    if (r == 0) {
        r = trace_encode_end(&end, p->start_ns, &line);
        if (r == 0) {
            write_line(p, line, strlen(line), end.n);
            free(line);
        } else {
            snprintf(error, PIPELINE_ERROR_MAX, "out of memory");
        }
    }
    if (r == 0)
        r = flush(p, true, error);
    if (p->config.http)
        http_finish(p->config.http);
    return r;
}

uint64_t pipeline_lost(const struct pipeline *p)
{
    return (p->bpf ? source_bpf_lost(p->bpf) : 0) + (p->diag ? source_diag_lost(p->diag) : 0) +
           (p->pcap ? source_pcap_lost(p->pcap) : 0);
}

void pipeline_progress(const struct pipeline *p, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    *ret_at = source_capture_position(p->file, ret_size);
    *ret_packets = source_capture_packets(p->file);
}

bool pipeline_write_failed(const struct pipeline *p)
{
    return p->write_error < 0;
}

uint64_t pipeline_connections(const struct pipeline *p)
{
    return p->counts[CHANGE_CONNECTION];
}

struct pipeline *pipeline_close(struct pipeline *p)
{
    if (!p)
        return NULL;
    source_bpf_close(p->bpf);
    source_diag_close(p->diag);
    source_pcap_close(p->pcap);
    source_capture_close(p->file);
    merge_free(p->merge);
    conn_engine_free(p->conns);
    free(p->addresses);
    free(p);
    return NULL;
}
