#include "tcplens/lab/load.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shapes.h"
#include "tcplens/base/limits.h"
#include "values.h"

#define PORT_DEFAULT 7007
#define TIME_LIMIT_DEFAULT 20

/* ---- reading members that have the right shape */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static long number_of(const cJSON *object, const char *key, long otherwise)
{
    const cJSON *item = member(object, key);

    return item ? (long)item->valuedouble : otherwise;
}

static const char *text_of(const cJSON *object, const char *key, const char *otherwise)
{
    const cJSON *item = member(object, key);

    return cJSON_IsString(item) ? item->valuestring : otherwise;
}

static unsigned word_of(const cJSON *object, const char *key, const char *const *words)
{
    const char *text = text_of(object, key, words[0]);
    unsigned i = 0;

    while (words[i] && strcmp(words[i], text) != 0)
        i++;
    return words[i] ? i : 0;
}

static bool names(const cJSON *list, const char *word)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, list)
        if (cJSON_IsString(item) && strcmp(item->valuestring, word) == 0)
            return true;
    return false;
}

/* A text or an integer, as a text for the caller to free(). */
static char *scalar_text(const cJSON *item)
{
    char number[32];

    if (cJSON_IsString(item))
        return strdup(item->valuestring);
    snprintf(number, sizeof(number), "%lld", (long long)item->valuedouble);
    return strdup(number);
}

/* ---- the wire */

static void take_rule(struct wire_rule *rule, const cJSON *from)
{
    const char *sender = text_of(from, "from", "both");
    const long nth = number_of(from, "nth", 0), first = number_of(from, "first", 0);

    *rule = (struct wire_rule){
        .from = { [WIRE_CLIENT] = strcmp(sender, "server") != 0, [WIRE_SERVER] = strcmp(sender, "client") != 0 },
        .match = (enum wire_match)word_of(from, "match", lab_match_words),
        .len = (uint32_t)number_of(from, "len", 0),
        .deed = (enum wire_deed)word_of(from, "do", lab_deed_words),
        .first = nth ? (uint32_t)nth : 1,
        .last = nth     ? (uint32_t)nth
                : first ? (uint32_t)first
                        : UINT32_MAX,
        .delay_ms = (uint32_t)number_of(from, "delay_ms", 0)
    };
}

static void take_wire(struct lab *lab, struct shape_walk *walk)
{
    const cJSON *wire = member(lab->tree, "wire"), *rule;

    lab->wire.delay_ms = (uint32_t)number_of(wire, "delay_ms", 0);
    cJSON_ArrayForEach (rule, member(wire, "rules")) {
        if (lab->wire.count == WIRE_RULES_MAX) {
            shape_fault(walk, "more than %d rules", WIRE_RULES_MAX);
            return;
        }
        take_rule(&lab->wire.rules[lab->wire.count++], rule);
    }
    if (wire && lab->topology != SPACE_WIRE)
        shape_fault(walk, "a wire needs \"topology\": \"wire\"");
}

static void take_settings(struct lab *lab, struct shape_walk *walk)
{
    const cJSON *setting;

    cJSON_ArrayForEach (setting, member(lab->tree, "sysctl")) {
        if (lab->setting_count == LAB_SETTINGS_MAX) {
            shape_fault(walk, "more than %d settings", LAB_SETTINGS_MAX);
            return;
        }
        if (strncmp(setting->string, "net.", 4) != 0 || strchr(setting->string, '/')) {
            shape_fault(walk, "\"%.60s\" is no setting of a network namespace: those begin with net.", setting->string);
            return;
        }
        lab->settings[lab->setting_count++] = (struct space_setting){ setting->string, scalar_text(setting) };
    }
}

/* ---- actors */

static void take_action(struct lab_action *a, const cJSON *step, long port)
{
    const cJSON *argument = NULL;

    while (a->verb < LAB_VERB_N && !(argument = member(step, lab_verb_name(a->verb))))
        a->verb++;
    if (!argument)
        return;
    a->text = cJSON_IsString(argument) ? argument->valuestring : NULL;
    a->number = cJSON_IsNumber(argument) ? (long)argument->valuedouble : 0;
    a->options = a->pattern = argument;
    a->to = text_of(step, a->verb == LAB_SEND_TO ? "text" : "to", "");
    a->own = cJSON_IsTrue(member(step, "own"));
    a->on = text_of(step, "on", a->verb == LAB_LISTEN || a->verb == LAB_ACCEPT ? "listener" : "main");
    a->as = text_of(step, "as", "main");
    a->port = (uint16_t)number_of(step, "port", port);
    a->from_port = (uint16_t)number_of(step, "from_port", 0);
    a->nonblocking = cJSON_IsTrue(member(step, "nonblocking"));
}

