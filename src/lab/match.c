#include "match.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- whose connections they are */

static int16_t actor_at(const struct lab *lab, const cJSON *endpoint)
{
    const char *text = record_text(endpoint, "addr");
    struct in_addr address;
    uint32_t index;

    if (!text || inet_pton(AF_INET, text, &address) != 1)
        return -1;
    index = ntohl(address.s_addr) - ntohl(space_address(lab->topology, 0).s_addr);
    return index < lab->actor_count ? (int16_t)index : -1;
}

static int make_room(struct match_scene *s, size_t conn)
{
    const size_t count = conn + 64;
    void *larger;

    if (conn < s->conn_count)
        return 0;
    larger = reallocarray(s->conns, count, sizeof(*s->conns));
    if (!larger)
        return -ENOMEM;
    s->conns = larger;
    memset(s->conns + s->conn_count, 0xff, (count - s->conn_count) * sizeof(*s->conns));
    s->conn_count = count;
    return 0;
}

int match_look(struct match_scene *s, const struct lab *lab, const struct records *records)
{
    s->lab = lab;
    s->records = records;
    for (; s->looked < records_count(records); s->looked++) {
        const cJSON *record = records_at(records, s->looked);
        const double conn = record_number(record, "conn", 0);

        if (strcmp(record_kind(record), "connection") != 0 || conn < 1 || conn > 10000000)
            continue;
        if (make_room(s, (size_t)conn) < 0)
            return -ENOMEM;
        s->conns[(size_t)conn].actors[0] = actor_at(lab, cJSON_GetObjectItemCaseSensitive(record, "client"));
        s->conns[(size_t)conn].actors[1] = actor_at(lab, cJSON_GetObjectItemCaseSensitive(record, "server"));
    }
    return 0;
}

void match_done(struct match_scene *s)
{
    free(s->conns);
    s->conns = NULL;
    s->conn_count = s->looked = 0;
}

/* The name of the actor, or of one of its instances. */
static bool is_name_of(const char *full, const char *name, size_t len)
{
    return strncmp(full, name, len) == 0 && (!full[len] || (full[len] == '.' && !memchr(name, '.', len)));
}

static bool is_called(const struct lab *lab, int16_t actor, const char *name, size_t len)
{
    return is_name_of(actor < 0 ? "" : lab->actors[actor].name, name, len);
}

static bool has_end_of(const struct match_scene *s, size_t conn, const char *name, size_t len)
{
    return conn < s->conn_count && (is_called(s->lab, s->conns[conn].actors[0], name, len) ||
                                    is_called(s->lab, s->conns[conn].actors[1], name, len));
}

/* "a", or "a#2": the second of its connections. */
static bool match_conn(const struct match_scene *s, const char *wanted, double number)
{
    const size_t len = strcspn(wanted, "#"), conn = (size_t)number;
    long nth = wanted[len] ? strtol(wanted + len + 1, NULL, 10) : 0;

    if (number < 1 || !has_end_of(s, conn, wanted, len))
        return false;
    for (size_t i = 1; nth && i < conn; i++)
        nth -= has_end_of(s, i, wanted, len);
    return !wanted[len] || nth == 1;
}

/* ---- values */

static bool is_one_of(const char *alternatives, const char *text)
{
    const size_t len = strlen(text);

    for (const char *at = alternatives;; at++) {
        const size_t n = strcspn(at, "|");

        if (n == len && strncmp(at, text, n) == 0)
            return true;
        at += n;
        if (!*at)
            return false;
    }
}

static bool match_text(const char *wanted, const cJSON *value)
{
    char number[32];
    const cJSON *item;

    if (cJSON_IsString(value))
        return is_one_of(wanted, value->valuestring);
    if (cJSON_IsNumber(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)value->valuedouble);
        return is_one_of(wanted, number);
    }
    if (cJSON_IsArray(value))
        cJSON_ArrayForEach (item, value)
            if (match_text(wanted, item))
                return true;
    return false;
}

