#include "tcplens/lab/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

struct records {
    cJSON **items;
    size_t count, room;
    bool live, ended, interrupted, lost, full, damaged;
};

int records_new(struct records **ret_records)
{
    *ret_records = calloc(1, sizeof(**ret_records));
    return *ret_records ? 0 : -ENOMEM;
}

struct records *records_free(struct records *r)
{
    if (!r)
        return NULL;
    for (size_t i = 0; i < r->count; i++)
        cJSON_Delete(r->items[i]);
    free(r->items);
    free(r);
    return NULL;
}

const char *record_kind(const cJSON *record)
{
    const char *kind = record_text(record, "record");

    return kind ? kind : "";
}

const char *record_text(const cJSON *record, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(record, key);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

double record_number(const cJSON *record, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(record, key);

    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static int make_room(struct records *r)
{
    const size_t room = r->room ? r->room * 2 : 1024;
    cJSON **larger;

    if (r->count < r->room)
        return 0;
    larger = reallocarray(r->items, room, sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    r->items = larger;
    r->room = room;
    return 0;
}

static bool tells_of_loss(const cJSON *end)
{
    const cJSON *lost;

    cJSON_ArrayForEach (lost, cJSON_GetObjectItemCaseSensitive(end, "lost"))
        if (cJSON_IsNumber(lost) && lost->valuedouble > 0)
            return true;
    return false;
}

int records_add(struct records *r, const char *line, size_t len)
{
    cJSON *record;

    if (r->count >= LIMIT_LAB_RECORDS) {
        r->full = true;
        return -E2BIG;
    }
    if (make_room(r) < 0)
        return -ENOMEM;
    record = cJSON_ParseWithLength(line, len);
    if (!cJSON_IsObject(record)) {
        cJSON_Delete(record);
        return -EINVAL;
    }
    r->items[r->count++] = record;
    if (strcmp(record_kind(record), "end") == 0) {
        const char *reason = record_text(record, "reason");

        r->ended = true;
        r->interrupted |= reason && (strcmp(reason, "interrupt") == 0 || strcmp(reason, "error") == 0);
    }
    r->lost |= strcmp(record_kind(record), "gap") == 0 || (r->ended && tells_of_loss(record));
    return 0;
}

size_t records_count(const struct records *r)
{
    return r->count;
}

const cJSON *records_at(const struct records *r, size_t index)
{
    return r->items[index];
}

const cJSON *records_header(const struct records *r)
{
    return r->count && strcmp(record_kind(r->items[0]), "header") == 0 ? r->items[0] : NULL;
}

void records_damage(struct records *r)
{
    r->damaged = true;
}

void records_interrupt(struct records *r)
{
    r->interrupted = true;
}

void records_live(struct records *r, bool live)
{
    r->live = live;
}

const char *records_doubt(const struct records *r)
{
    if (r->lost)
        return "events were lost";
    if (r->damaged)
        return "a line of the trace is damaged";
    if (r->full)
        return "the trace has more records than are looked at";
    if (r->interrupted)
        return "the lab was interrupted";
    return r->ended || r->live ? NULL : "the trace is cut, its end is missing";
}

bool records_have(const struct records *r, const char *witness)
{
    const cJSON *source;

    cJSON_ArrayForEach (source, cJSON_GetObjectItemCaseSensitive(records_header(r), "sources"))
        if (cJSON_IsString(source) && strcmp(source->valuestring, witness) == 0)
            return true;
    return false;
}
