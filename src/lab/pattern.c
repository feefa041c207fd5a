#include "pattern.h"

#include <stdio.h>
#include <string.h>

#include "tcplens/base/options.h"
#include "tcplens/lab/lab.h"
#include "tcplens/tcp/fsm.h"
#include "tcplens/trace/words.h"

struct record_field {
    const char *key, *type; /* type: as types.def has it */
};

/* The fields of each kind, as the trace has them. */
#define KIND(id, word, member, says) static const struct record_field fields_of_##word[] = {
#define NEEDED(type, key, members, value, meaning) { #key, #type },
#define ALWAYS(type, key, members, value, meaning) { #key, #type },
#define WHERE(condition, type, key, members, value, meaning) { #key, #type },
/* clang-format off */
#define KIND_END(member) { "n", "" }, { "t", "" }, { "because", "" }, { 0 } };
/* clang-format on */
#include "tcplens/trace/kinds.def"
#define KIND(id, word, member, says) static const struct record_field fields_of_##word[] = {
#define NEEDED(type, key, members, value, meaning) { #key, #type },
#define ALWAYS(type, key, members, value, meaning) { #key, #type },
#define WHERE(condition, type, key, members, value, meaning) { #key, #type },
/* clang-format off */
#define KIND_END(member) { 0 } };
/* clang-format on */
#include "tcplens/trace/frames.def"

