/* Theory of operation. A record is written straight into the caller's buffer, field after field, each put_ function
 * returning where the next one begins. Nothing is allocated and nothing is checked against the end of the buffer:
 * every number has at most 20 digits, every word comes from a table, every text is cut to the cap given with it. So
 * the longest line of each kind is known beforehand, and the tests write it: none is longer than
 * TRACE_LINE_MAX. */
#include "tcplens/trace/encode.h"

#include <stdio.h>
#include <string.h>

#include "tcplens/base/date.h"
#include "tcplens/base/json.h"
#include "tcplens/trace/sentence.h"

/* Bytes of text that reach the trace; names that we choose ourselves are shorter. */
#define KERNEL_STATE_MAX 32
#define RFC_MAX 64
#define CALL_NAME_MAX 32
#define COUNTER_MAX 48

#define PUT JSON_PUT
#define PUT_KEY JSON_PUT_KEY

/* ---- a value of each type (types.def) ---- */

#define PUT_INTEGER(name, type)                                                                                        \
    static inline char *put_##name(char *p, uint64_t start_ns, const type *value)                                      \
    {                                                                                                                  \
        (void)start_ns;                                                                                                \
        return json_put_u64(p, *value);                                                                                \
    }
PUT_INTEGER(id, uint32_t)
PUT_INTEGER(count, uint64_t)
PUT_INTEGER(u16, uint16_t)
PUT_INTEGER(u32, uint32_t)

/* What a reader that has only doubles cannot hold exactly is more than anything that is measured. */
static inline char *put_number(char *p, uint64_t start_ns, const uint64_t *value)
{
    (void)start_ns;
    return json_put_u64(p, *value < TRACE_TIME_MAX ? *value : TRACE_TIME_MAX);
}

