#include "tell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/trace/encode.h"

struct line {
    char *text;
    size_t len, room;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line->len += (size_t)vsnprintf(line->text + line->len, line->room - line->len, format, args);
    va_end(args);
    assert_true(line->len < line->room);
}

static const char *word(const cJSON *record, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, name));

    return value ? value : "";
}

static double number(const cJSON *record, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, name);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static bool has(const cJSON *record, const char *name)
{
    return cJSON_HasObjectItem(record, name);
}

static void put_words(struct line *line, const cJSON *words, char between)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, words)
        put(line, "%.*s%s", item != words->child, &between, item->valuestring);
}

static void put_number(struct line *line, const char *before, const cJSON *record, const char *name)
{
    if (has(record, name))
        put(line, "%s%.0f", before, number(record, name));
}

static void put_word(struct line *line, const cJSON *record, const char *name)
{
    if (has(record, name))
        put(line, " %s", word(record, name));
}

/* usual: an address that goes without saying. */
static void put_endpoint(struct line *line, const cJSON *endpoint, const char *usual)
{
    const char *addr = word(endpoint, "addr");

    if (strcmp(addr, usual) != 0)
        put(line, strchr(addr, ':') ? "[%s]:" : "%s:", addr);
    put(line, "%.0f", number(endpoint, "port"));
}

/* A value as JSON, with a blank behind each colon and comma. */
static void put_json(struct line *line, const cJSON *value)
{
    const cJSON *item;

    if (cJSON_IsString(value)) {
        put(line, "\"%s\"", value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        put(line, "%.0f", value->valuedouble);
    } else {
        put(line, "{");
        cJSON_ArrayForEach (item, value) {
            put(line, "%s\"%s\": ", item == value->child ? "" : ", ", item->string);
            put_json(line, item);
        }
        put(line, "}");
    }
}

static void tell_connection(struct line *line, const cJSON *r)
{
    const cJSON *tunnel;

    put(line, "connection %.0f ", number(r, "conn"));
    put_endpoint(line, cJSON_GetObjectItem(r, "client"), "192.0.2.1");
    put(line, " > ");
    put_endpoint(line, cJSON_GetObjectItem(r, "server"), "192.0.2.2");
    put_word(line, r, "since");
    put_word(line, r, "roles");
    cJSON_ArrayForEach (tunnel, cJSON_GetObjectItem(r, "tunnel")) {
        put(line, " in %s", word(tunnel, "type"));
        put_number(line, " ", tunnel, "id");
    }
}

static void tell_icmp(struct line *line, const cJSON *r)
{
    put(line, "  %.0f %s icmp %s by %s", number(r, "conn"), word(r, "end"), word(r, "error"), word(r, "by"));
    put_number(line, " mtu ", r, "mtu");
}

static void tell_segment(struct line *line, const cJSON *r)
{
    put(line, "  %.0f %s ", number(r, "conn"), word(r, "from"));
    put_words(line, cJSON_GetObjectItem(r, "flags"), ',');
    put_number(line, " seq ", r, "seq");
    put_number(line, " ack ", r, "ack");
    put_number(line, " len ", r, "len");
    put_number(line, " win ", r, "win");
    put(line, " [");
    put_words(line, cJSON_GetObjectItem(r, "notes"), ' ');
    put(line, "]");
    put_number(line, " dup_ack=", r, "dup_ack");
    put_number(line, " rtt_ns=", r, "rtt_ns");
}

/* The wire goes without saying. */
static void tell_state(struct line *line, const cJSON *r)
{
    put(line, "    %.0f %s %s > %s %s", number(r, "conn"), word(r, "end"), word(r, "from"), word(r, "to"),
        word(r, "how"));
    if (strcmp(word(r, "source"), "wire") != 0)
        put(line, " %s %s", word(r, "source"), word(cJSON_GetObjectItem(r, "kernel"), "object"));
}

static void tell_outcome(struct line *line, const cJSON *r)
{
    static const char *const members[] = { "conn_state", "history", "verdict",  "cause",  "cause_end", "stalled",
                                           "final",      "bytes",   "segments", "rtt_ns", "closed_by", "reset_by" };
    const char *between = "{";

    put(line, "outcome %.0f ", number(r, "conn"));
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(r, members[i]);

        if (!value)
            continue;
        put(line, "%s\"%s\": ", between, members[i]);
        put_json(line, value);
        between = ", ";
    }
    put(line, "}");
}

