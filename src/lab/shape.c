#include "shape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tcplens/base/options.h"
#include "tcplens/base/printable.h"

#define FIELDS_MAX 64

size_t shape_down(struct shape_walk *walk, const char *key)
{
    const size_t before = strlen(walk->path);

    snprintf(walk->path + before, sizeof(walk->path) - before, "/%s", key);
    return before;
}

size_t shape_down_item(struct shape_walk *walk, int index)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", index);
    return shape_down(walk, number);
}

void shape_up(struct shape_walk *walk, size_t before)
{
    walk->path[before] = '\0';
}

void shape_fault(struct shape_walk *walk, const char *format, ...)
{
    va_list args;

    if (walk->wrong)
        return;
    walk->wrong = true;
    memcpy(walk->fault_path, walk->path, sizeof(walk->fault_path));
    va_start(args, format);
    vsnprintf(walk->fault, sizeof(walk->fault), format, args);
    va_end(args);
}

bool shape_is_slug(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    return *text && strchr(letters, *text) && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-._")] == '\0';
}

static const struct field *find(const struct field *fields, const char *key)
{
    for (; fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return fields;
    return NULL;
}

static void fault_of_key(struct shape_walk *walk, const struct field *fields, const char *key)
{
    const char *keys[FIELDS_MAX];
    char hint[96];
    size_t n = 0;

    for (; fields->key && n < FIELDS_MAX; fields++)
        keys[n++] = fields->key;
    shape_fault(walk, "unknown key \"%.60s\"%s", key, options_hint(key, keys, n, hint));
}

static void fault_of_word(struct shape_walk *walk, const struct field *f, const cJSON *value)
{
    char list[SHAPE_FAULT_MAX] = "", hint[96] = "";
    size_t n = 0, len = 0;

    for (; f->words[n]; n++)
        if (len < sizeof(list))
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", n ? ", " : "", f->words[n]);
    if (cJSON_IsString(value))
        options_hint(value->valuestring, f->words, n, hint);
    shape_fault(walk, "should be one of %.200s%s", list, hint);
}

bool shape_is_integer(const cJSON *v)
{
    return cJSON_IsNumber(v) && v->valuedouble >= -0x1p53 && v->valuedouble <= 0x1p53 &&
           v->valuedouble == (double)(long long)v->valuedouble;
}

static bool is_word(const struct field *f, const cJSON *v)
{
    for (const char *const *word = f->words; cJSON_IsString(v) && *word; word++)
        if (strcmp(*word, v->valuestring) == 0)
            return true;
    return false;
}

static void check_objects(struct shape_walk *walk, const cJSON *list, const struct field *fields)
{
    const cJSON *item;
    int i = 0;

    cJSON_ArrayForEach (item, list) {
        const size_t before = cJSON_IsArray(list) ? shape_down_item(walk, i++) : shape_down(walk, item->string);

        if (!cJSON_IsArray(list) && !shape_is_slug(item->string))
            shape_fault(walk, "\"%.60s\" is no name: small letters, digits, - . _", item->string);
        shape_check(walk, item, fields);
        shape_up(walk, before);
    }
}

static void check_items(struct shape_walk *walk, const cJSON *list, bool slugs, bool keys)
{
    const cJSON *item;
    int i = 0;

    cJSON_ArrayForEach (item, list) {
        const size_t before = keys ? shape_down(walk, item->string) : shape_down_item(walk, i++);

        if (slugs ? !cJSON_IsString(item) || !shape_is_slug(item->valuestring)
                  : !cJSON_IsString(item) && !shape_is_integer(item))
            shape_fault(walk,
                        slugs ? "should be a name: small letters, digits, - . _" : "should be a text or an integer");
        shape_up(walk, before);
    }
}

static void check_value(struct shape_walk *walk, const struct field *f, const cJSON *v)
{
    switch (f->kind) {
    case VALUE_TEXT:
        if (!cJSON_IsString(v))
            shape_fault(walk, "should be a text");
        break;
    case VALUE_SLUG:
        if (!cJSON_IsString(v) || !shape_is_slug(v->valuestring))
            shape_fault(walk, "should be a name: small letters, digits, - . _");
        break;
    case VALUE_NUMBER:
        if (!shape_is_integer(v) || v->valuedouble < (double)f->min || v->valuedouble > (double)f->max)
            shape_fault(walk, "should be an integer, %ld to %ld", f->min, f->max);
        break;
    case VALUE_YES:
        if (!cJSON_IsBool(v))
            shape_fault(walk, "should be true or false");
        break;
    case VALUE_WORD:
        if (!is_word(f, v))
            fault_of_word(walk, f, v);
        break;
    case VALUE_SCALAR:
        if (!cJSON_IsString(v) && !shape_is_integer(v))
            shape_fault(walk, "should be a text or an integer");
        break;
    case VALUE_EMPTY:
        if (!cJSON_IsObject(v) || v->child)
            shape_fault(walk, "should be {}");
        break;
    case VALUE_TEXTS:
    case VALUE_SLUGS:
        if (!cJSON_IsArray(v))
            shape_fault(walk, "should be a list");
        check_items(walk, v, f->kind == VALUE_SLUGS, false);
        break;
    case VALUE_SCALARS:
        if (!cJSON_IsObject(v))
            shape_fault(walk, "should be an object");
        else
            check_items(walk, v, false, true);
        break;
    case VALUE_OBJECT: shape_check(walk, v, f->of); break;
    case VALUE_OBJECTS:
    case VALUE_MAP:
        if (f->kind == VALUE_MAP ? !cJSON_IsObject(v) : !cJSON_IsArray(v))
            shape_fault(walk, f->kind == VALUE_MAP ? "should be an object" : "should be a list");
        check_objects(walk, v, f->of);
        break;
    case VALUE_ANY: break;
    }
    if (f->check && !walk->wrong) /* it may count on the kind */
        f->check(walk, v);
}

/* What is missing, or there too often. */
static void check_presence(struct shape_walk *walk, const cJSON *object, const struct field *fields)
{
    char list[SHAPE_FAULT_MAX] = "";
    unsigned eithers = 0, found = 0;
    size_t len = 0;

    for (const struct field *f = fields; f->key; f++) {
        const bool there = cJSON_GetObjectItemCaseSensitive(object, f->key);

        if (f->needed && !there)
            shape_fault(walk, "\"%s\" is missing: %s", f->key, f->meaning);
        if (!f->either)
            continue;
        if (len < sizeof(list))
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", eithers ? ", " : "", f->key);
        eithers++;
        found += there;
    }
    if (eithers && found != 1)
        shape_fault(walk, "should have %s of %.260s", found ? "only one" : "one", list);
}

static void check_text(struct shape_walk *walk, const char *text)
{
    const char *fault = text ? printable_fault(text) : NULL;

    if (fault)
        shape_fault(walk, "the byte 0x%02x begins what a terminal obeys, or is none of a text", (unsigned char)*fault);
}

void shape_check_texts(struct shape_walk *walk, const cJSON *tree)
{
    const cJSON *item;
    int i = 0;

    check_text(walk, tree->string);
    if (cJSON_IsString(tree))
        check_text(walk, tree->valuestring);
    cJSON_ArrayForEach (item, tree) {
        const size_t before = item->string ? shape_down(walk, item->string) : shape_down_item(walk, i++);

        shape_check_texts(walk, item);
        shape_up(walk, before);
    }
}

bool shape_check(struct shape_walk *walk, const cJSON *object, const struct field *fields)
{
    const cJSON *member;

    if (!cJSON_IsObject(object)) {
        shape_fault(walk, "should be an object");
        return false;
    }
    cJSON_ArrayForEach (member, object) {
        const size_t before = shape_down(walk, member->string);
        const struct field *f = find(fields, member->string);

        if (cJSON_GetObjectItemCaseSensitive(object, member->string) != member)
            shape_fault(walk, "\"%.60s\" is here twice", member->string);
        else if (f)
            check_value(walk, f, member);
        else
            fault_of_key(walk, fields, member->string);
        shape_up(walk, before);
    }
    check_presence(walk, object, fields);
    return !walk->wrong;
}
