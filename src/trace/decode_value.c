#include "decode_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exact_json.h"

int decode_wrong(struct decode_error *error, const char *record, const char *key, const char *meaning)
{
    *error = (struct decode_error){ record, key, meaning };
    return -EINVAL;
}

const cJSON *json_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool json_is_word(const cJSON *item, const char *word)
{
    return cJSON_IsString(item) && strcmp(item->valuestring, word) == 0;
}

#define TAKE_UNSIGNED(name, type, min, max)                                                                            \
    bool take_##name(uint64_t start_ns, const cJSON *item, type *ret_value)                                            \
    {                                                                                                                  \
        uint64_t value;                                                                                                \
                                                                                                                       \
        (void)start_ns;                                                                                                \
        if (!exact_unsigned(item, min, max, &value))                                                                   \
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

bool take_int32(uint64_t start_ns, const cJSON *item, int *ret_value)
{
    int64_t value;

    (void)start_ns;
    if (!exact_signed(item, INT32_MIN, INT32_MAX, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

bool take_offset(uint64_t start_ns, const cJSON *item, int64_t *ret_value)
{
    (void)start_ns;
    return exact_signed(item, -EXACT_JSON_MAX, EXACT_JSON_MAX, ret_value);
}

bool take_result(uint64_t start_ns, const cJSON *item, int64_t *ret_value)
{
    (void)start_ns;
    return exact_signed(item, -1, EXACT_JSON_MAX, ret_value);
}

bool take_one_more(uint64_t start_ns, const cJSON *item, const uint32_t *backlog)
{
    uint64_t value;

    (void)start_ns;
    return exact_unsigned(item, 1, UINT64_C(1) << 32, &value) && value == (uint64_t)*backlog + 1;
}

bool take_time(uint64_t start_ns, const cJSON *item, uint64_t *ret_ts_ns)
{
    uint64_t t;

    if (!exact_unsigned(item, 0, TRACE_TIME_MAX, &t))
        return false;
    *ret_ts_ns = start_ns + t;
    return true;
}

/* "2026-11-21T10:35:12.868538113Z" */
bool take_start(uint64_t start_ns, const cJSON *item, uint64_t *ret_ns)
{
    struct tm tm = { 0 };
    unsigned long nanoseconds;
    const char *rest;
    uint64_t seconds;
    char *end;

    (void)start_ns;
    if (!cJSON_IsString(item))
        return false;
    rest = strptime(item->valuestring, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || *rest != '.' || strspn(rest + 1, "0123456789") != 9)
        return false;
    nanoseconds = strtoul(rest + 1, &end, 10);
    seconds = (uint64_t)timegm(&tm); /* before 1970: far too many */
    if (strcmp(end, "Z") != 0 || seconds > (UINT64_MAX - nanoseconds) / UINT64_C(1000000000))
        return false;
    *ret_ns = seconds * UINT64_C(1000000000) + nanoseconds;
    return true;
}

int json_value_of(const cJSON *item, const char *list)
{
    if (!cJSON_IsString(item))
        return -1;
    for (unsigned i = 0; i < word_list_count; i++)
        if (strcmp(word_lists[i].name, list) == 0)
            return word_value(&word_lists[i], item->valuestring);
    return -1;
}

#define TAKE_WORD(list)                                                                                                \
    bool take_##list(uint64_t start_ns, const cJSON *item, enum list *ret_value)                                       \
    {                                                                                                                  \
        const int value = json_value_of(item, #list);                                                                  \
                                                                                                                       \
        (void)start_ns;                                                                                                \
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
TAKE_WORD(stall)
TAKE_WORD(known)
bool take_clock_fit(uint64_t start_ns, const cJSON *item, enum clock_fit_kind *ret_value)
{
    const int value = json_value_of(item, "clock_fit");

    (void)start_ns;
    *ret_value = value < 0 ? CLOCK_UNKNOWN : (enum clock_fit_kind)value;
    return value >= 0;
}

TAKE_WORD(end_reason)
TAKE_WORD(finding_kind)
TAKE_WORD(check_result)
TAKE_WORD(severity)
TAKE_WORD(icmp_error)
TAKE_WORD(datagram_checksum)
TAKE_WORD(process_event)
TAKE_WORD(tunnel_type)

bool take_tcp_state(uint64_t start_ns, const cJSON *item, enum tcp_state *ret_state)
{
    (void)start_ns;
    return cJSON_IsString(item) && tcp_state_parse(item->valuestring, ret_state) == 0;
}

bool take_yes(uint64_t start_ns, const cJSON *item, bool *ret_value)
{
    (void)start_ns;
    *ret_value = true;
    return cJSON_IsTrue(item);
}

bool take_before_trace(uint64_t start_ns, const cJSON *item, bool *ret_value)
{
    (void)start_ns;
    *ret_value = true;
    return json_is_word(item, "before-trace");
}

bool take_assumed(uint64_t start_ns, const cJSON *item, bool *ret_value)
{
    (void)start_ns;
    *ret_value = true;
    return json_is_word(item, "assumed");
}

bool take_fired(uint64_t start_ns, const cJSON *item, enum timer_phase *ret_phase)
{
    (void)start_ns;
    *ret_phase = TIMER_FIRED;
    return cJSON_IsTrue(item);
}

bool take_cancelled(uint64_t start_ns, const cJSON *item, enum timer_phase *ret_phase)
{
    (void)start_ns;
    *ret_phase = TIMER_CANCELLED;
    return cJSON_IsTrue(item);
}

bool take_direction(uint64_t start_ns, const cJSON *item, bool *ret_sent)
{
    (void)start_ns;
    *ret_sent = json_is_word(item, "sent");
    return *ret_sent || json_is_word(item, "received");
}

bool take_who(uint64_t start_ns, const cJSON *item, const bool *sent)
{
    (void)start_ns;
    return json_is_word(item, *sent ? "stack" : "peer");
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

bool take_text(uint64_t start_ns, const cJSON *item, const char **ret_text)
{
    (void)start_ns;
    if (!cJSON_IsString(item))
        return false;
    *ret_text = restore_bytes(item->valuestring);
    return true;
}

bool json_is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

bool take_word(uint64_t start_ns, const cJSON *item, const char **ret_word)
{
    (void)start_ns;
    if (!cJSON_IsString(item) || !json_is_plain(item->valuestring))
        return false;
    *ret_word = item->valuestring;
    return true;
}

bool take_letters_of(const cJSON *item, char *to, size_t size)
{
    return cJSON_IsString(item) && json_is_plain(item->valuestring) && take_chars_of(item, to, size);
}

bool take_chars_of(const cJSON *item, char *to, size_t size)
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

bool take_family(uint64_t start_ns, const cJSON *item, const struct addr *addr)
{
    (void)start_ns;
    return json_is_word(item, addr_is_ipv4(addr) ? "ipv4" : "ipv6");
}

bool take_addr(uint64_t start_ns, const cJSON *item, struct addr *ret_addr)
{
    (void)start_ns;
    return cJSON_IsString(item) && addr_parse(item->valuestring, ret_addr) == 0;
}

bool take_endpoint(uint64_t start_ns, const cJSON *item, struct endpoint *ret_endpoint)
{
    return take_addr(start_ns, json_member(item, "addr"), &ret_endpoint->addr) &&
           take_u16(start_ns, json_member(item, "port"), &ret_endpoint->port);
}
