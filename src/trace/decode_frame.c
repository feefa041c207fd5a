#include "decode_frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact_json.h"
#include "tcplens/base/limits.h"

static bool take_sources(const cJSON *tree, struct trace_header *h)
{
    const cJSON *sources = json_member(tree, "sources"), *missing = json_member(tree, "missing"), *item;
    enum witness witness;

    if (!cJSON_IsArray(sources))
        return false;
    cJSON_ArrayForEach (item, sources) {
        if (!take_witness(0, item, &witness))
            return false;
        h->sources[witness] = true;
    }
    cJSON_ArrayForEach (item, missing) {
        if (!take_witness(0, json_member(item, "source"), &witness) ||
            !take_text(0, json_member(item, "why"), &h->missing[witness]))
            return false;
    }
    return true;
}

static bool take_interfaces(const cJSON *tree, struct trace_header *h)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, json_member(tree, "interfaces")) {
        if (h->interface_count == LIMIT_INTERFACES || !take_text(0, item, &h->interfaces[h->interface_count]))
            return false;
        h->interface_count++;
    }
    return true;
}

static bool take_range(const cJSON *item, struct port_range *ret_range)
{
    return cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 &&
           take_u16(0, cJSON_GetArrayItem(item, 0), &ret_range->first) &&
           take_u16(0, cJSON_GetArrayItem(item, 1), &ret_range->last);
}

static bool take_ports(const cJSON *filter, struct filter *f)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, json_member(filter, "ports")) {
        if (f->port_count == LIMIT_FILTER_PORTS || !take_u16(0, item, &f->ports[f->port_count].first))
            return false;
        f->ports[f->port_count].last = f->ports[f->port_count].first;
        f->port_count++;
    }
    cJSON_ArrayForEach (item, json_member(filter, "port_ranges")) {
        if (f->port_count == LIMIT_FILTER_PORTS || !take_range(item, &f->ports[f->port_count++]))
            return false;
    }
    return true;
}

static bool take_filter(const cJSON *tree, struct filter *f)
{
    const cJSON *filter = json_member(tree, "filter"), *item;

    if (!take_ports(filter, f))
        return false;
    cJSON_ArrayForEach (item, json_member(filter, "hosts")) {
        if (f->host_count == LIMIT_FILTER_HOSTS || !cJSON_IsString(item) ||
            prefix_parse(item->valuestring, &f->hosts[f->host_count++]) < 0)
            return false;
    }
    cJSON_ArrayForEach (item, json_member(filter, "pids")) {
        if (f->pid_count == LIMIT_FILTER_PIDS || !take_id(0, item, &f->pids[f->pid_count++]))
            return false;
    }
    item = json_member(filter, "expression");
    return !item || take_text(0, item, &f->expression);
}

static bool take_command(const cJSON *tree, char *arguments[static DECODE_COMMAND_MAX + 1], struct trace_header *h)
{
    const cJSON *command = json_member(tree, "command"), *item;
    unsigned count = 0;

    if (!command)
        return true;
    cJSON_ArrayForEach (item, command) {
        if (count == DECODE_COMMAND_MAX || !cJSON_IsString(item))
            return false;
        arguments[count++] = item->valuestring;
    }
    arguments[count] = NULL;
    h->command = arguments;
    return true;
}

/* Settings that this version does not know are passed over. */
static bool take_sysctls(const cJSON *tree, struct trace_header *h)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, json_member(tree, "sysctl")) {
        const unsigned i = h->sysctl_count;
        int64_t number;

        if (i == TRACE_SYSCTL_MAX)
            break;
        h->sysctl[i].name = item->string;
        if (cJSON_IsString(item))
            snprintf(h->sysctl[i].value, sizeof(h->sysctl[i].value), "%s", item->valuestring);
        else if (exact_signed(item, -EXACT_JSON_MAX, EXACT_JSON_MAX, &number))
            snprintf(h->sysctl[i].value, sizeof(h->sysctl[i].value), "%" PRId64, number);
        else
            return false;
        h->sysctl_count++;
    }
    return true;
}

static bool take_chars_if_any(const cJSON *item, char *to, size_t size)
{
    return !item || take_chars_of(item, to, size);
}