static void tell_object(struct line *line, const cJSON *r)
{
    put(line, "    %.0f %s %s > %s in %s %s", number(r, "conn"), word(r, "end"), word(r, "from"), word(r, "to"),
        word(r, "state"), word(cJSON_GetObjectItem(r, "kernel"), "state"));
}

static void tell_call(struct line *line, const cJSON *r)
{
    put(line, "  %.0f %s %s", number(r, "conn"), word(r, "end"), word(r, "name"));
    put_number(line, " fd ", r, "fd");
    put_number(line, " ret ", r, "ret");
    put_number(line, " pid ", r, "pid");
}

static void tell_listener(struct line *line, const cJSON *r)
{
    put(line, "listener %.0f ", number(r, "listener"));
    put_endpoint(line, r, "192.0.2.2");
    put_number(line, " backlog ", r, "backlog");
    put_number(line, " pid ", cJSON_GetObjectItem(r, "owner"), "pid");
    put_word(line, r, "since");
    put(line, "%s", has(r, "closed") ? " closed" : "");
}

static void tell_queue(struct line *line, const cJSON *r)
{
    put(line, "    queue %.0f %s", number(r, "listener"), word(r, "why"));
    put_number(line, " conn ", r, "conn");
    put_number(line, " syn ", r, "syn");
    put_number(line, " accept ", r, "accept");
    put_number(line, " limit ", r, "limit");
    put_number(line, " drops ", r, "drops");
}

static void tell_timer(struct line *line, const cJSON *r)
{
    put(line, "  %.0f %s timer %s %s", number(r, "conn"), word(r, "end"), word(r, "name"),
        has(r, "fired")       ? "fired"
        : has(r, "cancelled") ? "cancelled"
                              : "set");
}

static void tell_reset(struct line *line, const cJSON *r)
{
    put(line, "  %.0f %s reset %s", number(r, "conn"), word(r, "end"), word(r, "direction"));
    put_word(line, r, "reason");
}

static void tell_disagreement(struct line *line, const cJSON *r)
{
    put(line, "disagreement %.0f %s kernel %s wire %s", number(r, "conn"), word(r, "end"), word(r, "kernel"),
        word(r, "wire"));
    put_word(line, r, "known");
}

static void tell_gap(struct line *line, const cJSON *r)
{
    put(line, "gap %s", word(r, "source"));
    put_word(line, r, "hook");
    put_number(line, " ", r, "lost");
}

static void tell_finding(struct line *line, const cJSON *r)
{
    const cJSON *conn;

    put(line, "finding %s %s", word(r, "kind"), word(r, "severity"));
    put_number(line, " listener ", r, "listener");
    put_number(line, " count ", r, "count");
    cJSON_ArrayForEach (conn, cJSON_GetObjectItem(r, "conns"))
        put(line, " #%.0f", conn->valuedouble);
}

/* "<- n": the number of the record that is the cause. */
static void tell_cause(struct line *line, const struct telling *telling, const cJSON *r)
{
    double because = number(r, "because");
    bool plain = strcmp(word(r, "source"), "wire") == 0 && because == (double)telling->segment;

    if (because > 0 && !plain)
        put(line, " <- %.0f", because);
}

static const struct {
    const char *kind;
    void (*tell)(struct line *line, const cJSON *record);
} tellers[] = {
    { "connection", tell_connection }, { "segment", tell_segment }, { "state", tell_state },
    { "outcome", tell_outcome },       { "object", tell_object },   { "call", tell_call },
    { "listener", tell_listener },     { "queue", tell_queue },     { "timer", tell_timer },
    { "reset", tell_reset },           { "gap", tell_gap },         { "disagreement", tell_disagreement },
    { "finding", tell_finding },       { "icmp", tell_icmp },
};

size_t tell_record(struct telling *telling, const char *record, char *text, size_t len, size_t room)
{
    struct line line = { .text = text, .len = len, .room = room };
    cJSON *r = cJSON_Parse(record);
    const char *kind = word(r, "record");

    assert_non_null(r);
    if (strcmp(kind, "segment") == 0)
        telling->segment = (uint64_t)number(r, "n");
    for (size_t i = 0; i < sizeof(tellers) / sizeof(*tellers); i++) {
        if (strcmp(kind, tellers[i].kind) != 0)
            continue;
        tellers[i].tell(&line, r);
        tell_cause(&line, telling, r);
        put(&line, "\n");
    }
    cJSON_Delete(r);
    return line.len;
}

size_t tell_change(struct telling *telling, const struct change *change, char *text, size_t len, size_t room)
{
    char record[TRACE_LINE_MAX + 1];

    record[trace_encode(change, 0, record)] = '\0';
    return tell_record(telling, record, text, len, room);
}