static bool match_number(double wanted, const cJSON *value)
{
    char *rest;

    if (cJSON_IsNumber(value))
        return value->valuedouble == wanted;
    return cJSON_IsString(value) && strtod(value->valuestring, &rest) == wanted && !*rest && rest != value->valuestring;
}

/* The same items, in any order. */
static bool match_list(const cJSON *wanted, const cJSON *value)
{
    const cJSON *item;

    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != cJSON_GetArraySize(wanted))
        return false;
    cJSON_ArrayForEach (item, wanted)
        if (!cJSON_IsString(item) || !match_text(item->valuestring, value))
            return false;
    return true;
}

static bool match_operator(const cJSON *op, const cJSON *value)
{
    const char *word = op->string;

    if (strcmp(word, "not") == 0)
        return !value || !match_value(op, value);
    if (strcmp(word, "has") == 0)
        return cJSON_IsString(op) && (cJSON_IsString(value) ? strstr(value->valuestring, op->valuestring) != NULL
                                                            : match_text(op->valuestring, value));
    if (!cJSON_IsNumber(value))
        return false;
    return strcmp(word, "ge") == 0 ? value->valuedouble >= op->valuedouble : value->valuedouble <= op->valuedouble;
}

bool match_value(const cJSON *wanted, const cJSON *value)
{
    const cJSON *op;

    if (cJSON_IsObject(wanted)) {
        cJSON_ArrayForEach (op, wanted)
            if (!match_operator(op, value))
                return false;
        return true;
    }
    if (cJSON_IsFalse(wanted))
        return !value || cJSON_IsFalse(value);
    if (!value)
        return false;
    if (cJSON_IsArray(wanted))
        return match_list(wanted, value);
    if (cJSON_IsTrue(wanted))
        return cJSON_IsTrue(value);
    return cJSON_IsNumber(wanted) ? match_number(wanted->valuedouble, value) : match_text(wanted->valuestring, value);
}

/* Keys of sysctl have dots themselves: the longest key that fits is taken. */
const cJSON *match_field(const cJSON *record, const char *path)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(record, path);
    char key[64];
    const char *dot = strchr(path, '.');

    if (item || !dot || (size_t)(dot - path) >= sizeof(key))
        return item;
    memcpy(key, path, (size_t)(dot - path));
    key[dot - path] = '\0';
    record = cJSON_GetObjectItemCaseSensitive(record, key);
    return record ? match_field(record, dot + 1) : NULL;
}

/* ---- records */

static bool is_condition(const cJSON *wanted)
{
    return strcmp(wanted->string, "record") != 0 && strcmp(wanted->string, "field") != 0;
}

static bool match_member(const struct match_scene *s, const cJSON *wanted, const cJSON *record)
{
    const char *actor = record_text(record, "actor");

    if (strcmp(wanted->string, "conn") == 0)
        return cJSON_IsString(wanted) && match_conn(s, wanted->valuestring, record_number(record, "conn", 0));
    if (strcmp(wanted->string, "actor") == 0 && cJSON_IsString(wanted) && actor)
        return is_name_of(actor, wanted->valuestring, strlen(wanted->valuestring));
    return match_value(wanted, match_field(record, wanted->string));
}

bool match_record(const struct match_scene *s, const cJSON *pattern, const cJSON *record)
{
    const char *kind = record_text(pattern, "record");
    const cJSON *wanted;

    if (!kind || strcmp(record_kind(record), kind) != 0)
        return false;
    cJSON_ArrayForEach (wanted, pattern)
        if (is_condition(wanted) && !match_member(s, wanted, record))
            return false;
    return true;
}

size_t match_from(const struct match_scene *s, const cJSON *pattern, size_t index)
{
    for (; index < records_count(s->records); index++)
        if (match_record(s, pattern, records_at(s->records, index)))
            return index;
    return MATCH_NONE;
}

