/* cJSON reads the line; then each field of the kind is taken by its type, in the order of its description (kinds.def), so
 * that nothing is known here of a kind but what its file says. Texts stay where cJSON has them: the tree is kept until the
 * next line. */
#include "tcplens/trace/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#define NS_PER_S 1000000000ULL
#define COMMAND_MAX 1024 /* arguments of a header's command */

/* cJSON keeps numbers as double. One with more digits than that holds is handed to it as a text behind this mark, which no
 * text of a trace begins with: there it is escaped. */
#define LARGE_MARK '\x7f'
#define EXACT_DIGITS 15

struct trace_decoder {
    cJSON *tree;
    char *marked; /* the line as cJSON reads it */
    uint64_t start_ns;
    bool has_header;
    char *command[COMMAND_MAX + 1]; /* of the header */
};

int trace_decoder_new(struct trace_decoder **ret_decoder)
{
    *ret_decoder = calloc(1, sizeof(**ret_decoder));
    return *ret_decoder ? 0 : -ENOMEM;
}

struct trace_decoder *trace_decoder_free(struct trace_decoder *decoder)
{
    if (!decoder)
        return NULL;
    cJSON_Delete(decoder->tree);
    free(decoder->marked);
    free(decoder);
    return NULL;
}

/* ---- a value of each type (types.def): false where it is none ---- */

/* A double holds an integer exactly up to here. */
#define EXACT_MAX 9007199254740991.0

static bool take_signed(const cJSON *item, double min, double max, int64_t *ret_value)
{
    if (!cJSON_IsNumber(item) || item->valuedouble < min || item->valuedouble > max ||
        item->valuedouble != (double)(int64_t)item->valuedouble)
        return false;
    *ret_value = (int64_t)item->valuedouble;
    return true;
}

static bool take_unsigned(const cJSON *item, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    char *rest;

    if (cJSON_IsString(item) && item->valuestring[0] == LARGE_MARK) {
        errno = 0;
        *ret_value = strtoull(item->valuestring + 1, &rest, 10);
        return errno == 0 && !*rest && *ret_value >= min && *ret_value <= max;
    }
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > EXACT_MAX ||
        item->valuedouble != (double)(uint64_t)item->valuedouble)
        return false;
    *ret_value = (uint64_t)item->valuedouble;
    return *ret_value >= min && *ret_value <= max;
}

#define TAKE_UNSIGNED(name, type, min, max)                                                                            \
    static bool take_##name(const struct trace_decoder *d, const cJSON *item, type *ret_value)                         \
    {                                                                                                                  \
        uint64_t value;                                                                                                \
                                                                                                                       \
        (void)d;                                                                                                       \
        if (!take_unsigned(item, min, max, &value))                                                                    \
            return false;                                                                                              \
        *ret_value = (type)value;                                                                                      \
        return true;                                                                                                   \
    }
TAKE_UNSIGNED(id, uint32_t, 1, UINT32_MAX)
TAKE_UNSIGNED(number, uint64_t, 1, UINT64_MAX)
TAKE_UNSIGNED(count, uint64_t, 0, UINT64_MAX)
TAKE_UNSIGNED(u8, uint8_t, 0, UINT8_MAX)
TAKE_UNSIGNED(u16, uint16_t, 0, UINT16_MAX)
TAKE_UNSIGNED(u32, uint32_t, 0, UINT32_MAX)