/* Words are kept as they are written. */
#define WORD_JSON(prefix, id, word, meaning) [prefix##_##id] = JSON_WORD(word),
#define WORD_TABLE(list) static const struct json_word list##_words[] = { WORDS_##list(WORD_JSON) };
#define PUT_WORD(list, type)                                                                                           \
    WORD_TABLE(list)                                                                                                   \
    static inline char *put_##list(char *p, uint64_t start_ns, const type *value)                                      \
    {                                                                                                                  \
        (void)start_ns;                                                                                                \
        return put_word_of(p, list##_words, sizeof(list##_words) / sizeof(*list##_words), (unsigned)*value);           \
    }

/* A value outside of its enum is our bug, but not one worth reading past a table for. */
static inline char *put_word_of(char *p, const struct json_word *words, unsigned count, unsigned value)
{
    static const struct json_word unknown = JSON_WORD("unknown");

    return json_put_known(p, value < count ? &words[value] : &unknown);
}

PUT_WORD(end, enum end)
PUT_WORD(how, enum how)
PUT_WORD(witness, enum witness)
PUT_WORD(object, enum object)
PUT_WORD(timer_name, enum timer_name)
PUT_WORD(timer_why, enum timer_why)
PUT_WORD(queue_why, enum queue_why)
PUT_WORD(verdict, enum verdict)
PUT_WORD(cause, enum cause)
PUT_WORD(stall, enum stall)
PUT_WORD(known, enum known)
PUT_WORD(finding_kind, enum finding_kind)
PUT_WORD(severity, enum severity)
PUT_WORD(check_result, enum check_result)
PUT_WORD(process_event, enum process_event)
PUT_WORD(icmp_error, enum icmp_error)
PUT_WORD(datagram_checksum, enum datagram_checksum)
PUT_WORD(tunnel_type, enum tunnel_type)
WORD_TABLE(segment_flag)
WORD_TABLE(segment_note)
WORD_TABLE(poll_event)

#define STATE_JSON(id, name) [TCP_STATE_##id] = JSON_WORD(name),
static const struct json_word tcp_state_words[] = { TCP_STATES(STATE_JSON) };

static inline char *put_tcp_state(char *p, uint64_t start_ns, const enum tcp_state *state)
{
    (void)start_ns;
    return json_put_known(p, &tcp_state_words[*state]);
}

/* The condition of the field says that it is so. */
#define PUT_CONSTANT(name, literal)                                                                                    \
    static inline char *put_##name(char *p, uint64_t start_ns, const void *value)                                      \
    {                                                                                                                  \
        (void)start_ns, (void)value;                                                                                   \
        return PUT(p, literal);                                                                                        \
    }
PUT_CONSTANT(yes, "true")
PUT_CONSTANT(fired, "true")
PUT_CONSTANT(cancelled, "true")
PUT_CONSTANT(before_trace, "\"before-trace\"")
PUT_CONSTANT(assumed, "\"assumed\"")

#define PUT_TEXT(name, max)                                                                                            \
    static inline char *put_##name(char *p, uint64_t start_ns, const char *const *value)                               \
    {                                                                                                                  \
        (void)start_ns;                                                                                                \
        return json_put_text(p, *value, max);                                                                          \
    }
PUT_TEXT(name, CALL_NAME_MAX)
PUT_TEXT(label, RFC_MAX)
PUT_TEXT(counter_name, COUNTER_MAX)
PUT_TEXT(line, FINDING_TEXT_MAX)
PUT_TEXT(phrase, LAB_TEXT_MAX)
PUT_TEXT(slug, CALL_NAME_MAX)

/* An array of char. */
#define put_chars(p, start_ns, value) json_put_text(p, *(value), sizeof(*(value)))
#define put_comm put_chars
#define put_reason put_chars
#define put_hook put_chars
#define put_interface put_chars
#define put_zeek_state put_chars
#define put_zeek_history put_chars

static inline char *put_time(char *p, uint64_t start_ns, const uint64_t *ts_ns)
{
    return json_put_u64(p, trace_time(*ts_ns, start_ns));
}

static inline char *put_header_bytes(char *p, uint64_t start_ns, const struct segment_header *h)
{
    static const char digits[] = "0123456789abcdef";

    (void)start_ns;
    *p++ = '"';
    for (unsigned i = 0; i < h->len && i < SEGMENT_HEADER_MAX; i++) {
        *p++ = digits[h->bytes[i] >> 4];
        *p++ = digits[h->bytes[i] & 0xf];
    }
    *p++ = '"';
    return p;
}

static inline char *put_int32(char *p, uint64_t start_ns, const int *value)
{
    (void)start_ns;
    return json_put_i64(p, *value);
}

static inline char *put_offset(char *p, uint64_t start_ns, const int64_t *value)
{
    (void)start_ns;
    return *value < 0 ? json_put_i64(p, *value) : json_put_u64(p, (uint64_t)*value);
}

static inline char *put_one_more(char *p, uint64_t start_ns, const uint32_t *backlog)
{
    (void)start_ns;
    return json_put_u64(p, (uint64_t)*backlog + 1);
}

static inline char *put_direction(char *p, uint64_t start_ns, const bool *sent)
{
    (void)start_ns;
    return json_put_word(p, *sent ? "sent" : "received");
}

static inline char *put_who(char *p, uint64_t start_ns, const bool *sent)
{
    (void)start_ns;
    return json_put_word(p, *sent ? "stack" : "peer");
}

static inline char *put_family(char *p, uint64_t start_ns, const struct addr *addr)
{
    (void)start_ns;
    return json_put_word(p, addr_is_ipv4(addr) ? "ipv4" : "ipv6");
}

static inline char *put_addr(char *p, uint64_t start_ns, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    (void)start_ns;
    return json_put_word(p, addr_format(addr, text));
}

static inline char *put_endpoint(char *p, uint64_t start_ns, const struct endpoint *e)
{
    p = put_addr(PUT(p, "{\"addr\":"), start_ns, &e->addr);
    p = json_put_u64(PUT_KEY(p, "port"), e->port);
    return PUT(p, "}");
}

static inline char *put_ends(char *p, uint64_t start_ns, const bool (*ends)[END_N])
{
    (void)start_ns;
    if ((*ends)[END_CLIENT] && (*ends)[END_SERVER])
        return PUT(p, "[\"client\",\"server\"]");
    if ((*ends)[END_CLIENT])
        return PUT(p, "[\"client\"]");
    return (*ends)[END_SERVER] ? PUT(p, "[\"server\"]") : PUT(p, "[]");
}

static inline char *put_call_end(char *p, uint64_t start_ns, const struct change *c)
{
    return put_end(p, start_ns, &c->end);
}

/* Of a state, or of an object that an end was handed over to. */
static inline char *put_kernel(char *p, uint64_t start_ns, const struct change *c)
{
    const bool handed_over = c->kind == CHANGE_OBJECT;

    (void)start_ns;
    p = PUT(p, "{\"state\":");
    p = json_put_text(p, handed_over ? c->object.kernel_state : c->state.kernel_state, KERNEL_STATE_MAX);
    p = put_object(PUT_KEY(p, "object"), start_ns, handed_over ? &c->object.to : &c->state.object);
    return PUT(p, "}");
}

static inline char *put_owner(char *p, uint64_t start_ns, const struct task *owner)
{
    (void)start_ns;
    p = json_put_u64(PUT(p, "{\"pid\":"), owner->pid);
    p = json_put_text(PUT_KEY(p, "comm"), owner->comm, sizeof(owner->comm));
    return PUT(p, "}");
}

/* In a list every item is written with a comma before it; the first one's is then overwritten by the bracket. */
static inline char *put_bits(char *p, unsigned bits, const struct json_word *words)
{
    char *const open = p;

    if (!bits)
        return PUT(p, "[]");
    for (; bits; bits &= bits - 1) {
        *p++ = ',';
        p = json_put_known(p, &words[__builtin_ctz(bits)]);
    }
    *open = '[';
    return PUT(p, "]");
}

static inline char *put_flags(char *p, uint64_t start_ns, const uint16_t *flags)
{
    (void)start_ns;
    return put_bits(p, *flags & ((1U << FLAG_N) - 1), segment_flag_words);
}

static inline char *put_notes(char *p, uint64_t start_ns, const uint32_t *notes)
{
    (void)start_ns;
    return put_bits(p, *notes & NOTES_KNOWN, segment_note_words);
}

static inline char *put_poll_events(char *p, uint64_t start_ns, const uint16_t *events)
{
    (void)start_ns;
    return put_bits(p, *events & ((1U << POLL_EVENT_N) - 1), poll_event_words);
}

static char *put_ready(char *p, uint64_t start_ns, const struct waiting *w)
{
    *p++ = '[';
    for (unsigned i = 0; i < w->count && i < READY_MAX; i++) {
        if (i)
            *p++ = ',';
        *p++ = '{';
        if (w->ready[i].fd >= 0)
            p = PUT(json_put_i64(PUT(p, "\"fd\":"), w->ready[i].fd), ",");
        p = put_poll_events(PUT(p, "\"events\":"), start_ns, &w->ready[i].events);
        *p++ = '}';
    }
    return PUT(p, "]");
}

static char *put_datagram_error(char *p, uint64_t start_ns, const struct datagram *d)
{
    p = json_put_word(PUT(p, "{\"error\":"), icmp_error_name(d->error));
    p = put_addr(PUT_KEY(p, "by"), start_ns, &d->by);
    return PUT(p, "}");
}

static char *put_dns(char *p, uint64_t start_ns, const struct datagram *datagram)
{
    const struct dns *d = &datagram->dns;
    char word[DNS_WORD_MAX];

    p = json_put_u64(PUT(p, "{\"id\":"), d->id);
    if (d->type) {
        p = json_put_text(PUT_KEY(p, "q"), d->name, sizeof(d->name));
        p = json_put_word(PUT_KEY(p, "type"), dns_type_name(d->type, word));
    }
    if (d->response) {
        p = json_put_word(PUT_KEY(p, "rcode"), dns_rcode_name(d->rcode, word));
        p = json_put_u64(PUT_KEY(p, "count"), d->count);
    }
    for (unsigned i = 0; i < d->addresses && i < DNS_ANSWERS_MAX; i++)
        p = put_addr(i ? PUT(p, ",") : PUT(p, ",\"answers\":["), start_ns, &d->answers[i]);
    return d->addresses ? PUT(p, "]}") : PUT(p, "}");
}

static char *put_options(char *p, uint64_t start_ns, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    char *const open = p;

    (void)start_ns;
    if (s->options & SEGMENT_OPT_MSS)
        p = json_put_u64(PUT_KEY(p, "mss"), s->mss);
    if (s->options & SEGMENT_OPT_SACK_OK)
        p = PUT(p, ",\"sack_ok\":true");
    if (s->options & SEGMENT_OPT_SACK) {
        p = PUT(p, ",\"sack\":[");
        for (unsigned i = 0; i < s->sack_count && i < SEGMENT_SACK_MAX; i++) {
            p = i ? PUT(p, ",[") : PUT(p, "[");
            p = json_put_u64(p, c->segment.sack[i][0]);
            p = json_put_u64(PUT(p, ","), c->segment.sack[i][1]);
            p = PUT(p, "]");
        }
        p = PUT(p, "]");
    }
    if (s->options & SEGMENT_OPT_TS) {
        p = json_put_u64(PUT(p, ",\"ts\":["), s->ts_val);
        p = json_put_u64(PUT(p, ","), s->ts_ecr);
        p = PUT(p, "]");
    }
    if (s->options & SEGMENT_OPT_WSCALE)
        p = json_put_u64(PUT_KEY(p, "wscale"), s->wscale);
    if (s->options & SEGMENT_OPT_TFO)
        p = json_put_u64(PUT_KEY(p, "tfo"), s->tfo_len);
    if (s->options & SEGMENT_OPT_MPTCP)
        p = PUT(p, ",\"mptcp\":true");
    if (s->options & SEGMENT_OPT_MD5)
        p = PUT(p, ",\"md5\":true");
    if (s->options & SEGMENT_OPT_AO)
        p = PUT(p, ",\"ao\":true");
    *open = '{';
    return PUT(p, "}");
}

static char *put_args(char *p, uint64_t start_ns, const struct call_arg (*args)[CALL_ARGS_MAX])
{
    (void)start_ns;
    *p++ = '{';
    for (unsigned i = 0; i < CALL_ARGS_MAX && (*args)[i].name; i++) {
        const struct call_arg *arg = &(*args)[i];

        if (i)
            *p++ = ',';
        p = json_put_text(p, arg->name, CALL_NAME_MAX);
        *p++ = ':';
        p = arg->text ? json_put_text(p, arg->text, CALL_NAME_MAX) : json_put_i64(p, arg->number);
    }
    return PUT(p, "}");
}

static inline char *put_result(char *p, uint64_t start_ns, const int64_t *ret)
{
    (void)start_ns;
    return json_put_i64(p, *ret < 0 ? -1 : *ret);
}

/* include/linux/errno.h: what a call that a signal interrupted returns within the kernel. */
static const char *restart_name(unsigned code)
{
    switch (code) {
    case 512: return "ERESTARTSYS";
    case 513: return "ERESTARTNOINTR";
    case 514: return "ERESTARTNOHAND";
    case 516: return "ERESTART_RESTARTBLOCK";
    default: return NULL;
    }
}

bool trace_errno_is_restart(unsigned code)
{
    return restart_name(code);
}

const char *trace_errno_name(unsigned code, char buf[static TRACE_ERRNO_NAME_MAX])
{
    const char *name = restart_name(code) ? restart_name(code) : strerrorname_np((int)code);

    if (name)
        return name;
    snprintf(buf, TRACE_ERRNO_NAME_MAX, "%u", code);
    return buf;
}

static char *put_error(char *p, uint64_t start_ns, const int64_t *ret)
{
    char number[TRACE_ERRNO_NAME_MAX];

    (void)start_ns;
    return json_put_word(p, trace_errno_name(0U - (unsigned)*ret, number));
}

static char *put_sentence(char *p, uint64_t start_ns, const struct change *c)
{
    int len;

    (void)start_ns;
    *p++ = '"';
    len = verdict_format(c, p, VERDICT_TEXT_MAX);
    p += len < VERDICT_TEXT_MAX ? len : VERDICT_TEXT_MAX - 1;
    *p++ = '"';
    return p;
}

static char *put_state_pair(char *p, uint64_t start_ns, const enum tcp_state (*states)[END_N])
{
    (void)start_ns;
    p = json_put_known(PUT(p, "{\"client\":"), &tcp_state_words[(*states)[END_CLIENT]]);
    p = json_put_known(PUT_KEY(p, "server"), &tcp_state_words[(*states)[END_SERVER]]);
    return PUT(p, "}");
}

static char *put_pair(char *p, uint64_t start_ns, const uint64_t (*pair)[END_N])
{
    (void)start_ns;
    p = json_put_u64(PUT(p, "{\"client\":"), (*pair)[END_CLIENT]);
    p = json_put_u64(PUT_KEY(p, "server"), (*pair)[END_SERVER]);
    return PUT(p, "}");
}

static inline char *put_wire_pair(char *p, uint64_t start_ns, const struct change *c)
{
    return put_pair(p, start_ns, &c->outcome.bytes);
}

static char *put_stalled(char *p, uint64_t start_ns, const struct stalled *s)
{
    p = put_stall(PUT(p, "{\"what\":"), start_ns, &s->what);
    p = put_end(PUT_KEY(p, "end"), start_ns, &s->end);
    p = json_put_u64(PUT_KEY(p, "count"), s->count);
    p = json_put_u64(PUT_KEY(p, "ns"), s->ns);
    return PUT(p, "}");
}

/* {"SYN-SENT":80000,…}: the states in which any time was spent. */
static char *put_times_of_end(char *p, const uint64_t state_ns[TCP_STATE_N])
{
    char *const open = p;

    for (unsigned i = 0; i < TCP_STATE_N; i++) {
        if (!state_ns[i])
            continue;
        *p++ = ',';
        p = json_put_known(p, &tcp_state_words[i]);
        *p++ = ':';
        p = json_put_u64(p, state_ns[i]);
    }
    if (p == open)
        return PUT(p, "{}");
    *open = '{';
    return PUT(p, "}");
}

static char *put_state_times(char *p, uint64_t start_ns, const uint64_t (*state_ns)[END_N][TCP_STATE_N])
{
    (void)start_ns;
    p = put_times_of_end(PUT(p, "{\"client\":"), (*state_ns)[END_CLIENT]);
    p = put_times_of_end(PUT_KEY(p, "server"), (*state_ns)[END_SERVER]);
    return PUT(p, "}");
}

static char *put_conns(char *p, uint64_t start_ns, const struct change *c)
{
    char *const open = p;

    (void)start_ns;
    for (unsigned i = 0; i < c->finding.conn_count && i < FINDING_CONNS_MAX; i++) {
        *p++ = ',';
        p = json_put_u64(p, c->finding.conns[i]);
    }
    if (p == open)
        return PUT(p, "[]");
    *open = '[';
    return PUT(p, "]");
}

static char *put_figures(char *p, uint64_t start_ns, const struct change *c)
{
    char *const open = p;

    (void)start_ns;
    for (unsigned i = 0; i < FINDING_FIGURES_MAX && c->finding.evidence[i].name; i++) {
        *p++ = ',';
        p = json_put_text(p, c->finding.evidence[i].name, FINDING_FIGURE_NAME_MAX);
        *p++ = ':';
        p = json_put_u64(p, c->finding.evidence[i].value);
    }
    if (p == open)
        return PUT(p, "{}");
    *open = '{';
    return PUT(p, "}");
}

static char *put_records(char *p, uint64_t start_ns, const uint64_t (*numbers)[FINDING_RECORDS_MAX])
{
    char *const open = p;

    (void)start_ns;
    for (unsigned i = 0; i < FINDING_RECORDS_MAX && (*numbers)[i]; i++) {
        *p++ = ',';
        p = json_put_u64(p, (*numbers)[i]);
    }
    *open = '[';
    return PUT(p, "]");
}

static char *put_remedies(char *p, uint64_t start_ns, const struct change *c)
{
    char *const open = p;

    (void)start_ns;
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX && c->finding.remedy[i]; i++) {
        *p++ = ',';
        p = json_put_text(p, c->finding.remedy[i], FINDING_REMEDY_MAX);
    }
    if (p == open)
        return PUT(p, "[]");
    *open = '[';
    return PUT(p, "]");
}

