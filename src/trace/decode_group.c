#include "decode_group.h"

#include <string.h>

#include "exact_json.h"

bool take_ends(uint64_t start_ns, const cJSON *item, bool (*ret_ends)[END_N])
{
    const cJSON *element;
    enum end end;

    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach (element, item) {
        if (!take_end(start_ns, element, &end))
            return false;
        (*ret_ends)[end] = true;
    }
    return true;
}

bool take_call_end(uint64_t start_ns, const cJSON *item, struct change *c)
{
    c->call.has_end = true;
    return take_end(start_ns, item, &c->end);
}

bool take_kernel(uint64_t start_ns, const cJSON *item, struct change *c)
{
    const bool handed_over = c->kind == CHANGE_OBJECT;
    enum object object;

    if (!take_word(start_ns, json_member(item, "state"),
                   handed_over ? &c->object.kernel_state : &c->state.kernel_state) ||
        !take_object(start_ns, json_member(item, "object"), &object))
        return false;
    if (handed_over)
        return object == c->object.to;
    c->state.object = object;
    return true;
}

bool take_owner(uint64_t start_ns, const cJSON *item, struct task *ret_owner)
{
    return take_id(start_ns, json_member(item, "pid"), &ret_owner->pid) &&
           take_comm(start_ns, json_member(item, "comm"), &ret_owner->comm);
}

static bool take_bits(const cJSON *item, const char *list, uint32_t *ret_bits)
{
    const cJSON *element;

    if (!cJSON_IsArray(item))
        return false;
    *ret_bits = 0;
    cJSON_ArrayForEach (element, item) {
        const int bit = json_value_of(element, list);

        if (bit < 0)
            return false;
        *ret_bits |= 1u << bit;
    }
    return true;
}

bool take_flags(uint64_t start_ns, const cJSON *item, uint16_t *ret_flags)
{
    uint32_t bits = 0;
    const bool taken = take_bits(item, "segment_flag", &bits);

    (void)start_ns;
    *ret_flags = (uint16_t)bits;
    return taken;
}

bool take_notes(uint64_t start_ns, const cJSON *item, uint32_t *ret_notes)
{
    (void)start_ns;
    return take_bits(item, "segment_note", ret_notes);
}

bool take_poll_events(uint64_t start_ns, const cJSON *item, uint16_t *ret_events)
{
    uint32_t bits = 0;
    const bool taken = take_bits(item, "poll_event", &bits);

    (void)start_ns;
    *ret_events = (uint16_t)bits;
    return taken;
}

bool take_ready(uint64_t start_ns, const cJSON *item, struct waiting *ret_waiting)
{
    const cJSON *one;

    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) > READY_MAX)
        return false;
    cJSON_ArrayForEach (one, item) {
        struct ready *r = &ret_waiting->ready[ret_waiting->count++];
        const cJSON *fd = json_member(one, "fd");

        r->fd = -1;
        if ((fd && !take_int32(start_ns, fd, &r->fd)) ||
            !take_poll_events(start_ns, json_member(one, "events"), &r->events))
            return false;
    }
    return true;
}

bool take_datagram_error(uint64_t start_ns, const cJSON *item, struct datagram *ret_datagram)
{
    ret_datagram->is_error = true;
    return take_icmp_error(start_ns, json_member(item, "error"), &ret_datagram->error) &&
           take_addr(start_ns, json_member(item, "by"), &ret_datagram->by);
}

static bool take_question(const cJSON *q, const cJSON *type, struct dns *ret_dns)
{
    const int value = cJSON_IsString(type) ? dns_type_value(type->valuestring) : -1;

    ret_dns->type = (uint16_t)value;
    return value > 0 && take_chars_of(q, ret_dns->name, sizeof(ret_dns->name));
}