static long default_port(const struct lab *lab)
{
    for (unsigned i = 0; i < LAB_VALUES_MAX && lab->values[i].name; i++)
        if (strcmp(lab->values[i].name, "port") == 0)
            return strtol(lab->values[i].value, NULL, 10);
    return PORT_DEFAULT;
}

static int take_steps(struct lab *lab, struct lab_actor *a, const cJSON *steps)
{
    const cJSON *step;

    a->actions = calloc((size_t)cJSON_GetArraySize(steps) + 1, sizeof(*a->actions));
    if (!a->actions)
        return -ENOMEM;
    cJSON_ArrayForEach (step, steps)
        take_action(&a->actions[a->action_count++], step, default_port(lab));
    a->awaited = true;
    return 0;
}

static int take_program(struct lab_actor *a, const cJSON *words, const cJSON *from)
{
    const cJSON *background = member(from, "background"), *word;
    unsigned n = 0;

    a->argv = calloc((size_t)cJSON_GetArraySize(words) + 2, sizeof(*a->argv));
    if (!a->argv)
        return -ENOMEM;
    a->own = member(from, "echo");
    if (a->own)
        a->argv[n++] = strdup("tcplens-echo");
    cJSON_ArrayForEach (word, words)
        a->argv[n++] = scalar_text(word);
    a->awaited = background ? !cJSON_IsTrue(background) : !(a->own && n > 1 && strstr(a->argv[1], "server"));
    return 0;
}

static int take_actor(struct lab *lab, struct lab_actor *a, const cJSON *from)
{
    const cJSON *program = member(from, "echo") ? member(from, "echo") : member(from, "run");

    a->at = (enum space_side)word_of(from, "at", lab_side_words);
    a->after = member(from, "after");
    a->files = member(from, "files");
    return program ? take_program(a, program, from) : take_steps(lab, a, member(from, "steps"));
}

/* Names of all, so that others can be named by them; nothing else yet. The tree may still have any shape. */
static int name_actors(struct lab *lab, struct shape_walk *walk)
{
    const cJSON *actors = member(lab->tree, "actors"), *actor;

    lab->actors = calloc(LAB_ACTORS_MAX, sizeof(*lab->actors));
    if (!lab->actors)
        return -ENOMEM;
    cJSON_ArrayForEach (actor, actors) {
        const cJSON *count = member(actor, "count");
        const unsigned n = cJSON_IsNumber(count) && count->valuedouble >= 1 && count->valuedouble <= LAB_ACTORS_MAX
                               ? (unsigned)count->valuedouble
                               : 1;

        if (!actor->string || lab->actor_count + n > LAB_ACTORS_MAX || strlen(actor->string) > LAB_NAME_MAX - 8) {
            shape_fault(walk, "more than %d actors, or too long a name", LAB_ACTORS_MAX);
            return 0;
        }
        for (unsigned i = 1; i <= n; i++) {
            struct lab_actor *a = &lab->actors[lab->actor_count++];

            snprintf(a->name, sizeof(a->name), count ? "%.40s.%u" : "%.40s", actor->string, i);
        }
    }
    return 0;
}

static int take_actors(struct lab *lab)
{
    const cJSON *actor;
    unsigned i = 0;
    int r = 0;

    cJSON_ArrayForEach (actor, member(lab->tree, "actors")) {
        const unsigned n = (unsigned)number_of(actor, "count", 1);

        for (unsigned k = 0; k < n && i < lab->actor_count && r == 0; k++)
            r = take_actor(lab, &lab->actors[i++], actor);
    }
    return r;
}

/* Whom the step is about. NULL: nobody. */
static const char *target_of(const struct lab_action *a)
{
    switch (a->verb) {
    case LAB_CONNECT:
    case LAB_SEND_TO:
    case LAB_STOP:
    case LAB_CONTINUE:
    case LAB_KILL:
    case LAB_TERMINATE: return a->text;
    case LAB_SYNS: return a->to;
    default: return NULL;
    }
}

static void check_target(const struct lab *lab, const struct lab_action *a, struct shape_walk *walk)
{
    const char *target = target_of(a);
    char hint[96];

    if (target && lab_actor_index(lab, target) < 0)
        shape_fault(walk, "no actor is called \"%.40s\"%s", target, lab_actor_hint(lab, target, hint));
    if (a->verb == LAB_SYNS && lab->topology != SPACE_WIRE)
        shape_fault(walk, "\"syns\" needs topology wire: over loopback each is answered by a RST");
}