static bool take_int32(const struct trace_decoder *d, const cJSON *item, int *ret_value)
{
    int64_t value;

    (void)d;
    if (!take_signed(item, INT32_MIN, INT32_MAX, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

static bool take_result(const struct trace_decoder *d, const cJSON *item, int64_t *ret_value)
{
    (void)d;
    return take_signed(item, -1, EXACT_MAX, ret_value);
}

static bool take_one_more(const struct trace_decoder *d, const cJSON *item, const uint32_t *backlog)
{
    uint64_t value;

    (void)d;
    return take_unsigned(item, 1, UINT64_C(1) << 32, &value) && value == (uint64_t)*backlog + 1;
}

static bool take_time(const struct trace_decoder *d, const cJSON *item, uint64_t *ret_ts_ns)
{
    uint64_t t;

    if (!take_unsigned(item, 0, TRACE_TIME_MAX, &t))
        return false;
    *ret_ts_ns = d->start_ns + t;
    return true;
}

/* The value of a word in a list; -1: it is none of it. */
static int value_of(const cJSON *item, const char *list)
{
    if (!cJSON_IsString(item))
        return -1;
    for (unsigned i = 0; i < word_list_count; i++)
        if (strcmp(word_lists[i].name, list) == 0)
            return word_value(&word_lists[i], item->valuestring);
    return -1;
}

#define TAKE_WORD(list)                                                                                                \
    static bool take_##list(const struct trace_decoder *d, const cJSON *item, enum list *ret_value)                    \
    {                                                                                                                  \
        const int value = value_of(item, #list);                                                                       \
                                                                                                                       \
        (void)d;                                                                                                       \
        if (value < 0)                                                                                                 \
            return false;                                                                                              \
        *ret_value = (enum list)value;                                                                                 \
        return true;                                                                                                   \
    }
TAKE_WORD(end)
TAKE_WORD(how)
TAKE_WORD(witness)
TAKE_WORD(object)
TAKE_WORD(timer_name)
TAKE_WORD(timer_why)
TAKE_WORD(queue_why)
TAKE_WORD(verdict)
TAKE_WORD(cause)
TAKE_WORD(known)
TAKE_WORD(end_reason)
TAKE_WORD(severity)

static bool take_tcp_state(const struct trace_decoder *d, const cJSON *item, enum tcp_state *ret_state)
{
    (void)d;
    return cJSON_IsString(item) && tcp_state_parse(item->valuestring, ret_state) == 0;
}

static bool is_word(const cJSON *item, const char *word)
{
    return cJSON_IsString(item) && strcmp(item->valuestring, word) == 0;
}

static bool take_yes(const struct trace_decoder *d, const cJSON *item, bool *ret_value)
{
    (void)d;
    *ret_value = true;
    return cJSON_IsTrue(item);
}

static bool take_before_trace(const struct trace_decoder *d, const cJSON *item, bool *ret_value)
{
    (void)d;
    *ret_value = true;
    return is_word(item, "before-trace");
}

static bool take_assumed(const struct trace_decoder *d, const cJSON *item, bool *ret_value)
{
    (void)d;
    *ret_value = true;
    return is_word(item, "assumed");
}

static bool take_fired(const struct trace_decoder *d, const cJSON *item, enum timer_phase *ret_phase)
{
    (void)d;
    *ret_phase = TIMER_FIRED;
    return cJSON_IsTrue(item);
}

static bool take_cancelled(const struct trace_decoder *d, const cJSON *item, enum timer_phase *ret_phase)
{
    (void)d;
    *ret_phase = TIMER_CANCELLED;
    return cJSON_IsTrue(item);
}

static bool take_direction(const struct trace_decoder *d, const cJSON *item, bool *ret_sent)
{
    (void)d;
    *ret_sent = is_word(item, "sent");
    return *ret_sent || is_word(item, "received");
}

static bool take_who(const struct trace_decoder *d, const cJSON *item, const bool *sent)
{
    (void)d;
    return is_word(item, *sent ? "stack" : "peer");
}

/* U+FFFD was written for a byte that is none of UTF-8: it is one again, so that the text has the length it had. */
static char *restore_bytes(char *text)
{
    char *to = text;

    for (const char *at = text; *at; to++) {
        const bool replaced = strncmp(at, "\xef\xbf\xbd", 3) == 0;

        *to = replaced ? '\xff' : *at;
        at += replaced ? 3 : 1;
    }
    *to = '\0';
    return text;
}

static bool take_text(const struct trace_decoder *d, const cJSON *item, const char **ret_text)
{
    (void)d;
    if (!cJSON_IsString(item))
        return false;
    *ret_text = restore_bytes(item->valuestring);
    return true;
}
#define take_name take_text
#define take_label take_text
#define take_key take_text

static bool copy_text(const cJSON *item, char *to, size_t size)
{
    size_t len;

    if (!cJSON_IsString(item))
        return false;
    len = strlen(restore_bytes(item->valuestring));
    if (len > size)
        return false;
    memcpy(to, item->valuestring, len < size ? len + 1 : size); /* a full array has no NUL of its own */
    return true;
}
#define take_chars(d, item, value) ((void)(d), copy_text(item, *(value), sizeof(*(value))))
#define take_comm take_chars
#define take_reason take_chars
#define take_hook take_chars
#define take_line take_chars
#define take_zeek_state take_chars
#define take_zeek_history take_chars

static bool take_family(const struct trace_decoder *d, const cJSON *item, const struct addr *addr)
{
    (void)d;
    return is_word(item, addr_is_ipv4(addr) ? "ipv4" : "ipv6");
}

static bool take_addr(const struct trace_decoder *d, const cJSON *item, struct addr *ret_addr)
{
    (void)d;
    return cJSON_IsString(item) && addr_parse(item->valuestring, ret_addr) == 0;
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool take_endpoint(const struct trace_decoder *d, const cJSON *item, struct endpoint *ret_endpoint)
{
    return take_addr(d, member(item, "addr"), &ret_endpoint->addr) &&
           take_u16(d, member(item, "port"), &ret_endpoint->port);
}

static bool take_ends(const struct trace_decoder *d, const cJSON *item, bool (*ret_ends)[END_N])
{
    const cJSON *element;
    enum end end;

    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach(element, item)
    {
        if (!take_end(d, element, &end))
            return false;
        (*ret_ends)[end] = true;
    }
    return true;
}

static bool take_call_end(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    c->call.has_end = true;
    return take_end(d, item, &c->end);
}

static bool take_kernel(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    const bool handed_over = c->kind == CHANGE_OBJECT;
    enum object object;

    if (!take_text(d, member(item, "state"), handed_over ? &c->object.kernel_state : &c->state.kernel_state) ||
        !take_object(d, member(item, "object"), &object))
        return false;
    if (handed_over)
        return object == c->object.to;
    c->state.object = object;
    return true;
}

static bool take_owner(const struct trace_decoder *d, const cJSON *item, struct task *ret_owner)
{
    return take_id(d, member(item, "pid"), &ret_owner->pid) && take_comm(d, member(item, "comm"), &ret_owner->comm);
}

static bool take_bits(const cJSON *item, const char *list, uint32_t *ret_bits)
{
    const cJSON *element;

    if (!cJSON_IsArray(item))
        return false;
    *ret_bits = 0;
    cJSON_ArrayForEach(element, item)
    {
        const int bit = value_of(element, list);

        if (bit < 0)
            return false;
        *ret_bits |= 1u << bit;
    }
    return true;
}

static bool take_flags(const struct trace_decoder *d, const cJSON *item, uint16_t *ret_flags)
{
    uint32_t bits = 0;
    const bool taken = take_bits(item, "segment_flag", &bits);

    (void)d;
    *ret_flags = (uint16_t)bits;
    return taken;
}

static bool take_notes(const struct trace_decoder *d, const cJSON *item, uint32_t *ret_notes)
{
    (void)d;
    return take_bits(item, "segment_note", ret_notes);
}

/* An array of two. */
static bool take_two(const struct trace_decoder *d, const cJSON *item, uint64_t *ret_a, uint64_t *ret_b)
{
    return cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 && take_count(d, item->child, ret_a) &&
           take_count(d, item->child->next, ret_b);
}

static bool take_sack(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    struct segment *s = &c->segment.segment;
    const cJSON *block;

    if (!cJSON_IsArray(item))
        return false;
    s->options |= SEGMENT_OPT_SACK;
    cJSON_ArrayForEach(block, item)
    {
        uint64_t *edges = c->segment.sack[s->sack_count];

        if (s->sack_count == SEGMENT_SACK_MAX || !take_two(d, block, &edges[0], &edges[1]))
            return false;
        s->sack_count++;
    }
    return true;
}

static bool take_timestamps(const struct trace_decoder *d, const cJSON *item, struct segment *s)
{
    uint64_t value, echo;

    if (!take_two(d, item, &value, &echo) || value > UINT32_MAX || echo > UINT32_MAX)
        return false;
    s->options |= SEGMENT_OPT_TS;
    s->ts_val = (uint32_t)value;
    s->ts_ecr = (uint32_t)echo;
    return true;
}

static bool take_options(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    struct segment *s = &c->segment.segment;
    const cJSON *mss = member(item, "mss"), *wscale = member(item, "wscale"), *tfo = member(item, "tfo");
    const cJSON *sack = member(item, "sack"), *ts = member(item, "ts");

    if (!cJSON_IsObject(item))
        return false;
    s->options |= (mss ? SEGMENT_OPT_MSS : 0) | (wscale ? SEGMENT_OPT_WSCALE : 0) | (tfo ? SEGMENT_OPT_TFO : 0) |
                  (cJSON_IsTrue(member(item, "sack_ok")) ? SEGMENT_OPT_SACK_OK : 0) |
                  (cJSON_IsTrue(member(item, "mptcp")) ? SEGMENT_OPT_MPTCP : 0);
    return (!mss || take_u16(d, mss, &s->mss)) && (!wscale || take_u8(d, wscale, &s->wscale)) &&
           (!tfo || take_u8(d, tfo, &s->tfo_len)) && (!sack || take_sack(d, sack, c)) &&
           (!ts || take_timestamps(d, ts, s));
}

static bool take_args(const struct trace_decoder *d, const cJSON *item, struct call_arg (*ret_args)[CALL_ARGS_MAX])
{
    unsigned count = 0;
    const cJSON *arg;

    (void)d;
    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach(arg, item)
    {
        int64_t number = 0;

        if (count == CALL_ARGS_MAX || (!cJSON_IsString(arg) && !take_signed(arg, -EXACT_MAX, EXACT_MAX, &number)))
            return false;
        (*ret_args)[count++] = (struct call_arg){ .name = arg->string,
                                                  .text = cJSON_IsString(arg) ? arg->valuestring : NULL,
                                                  .number = number };
    }
    return true;
}

/* A name of errno(3), one that only a tracer sees, or a number. */
static bool take_error(const struct trace_decoder *d, const cJSON *item, int64_t *ret_ret)
{
    char name[TRACE_ERRNO_NAME_MAX];

    (void)d;
    if (!cJSON_IsString(item))
        return false;
    for (unsigned code = 1; code < TRACE_ERRNO_MAX; code++) {
        if (strcmp(trace_errno_name(code, name), item->valuestring) == 0) {
            *ret_ret = -(int64_t)code;
            return true;
        }
    }
    return false;
}

/* It is made from the fields beside it. */
static bool take_sentence(const struct trace_decoder *d, const cJSON *item, const struct change *c)
{
    (void)d, (void)c;
    return cJSON_IsString(item);
}

static bool take_state_pair(const struct trace_decoder *d, const cJSON *item, enum tcp_state (*ret_states)[END_N])
{
    return take_tcp_state(d, member(item, "client"), &(*ret_states)[END_CLIENT]) &&
           take_tcp_state(d, member(item, "server"), &(*ret_states)[END_SERVER]);
}

static bool take_pair(const struct trace_decoder *d, const cJSON *item, uint64_t (*ret_pair)[END_N])
{
    return take_count(d, member(item, "client"), &(*ret_pair)[END_CLIENT]) &&
           take_count(d, member(item, "server"), &(*ret_pair)[END_SERVER]);
}

static bool take_wire_pair(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    c->outcome.has_wire = true;
    return take_pair(d, item, &c->outcome.bytes);
}

static bool take_times_of_end(const struct trace_decoder *d, const cJSON *item, uint64_t ret_ns[TCP_STATE_N])
{
    const cJSON *time;

    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach(time, item)
    {
        enum tcp_state state;

        if (tcp_state_parse(time->string, &state) < 0 || !take_number(d, time, &ret_ns[state]))
            return false;
    }
    return true;
}

static bool take_state_times(const struct trace_decoder *d, const cJSON *item, uint64_t (*ret_ns)[END_N][TCP_STATE_N])
{
    return take_times_of_end(d, member(item, "client"), (*ret_ns)[END_CLIENT]) &&
           take_times_of_end(d, member(item, "server"), (*ret_ns)[END_SERVER]);
}

static bool take_conns(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    const cJSON *conn;

    if (!cJSON_IsArray(item))
        return false;
    /* clang-format off */
    cJSON_ArrayForEach(conn, item)
        if (c->finding.conn_count == FINDING_CONNS_MAX || !take_id(d, conn, &c->finding.conns[c->finding.conn_count++]))
            return false;
    /* clang-format on */
    return true;
}

static bool take_remedies(const struct trace_decoder *d, const cJSON *item, struct change *c)
{
    const cJSON *remedy;
    unsigned count = 0;

    if (!cJSON_IsArray(item))
        return false;
    /* clang-format off */
    cJSON_ArrayForEach(remedy, item)
        if (count == FINDING_REMEDIES_MAX || !take_text(d, remedy, &c->finding.remedy[count++]))
            return false;
    /* clang-format on */
    return true;
}

/* ---- a record of each kind ---- */

static int wrong(char error[static TRACE_DECODE_ERROR_MAX], const char *record, const char *key, const char *meaning)
{
    snprintf(error, TRACE_DECODE_ERROR_MAX, "%s: \"%s\" is missing, or not what it should be (%s)", record, key,
             meaning);
    return -EINVAL;
}

#define TAKE_FIELD(type, key, value, meaning, may_be_absent)                                                           \
    do {                                                                                                               \
        const cJSON *item_ = member(d->tree, key);                                                                     \
                                                                                                                       \
        if (item_ ? !take_##type(d, item_, &(value)) : !(may_be_absent))                                               \
            return wrong(error, change_kind_name(c->kind), key, meaning);                                              \
    } while (0);

#define KIND(id, word, kind_member, says)                                                                              \
    static int take_kind_##kind_member(const struct trace_decoder *d, struct change *c,                                \
                                       char error[static TRACE_DECODE_ERROR_MAX])                                      \
    {
#define NEEDED(type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, false)
#define ALWAYS(type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, false)
#define WHERE(condition, type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, true)
#define KIND_END(kind_member)                                                                                          \
    return 0;                                                                                                          \
    }
#include "tcplens/base/limits.h"
#include "tcplens/trace/kinds.def"

static int take_change(const struct trace_decoder *d, struct change *c, char error[static TRACE_DECODE_ERROR_MAX])
{
    TAKE_FIELD(number, "n", c->n, "record number", false)
    TAKE_FIELD(time, "t", c->ts_ns, "time", false)
    TAKE_FIELD(yes, "late", c->late, "true", true)
    TAKE_FIELD(number, "because", c->because, "record number", true)
    switch (c->kind) {
/* clang-format off */
#define KIND(id, word, kind_member, says) case CHANGE_##id: return take_kind_##kind_member(d, c, error);
#include "tcplens/trace/kinds.def"
    /* clang-format on */
    case CHANGE_KIND_N: break;
    }
    return 0;
}

/* ---- the first and the last line ---- */

/* "2026-11-21T10:35:12.868538113Z" */
static bool take_start(const cJSON *item, uint64_t *ret_ns)
{
    struct tm tm = { 0 };
    unsigned long nanoseconds;
    const char *rest;
    char *end;

    if (!cJSON_IsString(item))
        return false;
    rest = strptime(item->valuestring, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || *rest != '.' || strspn(rest + 1, "0123456789") != 9)
        return false;
    nanoseconds = strtoul(rest + 1, &end, 10);
    if (strcmp(end, "Z") != 0 || timegm(&tm) < 0)
        return false;
    *ret_ns = (uint64_t)timegm(&tm) * NS_PER_S + nanoseconds;
    return true;
}

static bool take_sources(const struct trace_decoder *d, struct trace_header *h)
{
    const cJSON *sources = member(d->tree, "sources"), *missing = member(d->tree, "missing"), *item;
    enum witness witness;

    if (!cJSON_IsArray(sources))
        return false;
    cJSON_ArrayForEach(item, sources)
    {
        if (!take_witness(d, item, &witness))
            return false;
        h->sources[witness] = true;
    }
    cJSON_ArrayForEach(item, missing)
    {
        if (!take_witness(d, member(item, "source"), &witness) ||
            !take_text(d, member(item, "why"), &h->missing[witness]))
            return false;
    }
    return true;
}

static bool take_interfaces(const struct trace_decoder *d, struct trace_header *h)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, member(d->tree, "interfaces"))
    {
        if (h->interface_count == LIMIT_INTERFACES || !take_text(d, item, &h->interfaces[h->interface_count]))
            return false;
        h->interface_count++;
    }
    return true;
}

static bool take_filter(const struct trace_decoder *d, struct filter *f)
{
    const cJSON *filter = member(d->tree, "filter"), *item;

    cJSON_ArrayForEach(item, member(filter, "ports")) if (f->port_count == LIMIT_FILTER_PORTS ||
                                                          !take_u16(d, item, &f->ports[f->port_count++])) return false;
    cJSON_ArrayForEach(item, member(filter, "hosts")) if (f->host_count == LIMIT_FILTER_HOSTS ||
                                                          !cJSON_IsString(item) ||
                                                          prefix_parse(item->valuestring, &f->hosts[f->host_count++]) <
                                                              0) return false;
    cJSON_ArrayForEach(item, member(filter, "pids")) if (f->pid_count == LIMIT_FILTER_PIDS ||
                                                         !take_id(d, item, &f->pids[f->pid_count++])) return false;
    return true;
}

static bool take_command(struct trace_decoder *d, struct trace_header *h)
{
    const cJSON *command = member(d->tree, "command"), *item;
    unsigned count = 0;

    if (!command)
        return true;
    cJSON_ArrayForEach(item, command)
    {
        if (count == COMMAND_MAX || !cJSON_IsString(item))
            return false;
        d->command[count++] = item->valuestring;
    }
    d->command[count] = NULL;
    h->command = d->command;
    return true;
}

/* Settings that this version does not know are passed over. */
static bool take_sysctls(const struct trace_decoder *d, struct trace_header *h)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, member(d->tree, "sysctl"))
    {
        const unsigned i = h->sysctl_count;
        int64_t number;

        if (i == TRACE_SYSCTL_MAX)
            break;
        h->sysctl[i].name = item->string;
        if (cJSON_IsString(item))
            snprintf(h->sysctl[i].value, sizeof(h->sysctl[i].value), "%s", item->valuestring);
        else if (take_signed(item, -EXACT_MAX, EXACT_MAX, &number))
            snprintf(h->sysctl[i].value, sizeof(h->sysctl[i].value), "%" PRId64, number);
        else
            return false;
        h->sysctl_count++;
    }
    return true;
}

static bool is_zero(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble == 0;
}

/* A member that may be absent, and else is of that type (a cJSON_Is…()). */
static bool may_be(const struct trace_decoder *d, const char *key, cJSON_bool (*is)(const cJSON *item))
{
    return !member(d->tree, key) || is(member(d->tree, key));
}

static int take_header(struct trace_decoder *d, struct trace_header *h, char error[static TRACE_DECODE_ERROR_MAX])
{
    const cJSON *version = member(d->tree, "version"), *kernel = member(d->tree, "kernel");
    const cJSON *input = member(d->tree, "input"), *netns = member(d->tree, "netns");

    if (!is_word(member(d->tree, "format"), "tcplens-trace"))
        return wrong(error, "header", "format", "tcplens-trace");
    if (!cJSON_IsNumber(version) || version->valuedouble != 1)
        return wrong(error, "header", "version", "1");
    if (!is_zero(member(d->tree, "n")) || !is_zero(member(d->tree, "t")))
        return wrong(error, "header", "n, t", "0");
    if (!take_start(member(d->tree, "start"), &h->start_ns))
        return wrong(error, "header", "start", "RFC 3339 with nanoseconds, UTC");
    if (!may_be(d, "missing", cJSON_IsArray) || !take_sources(d, h))
        return wrong(error, "header", "sources", "array of kernel, diag, wire; missing: array of {source, why}");
    if ((kernel && !take_text(d, kernel, &h->kernel)) || (input && !take_text(d, input, &h->input)) ||
        (netns && !take_text(d, netns, &h->netns)))
        return wrong(error, "header", "kernel, input, netns", "text");
    if (!may_be(d, "interfaces", cJSON_IsArray) || !take_interfaces(d, h) || !may_be(d, "command", cJSON_IsArray) ||
        !take_command(d, h))
        return wrong(error, "header", "interfaces, command", "array of texts");
    if (!may_be(d, "filter", cJSON_IsObject) || !take_filter(d, &h->filter))
        return wrong(error, "header", "filter", "ports, hosts, pids");
    if (!may_be(d, "sysctl", cJSON_IsObject) || !take_sysctls(d, h))
        return wrong(error, "header", "sysctl", "name to integer or text");
    d->start_ns = h->start_ns;
    d->has_header = true;
    return 0;
}

static int take_last(const struct trace_decoder *d, struct trace_end *e, char error[static TRACE_DECODE_ERROR_MAX])
{
    const cJSON *status = member(d->tree, "status"), *counts = member(d->tree, "counts");
    const cJSON *lost = member(d->tree, "lost"), *beyond = member(d->tree, "beyond");

    e->status = -1;
    if (!take_number(d, member(d->tree, "n"), &e->n) || !take_time(d, member(d->tree, "t"), &e->ts_ns))
        return wrong(error, "end", "n, t", "integer");
    if (!take_end_reason(d, member(d->tree, "reason"), &e->reason))
        return wrong(error, "end", "reason", "a word");
    if (status && !take_int32(d, status, &e->status))
        return wrong(error, "end", "status", "integer");
    if (!cJSON_IsObject(counts))
        return wrong(error, "end", "counts", "object");
    if (!cJSON_IsObject(lost))
        return wrong(error, "end", "lost", "object");
    for (unsigned i = 0; i < CHANGE_KIND_N; i++) {
        const cJSON *item = member(counts, change_kind_name((enum change_kind)i));

        if (item && !take_count(d, item, &e->counts[i]))
            return wrong(error, "end", "counts", "kind to integer");
    }
    for (unsigned i = 0; i < WITNESS_N; i++) {
        const cJSON *item = member(lost, witness_name((enum witness)i));

        if (item && !take_count(d, item, &e->lost[i]))
            return wrong(error, "end", "lost", "source to integer");
    }
    for (unsigned i = 0; i < BEYOND_N; i++) {
        const cJSON *item = member(beyond, beyond_name((enum beyond)i));

        if (item && !take_count(d, item, &e->beyond[i]))
            return wrong(error, "end", "beyond", "name to integer");
    }
    return take_count(d, member(d->tree, "late"), &e->late) ? 0 : wrong(error, "end", "late", "integer");
}

/* ---- a line ---- */

static enum trace_line_kind kind_of(const char *record, enum change_kind *ret_kind)
{
    if (strcmp(record, "header") == 0)
        return TRACE_LINE_HEADER;
    if (strcmp(record, "end") == 0)
        return TRACE_LINE_END;
    for (unsigned i = 0; i < CHANGE_KIND_N; i++) {
        if (strcmp(record, change_kind_name((enum change_kind)i)) == 0) {
            *ret_kind = (enum change_kind)i;
            return TRACE_LINE_CHANGE;
        }
    }
    return TRACE_LINE_UNKNOWN;
}

/* Digits from here on, none of a fraction or an exponent; 0: there are few enough for a double. */
static size_t large_number(const char *at, const char *end)
{
    size_t digits = 0;

    while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    if (digits <= EXACT_DIGITS || (at + digits < end && strchr(".eE", at[digits])))
        return 0;
    return digits;
}

/* The line with its large numbers marked. Three bytes more for each, which has more than EXACT_DIGITS. NULL: no memory. */
static char *mark_large_numbers(const char *line, size_t len, size_t *ret_len)
{
    const char *const end = line + len;
    char *const marked = malloc(len + len / EXACT_DIGITS * 3 + 4);
    char *p = marked;
    bool text = false;

    if (!marked)
        return NULL;
    for (const char *at = line; at < end;) {
        const bool value = !text && at > line && (at[-1] == ':' || at[-1] == ',' || at[-1] == '[');
        const size_t digits = value ? large_number(at, end) : 0;

        if (digits) {
            *p++ = '"';
            *p++ = LARGE_MARK;
            memcpy(p, at, digits);
            p += digits;
            *p++ = '"';
            at += digits;
            continue;
        }
        if (text && *at == '\\' && at + 1 < end)
            *p++ = *at++;
        else if (*at == '"')
            text = !text;
        *p++ = *at++;
    }
    *ret_len = (size_t)(p - marked);
    return marked;
}

/* 0, -EINVAL or -ENOMEM. */
static int parse(struct trace_decoder *d, const char *line, size_t len)
{
    size_t marked_len;

    cJSON_Delete(d->tree);
    free(d->marked);
    d->tree = NULL;
    d->marked = NULL;
    if (len > LIMIT_TRACE_LINE)
        return -EINVAL;
    d->marked = mark_large_numbers(line, len, &marked_len);
    if (!d->marked)
        return -ENOMEM;
    d->tree = cJSON_ParseWithLength(d->marked, marked_len);
    return cJSON_IsObject(d->tree) && cJSON_IsString(member(d->tree, "record")) ? 0 : -EINVAL;
}

int trace_decode(struct trace_decoder *d, const char *line, size_t len, struct trace_line *ret_line,
                 char error[static TRACE_DECODE_ERROR_MAX])
{
    enum change_kind kind = CHANGE_KIND_N;
    int r = parse(d, line, len);

    if (r < 0) {
        snprintf(error, TRACE_DECODE_ERROR_MAX, r == -ENOMEM ? "out of memory" : "no JSON object with a \"record\"");
        return r;
    }
    memset(ret_line, 0, sizeof(*ret_line));
    ret_line->kind = kind_of(member(d->tree, "record")->valuestring, &kind);
    if (d->has_header != (ret_line->kind != TRACE_LINE_HEADER)) {
        snprintf(error, TRACE_DECODE_ERROR_MAX, d->has_header ? "a second header" : "the first line is no header");
        return -EINVAL;
    }
    switch (ret_line->kind) {
    case TRACE_LINE_HEADER: return take_header(d, &ret_line->header, error);
    case TRACE_LINE_CHANGE:
        ret_line->change.kind = kind;
        if (kind == CHANGE_OUTCOME)
            ret_line->change.outcome.closed_by = ret_line->change.outcome.reset_by = END_UNKNOWN;
        return take_change(d, &ret_line->change, error);
    case TRACE_LINE_END: return take_last(d, &ret_line->end, error);
    case TRACE_LINE_UNKNOWN: break;
    }
    return 0;
}