static bool take_host(const cJSON *tree, struct host *h)
{
    const cJSON *host = json_member(tree, "host"), *clock = json_member(tree, "clock");

    if (host && !(take_chars_if_any(json_member(host, "name"), h->name, sizeof(h->name)) &&
                  take_chars_if_any(json_member(host, "machine_id"), h->machine_id, sizeof(h->machine_id)) &&
                  take_chars_if_any(json_member(host, "boot_id"), h->boot_id, sizeof(h->boot_id))))
        return false;
    if (!clock)
        return true;
    h->clock_known = true;
    h->clock_synchronized = cJSON_IsTrue(json_member(clock, "synchronized"));
    return cJSON_IsBool(json_member(clock, "synchronized")) &&
           exact_signed(json_member(clock, "maxerror_us"), 0, EXACT_JSON_MAX, &h->clock_maxerror_us) &&
           exact_signed(json_member(clock, "esterror_us"), 0, EXACT_JSON_MAX, &h->clock_esterror_us);
}

/* Of a merged file: 126 years. */
#define FIGURE_MAX 4000000000000000000

/* Absent ones stay as they are. */
static bool take_figure(const cJSON *object, const char *key, int64_t least, int64_t *ret_value)
{
    const cJSON *item = json_member(object, key);
    uint64_t large;

    if (item && exact_unsigned(item, 0, FIGURE_MAX, &large)) {
        *ret_value = (int64_t)large;
        return true;
    }
    return !item || exact_signed(item, least, FIGURE_MAX, ret_value);
}

static bool take_merged_file(const cJSON *item, struct trace_merged *m)
{
    const cJSON *host = json_member(item, "host");
    int64_t band = 0, segments = 0, steps = 0;

    if (!take_text(0, json_member(item, "input"), &m->input) || (host && !take_text(0, host, &m->host)) ||
        !take_clock_fit(0, json_member(item, "clock"), &m->clock) ||
        !take_figure(item, "offset_ns", -FIGURE_MAX, &m->offset_ns) ||
        !take_figure(item, "skew_ppb", -FIGURE_MAX, &m->skew_ppb) || !take_figure(item, "band_ns", 0, &band) ||
        !take_figure(item, "segments", 0, &segments) || !take_figure(item, "steps", 0, &steps))
        return false;
    m->band_ns = (uint64_t)band;
    m->segments = (uint64_t)segments;
    m->steps = (uint64_t)steps;
    return true;
}

static bool take_merged(const cJSON *tree, struct trace_header *h)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, json_member(tree, "merged"))
        if (h->merged_count == LIMIT_MERGED_FILES || !take_merged_file(item, &h->merged[h->merged_count++]))
            return false;
    return true;
}

static bool is_zero(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble == 0;
}

/* A member that may be absent, and else is of that type (a cJSON_Is…()). */
static bool may_be(const cJSON *tree, const char *key, cJSON_bool (*is)(const cJSON *item))
{
    return !json_member(tree, key) || is(json_member(tree, key));
}

int decode_header(const cJSON *tree, char *arguments[static DECODE_COMMAND_MAX + 1], struct trace_header *h,
                  struct decode_error *error)
{
    const cJSON *version = json_member(tree, "version"), *kernel = json_member(tree, "kernel");
    const cJSON *input = json_member(tree, "input"), *netns = json_member(tree, "netns"),
                *part = json_member(tree, "part");

    if (!json_is_word(json_member(tree, "format"), "tcplens-trace"))
        return decode_wrong(error, "header", "format", "tcplens-trace");
    if (!cJSON_IsNumber(version) || version->valuedouble != 1)
        return decode_wrong(error, "header", "version", "1");
    if (!is_zero(json_member(tree, "n")) || !is_zero(json_member(tree, "t")))
        return decode_wrong(error, "header", "n, t", "0");
    if (!take_start(0, json_member(tree, "start"), &h->start_ns))
        return decode_wrong(error, "header", "start", "RFC 3339 with nanoseconds, UTC");
    if (!may_be(tree, "missing", cJSON_IsArray) || !take_sources(tree, h))
        return decode_wrong(error, "header", "sources", "array of kernel, diag, wire; missing: array of {source, why}");
    if ((kernel && !take_text(0, kernel, &h->kernel)) || (input && !take_text(0, input, &h->input)) ||
        (netns && !take_text(0, netns, &h->netns)))
        return decode_wrong(error, "header", "kernel, input, netns", "text");
    if (!may_be(tree, "interfaces", cJSON_IsArray) || !take_interfaces(tree, h) ||
        !may_be(tree, "command", cJSON_IsArray) || !take_command(tree, arguments, h))
        return decode_wrong(error, "header", "interfaces, command", "array of texts");
    if (!may_be(tree, "filter", cJSON_IsObject) || !take_filter(tree, &h->filter))
        return decode_wrong(error, "header", "filter", "ports, port_ranges, hosts, pids, expression");
    if (!may_be(tree, "sysctl", cJSON_IsObject) || !take_sysctls(tree, h))
        return decode_wrong(error, "header", "sysctl", "name to integer or text");
    if (!may_be(tree, "host", cJSON_IsObject) || !may_be(tree, "clock", cJSON_IsObject) || !take_host(tree, &h->host))
        return decode_wrong(error, "header", "host, clock",
                            "name, machine_id, boot_id; synchronized, maxerror_us, esterror_us");
    if (!may_be(tree, "merged", cJSON_IsArray) || !take_merged(tree, h))
        return decode_wrong(error, "header", "merged", "array of {input, host, clock, …}");
    if (part && (!take_u32(0, part, &h->part) || !h->part))
        return decode_wrong(error, "header", "part", "integer, from 1");
    return 0;
}