static void check_targets(const struct lab *lab, struct shape_walk *walk)
{
    for (unsigned i = 0; i < lab->actor_count; i++) {
        const size_t before = strlen(walk->path);
        char name[LAB_NAME_MAX];

        snprintf(name, sizeof(name), "%s", lab->actors[i].name);
        name[strcspn(name, ".")] = '\0';
        shape_down(walk, "actors");
        shape_down(walk, name);
        shape_down(walk, "steps");
        for (unsigned k = 0; k < lab->actors[i].action_count; k++) {
            const size_t here = shape_down_item(walk, (int)k);

            check_target(lab, &lab->actors[i].actions[k], walk);
            shape_up(walk, here);
        }
        shape_up(walk, before);
    }
}

/* ---- what refers to what */

static void check_answers(const struct lab *lab, struct shape_walk *walk)
{
    const cJSON *q;
    int i = 0;

    cJSON_ArrayForEach (q, lab->questions) {
        const size_t list = shape_down(walk, "questions"), item = shape_down_item(walk, i++);

        if (!names(member(q, "choices"), text_of(q, "answer", "")))
            shape_fault(walk, "the answer \"%.40s\" is none of the choices", text_of(q, "answer", ""));
        shape_up(walk, item);
        shape_up(walk, list);
    }
}

static bool has_check(const struct lab *lab, const char *id)
{
    const cJSON *check;

    cJSON_ArrayForEach (check, lab->checks)
        if (strcmp(text_of(check, "id", ""), id) == 0)
            return true;
    return false;
}

static void check_mutations(const struct lab *lab, struct shape_walk *walk)
{
    const cJSON *m, *id;
    int i = 0;

    cJSON_ArrayForEach (m, lab->mutations) {
        const size_t list = shape_down(walk, "mutations"), item = shape_down_item(walk, i++);

        cJSON_ArrayForEach (id, member(m, "fails"))
            if (cJSON_IsString(id) && !has_check(lab, id->valuestring))
                shape_fault(walk, "no check is called \"%.40s\"", id->valuestring);
        shape_up(walk, item);
        shape_up(walk, list);
    }
}

/* ---- the whole */

static int take(struct lab *lab, struct shape_walk *walk)
{
    int r;

    lab->questions = member(lab->tree, "questions");
    lab->checks = member(lab->tree, "checks");
    lab->mutations = member(lab->tree, "mutations");
    lab->version = (unsigned)number_of(lab->tree, "version", 1);
    lab->time_limit_s = (unsigned)number_of(lab->tree, "time_limit_s", TIME_LIMIT_DEFAULT);
    lab->needs_kernel = names(member(lab->tree, "needs"), "kernel") || names(member(lab->tree, "needs"), "processes");
    lab->needs_root = names(member(lab->tree, "needs"), "root");
    lab->needs_processes = names(member(lab->tree, "needs"), "processes");
    lab->headers = cJSON_IsTrue(member(lab->tree, "headers"));
    take_wire(lab, walk);
    take_settings(lab, walk);
    r = take_actors(lab);
    check_targets(lab, walk);
    check_answers(lab, walk);
    check_mutations(lab, walk);
    if (!walk->wrong)
        values_order(lab);
    return r;
}

/* The first few members are needed before all others are known to be right. */
static int build(struct lab *lab, const char *mutation, struct shape_walk *walk)
{
    int r;

    if (mutation)
        values_mutate(lab->tree, mutation, walk);
    lab->name = text_of(lab->tree, "lab", "");
    lab->topology = (enum space_topology)word_of(lab->tree, "topology", lab_topology_words);
    /* of how many there are, a value may have to say */
    values_choose(lab, walk);
    r = name_actors(lab, walk);
    if (r < 0 || walk->wrong)
        return r;
    values_place(lab, walk);
    if (!walk->wrong && shape_check(walk, lab->tree, lab_fields))
        r = take(lab, walk);
    return r;
}

/* A line of the file, and the field with the dots that mutations have too. */
static void say_where(const char *text, const struct shape_walk *walk, char error[static LAB_ERROR_MAX])
{
    char path[SHAPE_PATH_MAX];

    if (!*walk->fault_path) {
        snprintf(error, LAB_ERROR_MAX, "%s", walk->fault);
        return;
    }
    snprintf(path, sizeof(path), "%s", walk->fault_path + 1);
    for (char *p = path; *p; p++)
        if (*p == '/')
            *p = '.';
    snprintf(error, LAB_ERROR_MAX, "line %u: %s: %s", shape_line(text, walk->fault_path), path, walk->fault);
}

