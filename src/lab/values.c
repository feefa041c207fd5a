#include "values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/options.h"

/* Short, plain, and told apart at a glance. */
static const char *const words[] = { "hello", "apple", "river", "stone", "cloud", "tiger", "music", "bread",
                                     "green", "north", "paper", "light", "sugar", "train", "ocean", "maple" };
#define WORDS (sizeof(words) / sizeof(*words))

/* FNV-1a, 64 bits: the same student always gets the same, in each lab another. */
static uint64_t hash(const char *student, const char *lab, const char *name)
{
    const char *const parts[] = { student, "\n", lab, "\n", name };
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        for (const char *p = parts[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 0x100000001b3;
    return h ^ h >> 32;
}

static char *number_text(long long value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", value);
    return strdup(text);
}

/* "word", [least, greatest], or the list of choices. Owned by who calls; NULL: it is none of these, or no memory. */
static char *choose(const cJSON *vary, const struct lab *lab)
{
    const uint64_t seed = lab->student ? hash(lab->student, lab->name, vary->string) : 0;
    const int n = cJSON_GetArraySize(vary);
    const cJSON *first = cJSON_GetArrayItem(vary, 0), *last = cJSON_GetArrayItem(vary, n - 1);

    if (cJSON_IsString(vary) && strcmp(vary->valuestring, "word") == 0)
        return strdup(words[seed % WORDS]);
    if (!cJSON_IsArray(vary) || !n)
        return NULL;
    if (n == 2 && shape_is_integer(first) && shape_is_integer(last) && last->valuedouble >= first->valuedouble)
        return number_text((long long)first->valuedouble +
                           (long long)(seed % (uint64_t)(last->valuedouble - first->valuedouble + 1)));
    first = cJSON_GetArrayItem(vary, (int)(seed % (uint64_t)n));
    return cJSON_IsString(first)     ? strdup(first->valuestring)
           : shape_is_integer(first) ? number_text((long long)first->valuedouble)
                                     : NULL;
}

/* ---- putting in */

static size_t name_len(const char *p)
{
    return strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

static const char *value_of(const struct lab *lab, const char *name, size_t len)
{
    for (unsigned i = 0; i < LAB_VALUES_MAX && lab->values[i].name; i++)
        if (strlen(lab->values[i].name) == len && strncmp(lab->values[i].name, name, len) == 0)
            return lab->values[i].value;
    return NULL;
}

/* "$backlog", "$backlog+1", where the value is a number: replaces the text by it. */
static bool put_number(const struct lab *lab, cJSON *item)
{
    const char *text = item->valuestring, *value;
    const size_t len = *text == '$' ? name_len(text + 1) : 0;
    char *rest;
    long long number, more = 0;

    if (!len || !(value = value_of(lab, text + 1, len)))
        return false;
    number = strtoll(value, &rest, 10);
    if (*rest || rest == value)
        return false;
    text += 1 + len;
    if (*text && *text != '+' && *text != '-')
        return false;
    if (*text) {
        more = strtoll(text, &rest, 10);
        if (*rest || rest == text + 1)
            return false;
    }
    cJSON_free(item->valuestring);
    item->valuestring = NULL;
    item->type = cJSON_Number | (item->type & cJSON_StringIsConst);
    cJSON_SetNumberValue(item, (double)(number + more));
    return true;
}

/* Every "$name" within. "$$" is a dollar. */
static void put_text(const struct lab *lab, cJSON *item, struct shape_walk *walk)
{
    char buf[1024], *out = buf;
    const char *p = item->valuestring;

    if (!strchr(p, '$'))
        return;
    while (*p && out + 128 < buf + sizeof(buf)) {
        const size_t len = *p == '$' ? name_len(p + 1) : 0;
        const char *value = len ? value_of(lab, p + 1, len) : NULL;

        if (len && !value) {
            shape_fault(walk, "\"$%.*s\" is no value: \"vary\" has none of that name", (int)len, p + 1);
            return;
        }
        if (value)
            out += snprintf(out, 100, "%s", value);
        else
            *out++ = *p;
        p += value ? len + 1 : *p == '$' && p[1] == '$' ? 2 : 1;
    }
    *out = '\0';
    cJSON_SetValuestring(item, buf);
}

static void put_address(const struct lab *lab, cJSON *item, struct shape_walk *walk)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    char hint[96];
    int index;

    if (item->valuestring[0] != '@' || !shape_is_slug(item->valuestring + 1))
        return;
    index = lab_actor_index(lab, item->valuestring + 1);
    if (index < 0) {
        shape_fault(walk, "no actor is called \"%.40s\"%s", item->valuestring + 1,
                    lab_actor_hint(lab, item->valuestring + 1, hint));
        return;
    }
    address = space_address(lab->topology, (unsigned)index);
    cJSON_SetValuestring(item, inet_ntop(AF_INET, &address, text, sizeof(text)));
}

static void put_value(const struct lab *lab, cJSON *item, struct shape_walk *walk)
{
    if (!put_number(lab, item))
        put_text(lab, item, walk);
}

/* Every text of the tree is handed to put(), but for those that say what varies, and how. */
static void put_in(const struct lab *lab, cJSON *item, struct shape_walk *walk,
                   void (*put)(const struct lab *, cJSON *, struct shape_walk *))
{
    cJSON *child;
    int i = 0;

    if (cJSON_IsString(item))
        put(lab, item, walk);
    cJSON_ArrayForEach (child, item) {
        const size_t before = cJSON_IsArray(item) ? shape_down_item(walk, i++) : shape_down(walk, child->string);

        if (!child->string || (strcmp(child->string, "vary") != 0 && strcmp(child->string, "mutations") != 0))
            put_in(lab, child, walk, put);
        shape_up(walk, before);
    }
}

void values_choose(struct lab *lab, struct shape_walk *walk)
{
    const cJSON *vary = cJSON_GetObjectItemCaseSensitive(lab->tree, "vary"), *each;
    const size_t before = shape_down(walk, "vary");
    unsigned count = 0;

    if (vary && !cJSON_IsObject(vary)) {
        shape_fault(walk, "should be an object");
        vary = NULL; /* what is in a list has no name */
    }
    cJSON_ArrayForEach (each, vary) {
        const size_t here = shape_down(walk, each->string);
        char *value;

        if (count == LAB_VALUES_MAX || name_len(each->string) != strlen(each->string))
            shape_fault(walk,
                        count == LAB_VALUES_MAX ? "more than %d values"
                                                : "should be small letters, digits, _ (at most %d)",
                        LAB_VALUES_MAX);
        else if (!(value = choose(each, lab)))
            shape_fault(walk, "should be [least, greatest], a list of choices, or \"word\"");
        else
            lab->values[count++] = (struct lab_value){ each->string, value };
        shape_up(walk, here);
    }
    shape_up(walk, before);
    put_in(lab, lab->tree, walk, put_value);
}

/* Fisher and Yates, all draws of one number: hashes of names that end alike draw alike. */
static void shuffle(const struct lab *lab, cJSON *choices, const char *question)
{
    char name[LAB_NAME_MAX + 16];
    uint64_t draws;

    snprintf(name, sizeof(name), "choices %.40s", question);
    draws = hash(lab->student ? lab->student : "", lab->name, name);
    for (int left = cJSON_GetArraySize(choices); left > 0; left--) {
        cJSON *choice = cJSON_DetachItemFromArray(choices, (int)(draws % (uint64_t)left));

        draws /= (uint64_t)left;
        cJSON_AddItemToArray(choices, choice); /* behind those that are left */
    }
}

void values_order(struct lab *lab)
{
    const cJSON *question;

    cJSON_ArrayForEach (question, lab->questions)
        shuffle(lab, cJSON_GetObjectItemCaseSensitive(question, "choices"),
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(question, "id")));
}

void values_place(struct lab *lab, struct shape_walk *walk)
{
    put_in(lab, lab->tree, walk, put_address);
}

/* ---- mutations */

/* Of an item of the list; -1: that is no number. Any number of an item that is not there is the one past the end. */
static int index_of(const cJSON *list, const char *part)
{
    const size_t digits = strspn(part, "0123456789");
    const int count = cJSON_GetArraySize(list);

    if (!digits || part[digits] || digits > 6)
        return -1;
    return atoi(part) < count ? atoi(part) : count;
}

static cJSON *child_of(const cJSON *tree, const char *part)
{
    const int index = cJSON_IsArray(tree) ? index_of(tree, part) : -1;

    return cJSON_IsArray(tree) ? (index < 0 ? NULL : cJSON_GetArrayItem(tree, index))
                               : cJSON_GetObjectItemCaseSensitive(tree, part);
}

/* The parent of what a path of names and indexes with dots leads to; *ret_last: its last part. NULL: there is no such place. */
static cJSON *parent_of(cJSON *tree, const char *path, const char **ret_last)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char part[LAB_NAME_MAX];

        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        tree = child_of(tree, part);
    }
    *ret_last = path;
    return tree;
}