static const char *change_kind_word(unsigned i)
{
    return change_kind_name((enum change_kind)i);
}

static const char *witness_word(unsigned i)
{
    return witness_name((enum witness)i);
}

static const char *beyond_word(unsigned i)
{
    return beyond_name((enum beyond)i);
}

/* An object of numbers, by those names that this version has. */
static bool take_counts(const cJSON *object, const char *(*word)(unsigned), unsigned count, uint64_t *ret_counts)
{
    for (unsigned i = 0; i < count; i++) {
        const cJSON *item = json_member(object, word(i));

        if (item && !take_count(0, item, &ret_counts[i]))
            return false;
    }
    return cJSON_IsObject(object);
}

static bool take_skipped(const cJSON *tree, struct trace_end *e)
{
    const cJSON *item;
    uint64_t count;

    cJSON_ArrayForEach (item, json_member(tree, "skipped")) {
        if (!take_number(0, item, &count))
            return false;
        trace_end_skipped(e, item->string, count);
    }
    return true;
}

static bool take_clock_moves(const cJSON *clock, struct trace_end *e)
{
    const cJSON *set = json_member(clock, "set"), *by = json_member(clock, "set_by_ns");
    const cJSON *suspended = json_member(clock, "suspended_ns");

    return cJSON_IsObject(clock) && (!set || take_number(0, set, &e->clock.set)) &&
           (!by || exact_signed(by, -EXACT_JSON_MAX, EXACT_JSON_MAX, &e->clock.set_by_ns)) &&
           (!suspended || take_number(0, suspended, &e->clock.suspended_ns));
}

int decode_end(const cJSON *tree, uint64_t start_ns, struct trace_end *e, struct decode_error *error)
{
    const cJSON *status = json_member(tree, "status"), *counts = json_member(tree, "counts");
    const cJSON *lost = json_member(tree, "lost"), *beyond = json_member(tree, "beyond");
    const cJSON *clock = json_member(tree, "clock");

    e->status = -1;
    if (!take_number(start_ns, json_member(tree, "n"), &e->n) ||
        !take_time(start_ns, json_member(tree, "t"), &e->ts_ns))
        return decode_wrong(error, "end", "n, t", "integer");
    if (json_member(tree, "at") && !take_start(start_ns, json_member(tree, "at"), &e->ts_ns))
        return decode_wrong(error, "end", "at", "date");
    if (!take_end_reason(start_ns, json_member(tree, "reason"), &e->reason))
        return decode_wrong(error, "end", "reason", "a word");
    if (status && !take_int32(start_ns, status, &e->status))
        return decode_wrong(error, "end", "status", "integer");
    if (!take_counts(counts, change_kind_word, CHANGE_KIND_N, e->counts))
        return decode_wrong(error, "end", "counts", "kind to integer");
    if (!take_counts(lost, witness_word, WITNESS_N, e->lost))
        return decode_wrong(error, "end", "lost", "source to integer");
    if (beyond && !take_counts(beyond, beyond_word, BEYOND_N, e->beyond))
        return decode_wrong(error, "end", "beyond", "name to integer");
    if (clock && !take_clock_moves(clock, e))
        return decode_wrong(error, "end", "clock", "{set, set_by_ns, suspended_ns}");
    if (!may_be(tree, "skipped", cJSON_IsObject) || !take_skipped(tree, e))
        return decode_wrong(error, "end", "skipped", "name to integer");
    return take_count(start_ns, json_member(tree, "late"), &e->late) ? 0
                                                                     : decode_wrong(error, "end", "late", "integer");
}