static const struct {
    const char *kind;
    const struct record_field *fields;
} kinds[] = {
#define KIND(id, word, member, says) { #word, fields_of_##word },
#include "tcplens/trace/kinds.def"
#define KIND(id, word, member, says) { #word, fields_of_##word },
#include "tcplens/trace/frames.def"
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- words of which there are no others */

#define WORD_TEXT(prefix, id, word, meaning) word,
#define WORD_LIST(list, n) static const char *const words_of_##list[] = { WORDS_##list(WORD_TEXT) NULL };
WORD_LISTS(WORD_LIST)
#undef WORD_LIST
#define STATE_TEXT(id, name) name,
static const char *const words_of_tcp_state[] = { TCP_STATES(STATE_TEXT) NULL };
#undef STATE_TEXT
#define VERB_TEXT(id, word, kind, meaning) word,
/* Besides what steps do: those of stage.c. */
static const char *const words_of_op[] = { LAB_VERBS(VERB_TEXT) "start", "exit", "time-out", NULL };
#undef VERB_TEXT

static const struct {
    const char *type;
    const char *const *words;
} closed[] = {
#define WORD_LIST(list, n) { #list, words_of_##list },
    WORD_LISTS(WORD_LIST)
#undef WORD_LIST
    /* types of another name, of the same words */
    { "tcp_state", words_of_tcp_state },
    { "state_pair", words_of_tcp_state },
    { "call_end", words_of_end },
    { "ends", words_of_end },
    { "flags", words_of_segment_flag },
    { "notes", words_of_segment_note },
    { "witnesses", words_of_witness },
    { "poll_events", words_of_poll_event },
};

static const char *const *words_of(const char *kind, const struct record_field *field)
{
    if (strcmp(kind, "lab") == 0 && strcmp(field->key, "op") == 0)
        return words_of_op;
    for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
        if (strcmp(closed[i].type, field->type) == 0)
            return closed[i].words;
    return NULL;
}

static const char *const operators[] = { "ge", "le", "not", "has", NULL };

const char pattern_schema[] =
    "{\"type\":\"object\",\"required\":[\"record\"],\"properties\":{\"record\":{\"type\":\"string\"}},"
    "\"additionalProperties\":{\"anyOf\":[{\"type\":[\"string\",\"integer\",\"boolean\"]},"
    "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"integer\"]}},"
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{"
    "\"ge\":{\"type\":[\"integer\",\"string\"]},\"le\":{\"type\":[\"integer\",\"string\"]},"
    "\"not\":{\"type\":[\"string\",\"integer\"]},\"has\":{\"type\":\"string\"}}}]}}";

static size_t count(const char *const *words)
{
    size_t n = 0;

    while (words[n])
        n++;
    return n;
}

static bool is_one(const char *word, size_t len, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == len && strncmp(*words, word, len) == 0)
            return true;
    return false;
}

/* "a|b": each of them. */
static void check_words(struct shape_walk *walk, const char *what, const char *text, const char *const *words)
{
    for (const char *at = text;; at++) {
        const size_t len = strcspn(at, "|");
        char word[64], hint[96];

        snprintf(word, sizeof(word), "%.*s", (int)len, at);
        if (!is_one(at, len, words))
            shape_fault(walk, "no %s is called \"%s\"%s", what, word, options_hint(word, words, count(words), hint));
        at += len;
        if (!*at)
            return;
    }
}

/* Texts, lists of them, and what it should not be. */
static void check_closed(struct shape_walk *walk, const char *what, const cJSON *value, const char *const *words)
{
    const cJSON *item;

    if (cJSON_IsString(value))
        check_words(walk, what, value->valuestring, words);
    if (cJSON_IsArray(value))
        cJSON_ArrayForEach (item, value)
            check_closed(walk, what, item, words);
    if (cJSON_IsObject(value))
        check_closed(walk, what, cJSON_GetObjectItemCaseSensitive(value, "not"), words);
}

static void check_operators(struct shape_walk *walk, const cJSON *value)
{
    const cJSON *operator;

    if (!value->child)
        shape_fault(walk, "should say ge, le, not or has");
    cJSON_ArrayForEach (operator, value) {
        char hint[96];

        if (!is_one(operator->string, strlen(operator->string), operators))
            shape_fault(walk, "unknown comparison \"%.40s\"%s", operator->string,
                        options_hint(operator->string, operators, count(operators), hint));
        else if (!cJSON_IsNumber(operator) && (operator->string[0] == 'g' || operator->string[0] == 'l'))
            shape_fault(walk, "\"%s\" should be a number", operator->string);
        else if (!cJSON_IsNumber(operator) && !cJSON_IsString(operator))
            shape_fault(walk, "\"%s\" should be a text or a number", operator->string);
    }
}

static void check_actor(struct shape_walk *walk, const char *name)
{
    const struct lab *lab = walk->about;
    char hint[96];

    if (lab && lab_actor_index(lab, name) < 0)
        shape_fault(walk, "no actor is called \"%.40s\"%s", name, lab_actor_hint(lab, name, hint));
}

static void check_conn(struct shape_walk *walk, const cJSON *value)
{
    char name[LAB_NAME_MAX];
    size_t len;

    if (!cJSON_IsString(value)) {
        shape_fault(walk, "should name an actor");
        return;
    }
    len = strcspn(value->valuestring, "#");
    if (len >= sizeof(name))
        len = sizeof(name) - 1;
    memcpy(name, value->valuestring, len);
    name[len] = '\0';
    check_actor(walk, name);
}

static const struct record_field *find_field(const struct record_field *fields, const char *path)
{
    const size_t len = strcspn(path, ".");

    for (; fields->key; fields++)
        if (strlen(fields->key) == len && strncmp(fields->key, path, len) == 0)
            return fields;
    return NULL;
}

#define FIELDS_MAX 64

static void fault_of_field(struct shape_walk *walk, const char *kind, const struct record_field *fields,
                           const char *key)
{
    const char *keys[FIELDS_MAX];
    char hint[96];
    size_t n = 0;

    for (; fields->key && n < FIELDS_MAX; fields++)
        keys[n++] = fields->key;
    shape_fault(walk, "a record \"%s\" has no field \"%.40s\"%s", kind, key, options_hint(key, keys, n, hint));
}

static void check_field(struct shape_walk *walk, const char *kind, const struct record_field *fields,
                        const cJSON *value)
{
    const struct record_field *field = find_field(fields, value->string);

    if (!field) {
        fault_of_field(walk, kind, fields, value->string);
        return;
    }
    if (strcmp(value->string, "conn") == 0)
        check_conn(walk, value);
    else if (cJSON_IsObject(value))
        check_operators(walk, value);
    else if (cJSON_IsNull(value))
        shape_fault(walk, "should be a text, a number, true, a list or a comparison");
    if (strcmp(value->string, "actor") == 0 && cJSON_IsString(value))
        check_actor(walk, value->valuestring);
    if (words_of(kind, field))
        check_closed(walk, value->string, value, words_of(kind, field));
}

static void check_fields(struct shape_walk *walk, const char *kind, const struct record_field *fields,
                         const cJSON *pattern)
{
    const cJSON *value;

    cJSON_ArrayForEach (value, pattern) {
        const size_t before = shape_down(walk, value->string);

        if (strcmp(value->string, "record") != 0 && strcmp(value->string, "field") != 0)
            check_field(walk, kind, fields, value);
        shape_up(walk, before);
    }
}

void pattern_check_states(struct shape_walk *walk, const cJSON *list)
{
    check_closed(walk, "state", list, words_of_tcp_state);
}

void pattern_check(struct shape_walk *walk, const cJSON *pattern)
{
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(pattern, "record");
    const char *words[KINDS + 1] = { NULL };
    char hint[96];

    if (!cJSON_IsObject(pattern) || !cJSON_IsString(record)) {
        shape_fault(walk, "should be an object with a \"record\"");
        return;
    }
    for (size_t i = 0; i < KINDS; i++) {
        words[i] = kinds[i].kind;
        if (strcmp(kinds[i].kind, record->valuestring) == 0) {
            check_fields(walk, kinds[i].kind, kinds[i].fields, pattern);
            return;
        }
    }
    shape_fault(walk, "no record is called \"%.40s\"%s", record->valuestring,
                options_hint(record->valuestring, words, KINDS, hint));
}

void pattern_check_header(struct shape_walk *walk, const cJSON *fields)
{
    if (cJSON_IsObject(fields))
        check_fields(walk, "header", fields_of_header, fields);
    else
        shape_fault(walk, "should be an object of fields");
}
