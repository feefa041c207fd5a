#include "pattern.h"

#include <string.h>

#include "tcplens/base/options.h"
#include "tcplens/lab/lab.h"

/* The fields of each kind, as the trace has them. */
#define KIND(id, word, member, says) static const char *const fields_of_##word[] = {
#define NEEDED(type, key, members, value, meaning) #key,
#define ALWAYS(type, key, members, value, meaning) #key,
#define WHERE(condition, type, key, members, value, meaning) #key,
/* clang-format off */
#define KIND_END(member) "n", "t", "because", NULL };
/* clang-format on */
#include "tcplens/trace/kinds.def"
#define KIND(id, word, member, says) static const char *const fields_of_##word[] = {
#define NEEDED(type, key, members, value, meaning) #key,
#define ALWAYS(type, key, members, value, meaning) #key,
#define WHERE(condition, type, key, members, value, meaning) #key,
/* clang-format off */
#define KIND_END(member) NULL };
/* clang-format on */
#include "tcplens/trace/frames.def"

static const struct {
    const char *kind;
    const char *const *fields;
} kinds[] = {
#define KIND(id, word, member, says) { #word, fields_of_##word },
#include "tcplens/trace/kinds.def"
#define KIND(id, word, member, says) { #word, fields_of_##word },
#include "tcplens/trace/frames.def"
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

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

static void check_conn(struct shape_walk *walk, const cJSON *value)
{
    const struct lab *lab = walk->about;
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
    if (lab && lab_actor_index(lab, name) < 0)
        shape_fault(walk, "no actor is called \"%s\"", name);
}

static void check_field(struct shape_walk *walk, const char *kind, const char *const *fields, const cJSON *value)
{
    const size_t len = strcspn(value->string, ".");
    char hint[96];

    if (!is_one(value->string, len, fields))
        shape_fault(walk, "a record \"%s\" has no field \"%.40s\"%s", kind, value->string,
                    options_hint(value->string, fields, count(fields), hint));
    else if (strcmp(value->string, "conn") == 0)
        check_conn(walk, value);
    else if (cJSON_IsObject(value))
        check_operators(walk, value);
    else if (cJSON_IsNull(value))
        shape_fault(walk, "should be a text, a number, true, a list or a comparison");
}

static void check_fields(struct shape_walk *walk, const char *kind, const char *const *fields, const cJSON *pattern)
{
    const cJSON *value;

    cJSON_ArrayForEach (value, pattern) {
        const size_t before = shape_down(walk, value->string);

        if (strcmp(value->string, "record") != 0 && strcmp(value->string, "field") != 0)
            check_field(walk, kind, fields, value);
        shape_up(walk, before);
    }
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