static char *put_lab_values(char *p, uint64_t start_ns, const struct lab_value (*values)[LAB_VALUES_MAX])
{
    char *const open = p;

    (void)start_ns;
    for (unsigned i = 0; i < LAB_VALUES_MAX && (*values)[i].name; i++) {
        *p++ = ',';
        p = json_put_text(p, (*values)[i].name, CALL_NAME_MAX);
        *p++ = ':';
        p = json_put_text(p, (*values)[i].value, LAB_VALUE_MAX);
    }
    *open = '{';
    return PUT(p, "}");
}

/* The outermost first. */
static char *put_tunnel(char *p, const struct tunnel *t)
{
    if (t->outer)
        p = PUT(put_tunnel(p, t->outer), ",");
    p = put_tunnel_type(PUT(p, "{\"type\":"), 0, &t->hop.type);
    if (t->hop.has_id)
        p = json_put_u64(PUT_KEY(p, "id"), t->hop.id);
    if (t->hop.has_addrs) {
        p = put_addr(PUT_KEY(p, "from"), 0, &t->hop.from);
        p = put_addr(PUT_KEY(p, "to"), 0, &t->hop.to);
    }
    return PUT(p, "}");
}

static char *put_tunnels(char *p, uint64_t start_ns, const struct tunnel *const *tunnel)
{
    (void)start_ns;
    return PUT(put_tunnel(PUT(p, "["), *tunnel), "]");
}