static bool take_response(uint64_t start_ns, const cJSON *rcode, const cJSON *count, struct dns *ret_dns)
{
    const int value = cJSON_IsString(rcode) ? dns_rcode_value(rcode->valuestring) : -1;

    ret_dns->response = true;
    ret_dns->rcode = (uint8_t)value;
    return value >= 0 && take_u16(start_ns, count, &ret_dns->count);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool take_header_bytes(uint64_t start_ns, const cJSON *item, struct segment_header *ret_header)
{
    const char *text = cJSON_GetStringValue(item);
    const size_t len = text ? strlen(text) : 0;

    (void)start_ns;
    if (!len || len % 2 || len > 2 * SEGMENT_HEADER_MAX)
        return false;
    for (size_t i = 0; i < len / 2; i++) {
        const int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        ret_header->bytes[i] = (uint8_t)(high << 4 | low);
    }
    ret_header->len = (uint8_t)(len / 2);
    return true;
}

bool take_dns(uint64_t start_ns, const cJSON *item, struct datagram *ret_datagram)
{
    struct dns *dns = &ret_datagram->dns;
    const cJSON *q = json_member(item, "q"), *rcode = json_member(item, "rcode");
    const cJSON *answers = json_member(item, "answers"), *answer;

    ret_datagram->is_dns = true;
    if (!take_u16(start_ns, json_member(item, "id"), &dns->id) ||
        (q && !take_question(q, json_member(item, "type"), dns)) ||
        (rcode && !take_response(start_ns, rcode, json_member(item, "count"), dns)))
        return false;
    if (answers && (!cJSON_IsArray(answers) || cJSON_GetArraySize(answers) > DNS_ANSWERS_MAX))
        return false;
    cJSON_ArrayForEach (answer, answers)
        if (!take_addr(start_ns, answer, &dns->answers[dns->addresses++]))
            return false;
    return true;
}

/* An array of two. */
static bool take_two(uint64_t start_ns, const cJSON *item, uint64_t *ret_a, uint64_t *ret_b)
{
    return cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 && take_count(start_ns, item->child, ret_a) &&
           take_count(start_ns, item->child->next, ret_b);
}

static bool take_sack(uint64_t start_ns, const cJSON *item, struct change *c)
{
    struct segment *s = &c->segment.segment;
    const cJSON *block;

    if (!cJSON_IsArray(item))
        return false;
    s->options |= SEGMENT_OPT_SACK;
    cJSON_ArrayForEach (block, item) {
        uint64_t *edges = c->segment.sack[s->sack_count];

        if (s->sack_count == SEGMENT_SACK_MAX || !take_two(start_ns, block, &edges[0], &edges[1]))
            return false;
        s->sack_count++;
    }
    return true;
}

static bool take_timestamps(uint64_t start_ns, const cJSON *item, struct segment *s)
{
    uint64_t value, echo;

    if (!take_two(start_ns, item, &value, &echo) || value > UINT32_MAX || echo > UINT32_MAX)
        return false;
    s->options |= SEGMENT_OPT_TS;
    s->ts_val = (uint32_t)value;
    s->ts_ecr = (uint32_t)echo;
    return true;
}

bool take_options(uint64_t start_ns, const cJSON *item, struct change *c)
{
    struct segment *s = &c->segment.segment;
    const cJSON *mss = json_member(item, "mss"), *wscale = json_member(item, "wscale"), *tfo = json_member(item, "tfo");
    const cJSON *sack = json_member(item, "sack"), *ts = json_member(item, "ts");

    if (!cJSON_IsObject(item))
        return false;
    s->options |= (mss ? SEGMENT_OPT_MSS : 0) | (wscale ? SEGMENT_OPT_WSCALE : 0) | (tfo ? SEGMENT_OPT_TFO : 0) |
                  (cJSON_IsTrue(json_member(item, "sack_ok")) ? SEGMENT_OPT_SACK_OK : 0) |
                  (cJSON_IsTrue(json_member(item, "mptcp")) ? SEGMENT_OPT_MPTCP : 0) |
                  (cJSON_IsTrue(json_member(item, "md5")) ? SEGMENT_OPT_MD5 : 0) |
                  (cJSON_IsTrue(json_member(item, "ao")) ? SEGMENT_OPT_AO : 0);
    return (!mss || take_u16(start_ns, mss, &s->mss)) && (!wscale || take_u8(start_ns, wscale, &s->wscale)) &&
           (!tfo || take_u8(start_ns, tfo, &s->tfo_len)) && (!sack || take_sack(start_ns, sack, c)) &&
           (!ts || take_timestamps(start_ns, ts, s));
}

bool take_args(uint64_t start_ns, const cJSON *item, struct call_arg (*ret_args)[CALL_ARGS_MAX])
{
    unsigned count = 0;
    const cJSON *arg;

    (void)start_ns;
    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach (arg, item) {
        int64_t number = 0;

        if (count == CALL_ARGS_MAX || !json_is_plain(arg->string) ||
            (cJSON_IsString(arg) ? !json_is_plain(arg->valuestring)
                                 : !exact_signed(arg, -EXACT_JSON_MAX, EXACT_JSON_MAX, &number)))
            return false;
        (*ret_args)[count++] = (struct call_arg){ .name = arg->string,
                                                  .text = cJSON_IsString(arg) ? arg->valuestring : NULL,
                                                  .number = number };
    }
    return true;
}

/* A name of errno(3), one that only a tracer sees, or a number. */
bool take_error(uint64_t start_ns, const cJSON *item, int64_t *ret_ret)
{
    char name[TRACE_ERRNO_NAME_MAX];

    (void)start_ns;
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
bool take_sentence(uint64_t start_ns, const cJSON *item, const struct change *c)
{
    (void)start_ns, (void)c;
    return cJSON_IsString(item);
}

bool take_state_pair(uint64_t start_ns, const cJSON *item, enum tcp_state (*ret_states)[END_N])
{
    return take_tcp_state(start_ns, json_member(item, "client"), &(*ret_states)[END_CLIENT]) &&
           take_tcp_state(start_ns, json_member(item, "server"), &(*ret_states)[END_SERVER]);
}

bool take_pair(uint64_t start_ns, const cJSON *item, uint64_t (*ret_pair)[END_N])
{
    return take_count(start_ns, json_member(item, "client"), &(*ret_pair)[END_CLIENT]) &&
           take_count(start_ns, json_member(item, "server"), &(*ret_pair)[END_SERVER]);
}

bool take_wire_pair(uint64_t start_ns, const cJSON *item, struct change *c)
{
    c->outcome.has_wire = true;
    return take_pair(start_ns, item, &c->outcome.bytes);
}

bool take_stalled(uint64_t start_ns, const cJSON *item, struct stalled *ret_stalled)
{
    return take_stall(start_ns, json_member(item, "what"), &ret_stalled->what) &&
           take_end(start_ns, json_member(item, "end"), &ret_stalled->end) &&
           take_u32(start_ns, json_member(item, "count"), &ret_stalled->count) &&
           take_count(start_ns, json_member(item, "ns"), &ret_stalled->ns);
}

static bool take_times_of_end(uint64_t start_ns, const cJSON *item, uint64_t ret_ns[TCP_STATE_N])
{
    const cJSON *time;

    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach (time, item) {
        enum tcp_state state;

        if (tcp_state_parse(time->string, &state) < 0 || !take_number(start_ns, time, &ret_ns[state]))
            return false;
    }
    return true;
}

bool take_state_times(uint64_t start_ns, const cJSON *item, uint64_t (*ret_ns)[END_N][TCP_STATE_N])
{
    return take_times_of_end(start_ns, json_member(item, "client"), (*ret_ns)[END_CLIENT]) &&
           take_times_of_end(start_ns, json_member(item, "server"), (*ret_ns)[END_SERVER]);
}

bool take_conns(uint64_t start_ns, const cJSON *item, struct change *c)
{
    const cJSON *conn;

    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach (conn, item) {
        if (c->finding.conn_count == FINDING_CONNS_MAX ||
            !take_id(start_ns, conn, &c->finding.conns[c->finding.conn_count++]))
            return false;
    }
    return true;
}

bool take_figures(uint64_t start_ns, const cJSON *item, struct change *c)
{
    const cJSON *figure;
    unsigned count = 0;

    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach (figure, item) {
        if (count == FINDING_FIGURES_MAX || !json_is_plain(figure->string) ||
            !take_count(start_ns, figure, &c->finding.evidence[count].value))
            return false;
        c->finding.evidence[count++].name = figure->string;
    }
    return true;
}

bool take_records(uint64_t start_ns, const cJSON *item, uint64_t (*ret_numbers)[FINDING_RECORDS_MAX])
{
    const cJSON *record;
    unsigned count = 0;

    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach (record, item) {
        if (count == FINDING_RECORDS_MAX || !take_number(start_ns, record, &(*ret_numbers)[count++]))
            return false;
    }
    return true;
}

bool take_lab_values(uint64_t start_ns, const cJSON *item, struct lab_value (*ret_values)[LAB_VALUES_MAX])
{
    const cJSON *value;
    unsigned count = 0;

    if (!cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach (value, item) {
        if (count == LAB_VALUES_MAX || !take_text(start_ns, value, &(*ret_values)[count].value))
            return false;
        (*ret_values)[count++].name = value->string;
    }
    return true;
}

static bool take_tunnel(uint64_t start_ns, const cJSON *item, struct hop *hop)
{
    const cJSON *id = json_member(item, "id"), *from = json_member(item, "from");

    hop->has_id = id;
    hop->has_addrs = from;
    return take_tunnel_type(start_ns, json_member(item, "type"), &hop->type) &&
           (!id || take_u32(start_ns, id, &hop->id)) &&
           (!from || (take_addr(start_ns, from, &hop->from) && take_addr(start_ns, json_member(item, "to"), &hop->to)));
}

bool take_tunnels(uint64_t start_ns, const cJSON *item, const struct tunnel **ret_tunnel)
{
    static _Thread_local struct tunnel tunnels[LIMIT_NESTED_TUNNELS]; /* until the next line */
    const cJSON *element;
    unsigned count = 0;

    if (!cJSON_IsArray(item))
        return false;
    memset(tunnels, 0, sizeof(tunnels));
    cJSON_ArrayForEach (element, item) {
        if (count == LIMIT_NESTED_TUNNELS || !take_tunnel(start_ns, element, &tunnels[count].hop))
            return false;
        tunnels[count].outer = count ? &tunnels[count - 1] : NULL;
        *ret_tunnel = &tunnels[count++];
    }
    return count != 0;
}

bool take_remedies(uint64_t start_ns, const cJSON *item, struct change *c)
{
    const cJSON *remedy;
    unsigned count = 0;

    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach (remedy, item) {
        if (count == FINDING_REMEDIES_MAX || !take_text(start_ns, remedy, &c->finding.remedy[count++]))
            return false;
    }
    return true;
}