const char *match_missing(const struct match_scene *s, const cJSON *pattern)
{
    static const char *const of_kernel[] = { "call", "reset", "object", "process" };
    static const char *const of_packets[] = { "segment", "arrival" };
    const char *kind = record_text(pattern, "record"), *source = record_text(pattern, "source");
    const bool kernel = records_have(s->records, "kernel"), diag = records_have(s->records, "diag");

    for (size_t i = 0; kind && i < sizeof(of_kernel) / sizeof(*of_kernel); i++)
        if (!kernel && strcmp(kind, of_kernel[i]) == 0)
            return "the kernel witness (root)";
    for (size_t i = 0; kind && i < sizeof(of_packets) / sizeof(*of_packets); i++)
        if (!records_have(s->records, "wire") && strcmp(kind, of_packets[i]) == 0)
            return "the wire witness";
    if (source && strcmp(source, "kernel") == 0 && !kernel)
        return "the kernel witness (root)";
    if (kind && !kernel && !diag && (strcmp(kind, "queue") == 0 || strcmp(kind, "listener") == 0))
        return "a witness of the kernel";
    return NULL;
}

/* ---- in words */

char *match_print(const cJSON *value, char buf[static MATCH_TEXT_MAX])
{
    char *text;

    if (cJSON_IsString(value)) {
        snprintf(buf, MATCH_TEXT_MAX, "%s", value->valuestring);
        return buf;
    }
    text = value ? cJSON_PrintUnformatted(value) : NULL;
    snprintf(buf, MATCH_TEXT_MAX, "%s", text ? text : "nothing");
    cJSON_free(text);
    return buf;
}

char *match_describe(const cJSON *pattern, char buf[static MATCH_TEXT_MAX])
{
    const char *kind = record_text(pattern, "record");
    size_t len = (size_t)snprintf(buf, MATCH_TEXT_MAX, "%s", kind ? kind : "outcome");
    const cJSON *wanted;

    cJSON_ArrayForEach (wanted, pattern) {
        char value[MATCH_TEXT_MAX];

        if (is_condition(wanted) && len < MATCH_TEXT_MAX)
            len +=
                (size_t)snprintf(buf + len, MATCH_TEXT_MAX - len, " %s=%s", wanted->string, match_print(wanted, value));
    }
    return buf;
}

/* How many conditions a record of the kind meets; 0: it is of another kind. */
static unsigned likeness(const struct match_scene *s, const cJSON *pattern, const cJSON *record)
{
    const char *kind = record_text(pattern, "record");
    unsigned n = 1;
    const cJSON *wanted;

    if (!kind || strcmp(record_kind(record), kind) != 0)
        return 0;
    cJSON_ArrayForEach (wanted, pattern)
        n += is_condition(wanted) && match_member(s, wanted, record);
    return n;
}

char *match_nearest(const struct match_scene *s, const cJSON *pattern, char buf[static MATCH_TEXT_MAX],
                    size_t *ret_index)
{
    unsigned best = 0;
    const cJSON *wanted, *record;
    size_t len;

    *ret_index = MATCH_NONE;
    for (size_t i = 0; i < records_count(s->records); i++) {
        const unsigned n = likeness(s, pattern, records_at(s->records, i));

        if (n <= best)
            continue;
        best = n;
        *ret_index = i;
    }
    if (*ret_index == MATCH_NONE) {
        snprintf(buf, MATCH_TEXT_MAX, "no record %s at all", record_text(pattern, "record"));
        return buf;
    }
    record = records_at(s->records, *ret_index);
    len = (size_t)snprintf(buf, MATCH_TEXT_MAX, "none; nearest is #%.0f:", record_number(record, "n", 0));
    cJSON_ArrayForEach (wanted, pattern) {
        char value[MATCH_TEXT_MAX];

        if (is_condition(wanted) && !match_member(s, wanted, record) && len < MATCH_TEXT_MAX)
            len += (size_t)snprintf(buf + len, MATCH_TEXT_MAX - len, " %s=%s", wanted->string,
                                    match_print(match_field(record, wanted->string), value));
    }
    return buf;
}