/* ---- a record of each kind ---- */

#define PUT_FIELD(type, key, value) p = put_##type(PUT_KEY(p, #key), start_ns, &(value));

#define NEEDED(type, key, members, value, meaning) PUT_FIELD(type, key, value)
#define WHERE(condition, type, key, members, value, meaning)                                                           \
    if (condition)                                                                                                     \
    PUT_FIELD(type, key, value)

static char *put_state_words(char *p, uint64_t start_ns, const struct change *c)
{
#include "tcplens/trace/kinds/state_words.def"
    return p;
}

#undef NEEDED
#undef WHERE

/* Enough for put_state_words(): keys and words, and a label of which every byte is escaped. */
#define STATE_WORDS_MAX (128 + 6 * RFC_MAX)

/* The words of a step are put together once: there are few different ones, and millions of each. A label is a constant,
 * known by its address. */
static char *put_state_words_again(char *p, uint64_t start_ns, const struct change *c)
{
    static _Thread_local struct {
        const char *rfc;
        enum how how;
        enum witness source;
        size_t len;
        char text[STATE_WORDS_MAX];
    } known[END_N][TCP_STATE_N][TCP_STATE_N], *w;

    if ((unsigned)c->end >= END_N || (unsigned)c->state.from >= TCP_STATE_N || (unsigned)c->state.to >= TCP_STATE_N)
        return put_state_words(p, start_ns, c);
    w = &known[c->end][c->state.from][c->state.to];
    if (!w->len || w->rfc != c->state.rfc || w->how != c->state.how || w->source != c->state.source) {
        w->rfc = c->state.rfc;
        w->how = c->state.how;
        w->source = c->state.source;
        w->len = (size_t)(put_state_words(w->text, start_ns, c) - w->text);
    }
    return json_put(p, w->text, w->len);
}