static unsigned line_at(const char *text, const char *at)
{
    unsigned line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static int parse(struct lab *lab, const char *text, char error[static LAB_ERROR_MAX])
{
    const char *end = text;
    char rest[41];

    lab->tree = cJSON_ParseWithOpts(text, &end, true);
    end += strspn(end, " \t\r\n");
    snprintf(rest, sizeof(rest), "%s", *end ? end : "the file ends");
    rest[strcspn(rest, "\r\n")] = '\0';
    if (!lab->tree)
        snprintf(error, LAB_ERROR_MAX, "line %u: no JSON from here on: %s", line_at(text, end), rest);
    else if (!cJSON_IsObject(lab->tree))
        snprintf(error, LAB_ERROR_MAX, "line 1: a lab is a JSON object");
    return cJSON_IsObject(lab->tree) ? 0 : -EINVAL;
}

static void take_student(struct lab *lab, const char *student)
{
    lab->student = student ? strdup(student) : NULL;
}

/* What a mutation is wrong in is told before somebody runs it. *ret_wrong: its index, or -1. */
static int try_mutations(const struct lab *lab, const char *text, struct shape_walk *ret_walk, int *ret_wrong)
{
    char error[LAB_ERROR_MAX];
    const cJSON *m;
    int i = 0;

    *ret_wrong = -1;
    cJSON_ArrayForEach (m, lab->mutations) {
        struct lab *mutated = calloc(1, sizeof(*mutated));
        struct shape_walk walk = { .about = mutated };
        int r = mutated ? parse(mutated, text, error) : -ENOMEM;

        if (r == 0) {
            take_student(mutated, lab->student);
            r = build(mutated, text_of(m, "id", ""), &walk);
        }
        lab_free(mutated);
        if (r < 0)
            return r;
        if (walk.wrong) {
            *ret_walk = walk;
            *ret_wrong = i;
            return 0;
        }
        i++;
    }
    return 0;
}

static void say_mutation(const char *text, const struct shape_walk *walk, int index, char error[static LAB_ERROR_MAX])
{
    struct shape_walk there = { 0 };

    snprintf(there.fault_path, sizeof(there.fault_path), "/mutations/%d", index);
    if (*walk->fault_path)
        snprintf(there.fault, sizeof(there.fault), "with it, %.120s: %.240s", walk->fault_path + 1, walk->fault);
    else
        snprintf(there.fault, sizeof(there.fault), "%.360s", walk->fault);
    for (char *p = there.fault + strlen("with it, "); *walk->fault_path && *p && *p != ':'; p++)
        if (*p == '/')
            *p = '.';
    say_where(text, &there, error);
}

/* Of a text without comments. */
static int load(struct lab *lab, const char *text, const char *mutation, char error[static LAB_ERROR_MAX])
{
    struct shape_walk walk = { .about = lab };
    int r = parse(lab, text, error), wrong = -1;

    if (r < 0)
        return r;
    shape_check_texts(&walk, lab->tree);
    if (!walk.wrong)
        r = build(lab, mutation, &walk);
    if (r == 0 && walk.wrong)
        say_where(text, &walk, error);
    if (r == 0 && !walk.wrong && !mutation) {
        r = try_mutations(lab, text, &walk, &wrong);
        if (wrong >= 0)
            say_mutation(text, &walk, wrong, error);
    }
    if (r == -ENOMEM)
        snprintf(error, LAB_ERROR_MAX, "out of memory");
    return r == 0 && walk.wrong ? -EINVAL : r;
}

/* A key, or what is no JSON, may be anything. */
static void be_one_line(char *error)
{
    for (; *error; error++)
        if (iscntrl((unsigned char)*error))
            *error = '?';
}

int lab_load(const char *text, const char *student, const char *mutation, struct lab **ret_lab,
             char error[static LAB_ERROR_MAX])
{
    struct lab *lab = calloc(1, sizeof(*lab));
    char *plain = strdup(text);
    int r = lab && plain ? 0 : -ENOMEM;

    if (r < 0) {
        snprintf(error, LAB_ERROR_MAX, "out of memory");
    } else {
        shape_blank_comments(plain);
        take_student(lab, student);
        r = load(lab, plain, mutation, error);
        if (r < 0)
            be_one_line(error);
    }
    free(plain);
    if (r < 0)
        lab_free(lab);
    else
        *ret_lab = lab;
    return r;
}

char *lab_schema(void)
{
    cJSON *schema = shape_schema(lab_fields, "A lab of tcplens, version 1 (lab.json, with comments)");
    char *text = schema ? cJSON_Print(schema) : NULL;

    cJSON_Delete(schema);
    return text;
}