static bool take_out(cJSON *parent, const char *last)
{
    cJSON *gone = child_of(parent, last);

    cJSON_Delete(cJSON_DetachItemViaPointer(parent, gone));
    return gone;
}

static bool put_at(cJSON *tree, const char *path, const cJSON *value)
{
    const char *last;
    cJSON *parent = parent_of(tree, path, &last), *old, *copy;

    if (cJSON_IsNull(value))
        return take_out(parent, last);
    if (!cJSON_IsObject(parent) && !(cJSON_IsArray(parent) && index_of(parent, last) >= 0))
        return false;
    copy = cJSON_Duplicate(value, true);
    old = child_of(parent, last);
    if (cJSON_IsArray(parent))
        return old ? cJSON_ReplaceItemViaPointer(parent, old, copy) : cJSON_AddItemToArray(parent, copy);
    return old ? cJSON_ReplaceItemInObjectCaseSensitive(parent, last, copy) : cJSON_AddItemToObject(parent, last, copy);
}

static void tell_unknown(const cJSON *list, const char *mutation, struct shape_walk *walk)
{
    char names[SHAPE_FAULT_MAX / 2] = "";
    size_t len = 0;
    const cJSON *m;

    cJSON_ArrayForEach (m, list) {
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(m, "id"));

        if (id && len < sizeof(names))
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", id);
    }
    shape_fault(walk, len ? "there is no mutation \"%.60s\"; there is %s" : "there is no mutation \"%.60s\"%s",
                mutation, names);
}

void values_mutate(cJSON *tree, const char *mutation, struct shape_walk *walk)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "mutations"), *m, *value;

    cJSON_ArrayForEach (m, list) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(m, "id");

        if (!cJSON_IsString(id) || strcmp(id->valuestring, mutation) != 0)
            continue;
        cJSON_ArrayForEach (value, cJSON_GetObjectItemCaseSensitive(m, "set"))
            if (!put_at(tree, value->string, value))
                shape_fault(walk, "\"%.80s\" leads nowhere", value->string);
        return;
    }
    tell_unknown(list, mutation, walk);
}