/* What every record begins with, but for its kind. */
static inline char *put_head(char *p, uint64_t start_ns, const struct change *c)
{
    PUT_FIELD(number, n, c->n)
    PUT_FIELD(time, t, c->ts_ns)
    if (c->late)
        p = PUT(p, ",\"late\":true");
    if (!trace_time_fits(c->ts_ns, start_ns)) {
        char date[DATE_TEXT_MAX];

        p = json_put_word(PUT_KEY(p, "at"), date_format(c->ts_ns, date));
    }
    return p;
}

#define KIND(id, word, member, says)                                                                                   \
    static char *put_kind_##member(char *p, uint64_t start_ns, const struct change *c)                                 \
    {                                                                                                                  \
        p = put_head(PUT(p, "{\"record\":\"" #word "\""), start_ns, c);
#define NEEDED(type, key, members, value, meaning) PUT_FIELD(type, key, value)
#define ALWAYS(type, key, members, value, meaning) PUT_FIELD(type, key, value)
#define WHERE(condition, type, key, members, value, meaning)                                                           \
    if (condition)                                                                                                     \
    PUT_FIELD(type, key, value)
#define TOGETHER(words) p = put_##words##_again(p, start_ns, c);
#define KIND_END(member)                                                                                               \
    return p;                                                                                                          \
    }
#include "tcplens/trace/kinds.def"
#undef TOGETHER

size_t trace_encode(const struct change *c, uint64_t start_ns, char buf[static TRACE_LINE_MAX])
{
    char *p = buf;

    switch (c->kind) {
#define KIND(id, word, member, says)                                                                                   \
    case CHANGE_##id:                                                                                                  \
        p = put_kind_##member(p, start_ns, c);                                                                         \
        break;
#include "tcplens/trace/kinds.def"
    case CHANGE_KIND_N: break;
    }
    if (c->because && c->kind != CHANGE_STATE)
        PUT_FIELD(number, because, c->because)
    p = PUT(p, "}\n");
    return (size_t)(p - buf);
}
