#include "shapes.h"

#include <limits.h>
#include <string.h>

#include "pattern.h"
#include "sockopt.h"
#include "tcplens/base/options.h"
#include "tcplens/lab/language.h"
#include "tcplens/lab/space.h"
#include "tcplens/lab/wire_rules.h"

const char *const lab_topology_words[] = { [SPACE_LO] = "lo", [SPACE_WIRE] = "wire", NULL };
const char *const lab_side_words[] = { [SPACE_CLIENT] = "client", [SPACE_SERVER] = "server", NULL };
/* clang-format off */
const char *const lab_match_words[] = { [WIRE_ANY] = "any",   [WIRE_SYN] = "SYN",
                                        [WIRE_SYN_ACK] = "SYN,ACK", [WIRE_ACK] = "ACK",
                                        [WIRE_DATA] = "data", [WIRE_FIN] = "FIN",
                                        [WIRE_RST] = "RST",   [WIRE_NO_SEGMENT] = "no-segment",
                                        NULL };
const char *const lab_deed_words[] = {
    [WIRE_LOSE] = "lose", [WIRE_SWAP] = "swap", [WIRE_DELAY] = "delay", [WIRE_DAMAGE] = "damage", [WIRE_CUT] = "cut", NULL
};
/* clang-format on */
static const char *const from_words[] = { "client", "server", "both", NULL };
static const char *const source_words[] = { "kernel", "diag", "wire", "kernel|diag", "kernel|wire", NULL };
static const char *const needs_words[] = { "kernel", "root", "processes", NULL };
#define NEEDS_WORDS (sizeof(needs_words) / sizeof(*needs_words) - 1)
static const char *const end_words[] = { "client", "server", NULL };

static void check_ways(struct shape_walk *walk, const cJSON *value);

static void check_patterns(struct shape_walk *walk, const cJSON *list)
{
    const cJSON *pattern;
    int i = 0;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 2)
        shape_fault(walk, "should be a list of two records or more");
    cJSON_ArrayForEach (pattern, list) {
        const size_t before = shape_down_item(walk, i++);

        pattern_check(walk, pattern);
        shape_up(walk, before);
    }
}

/* A pattern, and a field of what is like it. */
static void check_field_of(struct shape_walk *walk, const cJSON *pattern)
{
    pattern_check(walk, pattern);
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(pattern, "field")))
        shape_fault(walk, "\"field\" is missing: which field of the record counts");
}

static void check_equal(struct shape_walk *walk, const cJSON *list)
{
    const cJSON *pattern;
    int i = 0;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2)
        shape_fault(walk, "should be a list of two records, each with a \"field\"");
    cJSON_ArrayForEach (pattern, list) {
        const size_t before = shape_down_item(walk, i++);

        check_field_of(walk, pattern);
        shape_up(walk, before);
    }
}

static void check_outcome(struct shape_walk *walk, const cJSON *value)
{
    cJSON *pattern = cJSON_Duplicate(value, true);

    if (cJSON_IsObject(pattern) && cJSON_GetObjectItemCaseSensitive(pattern, "conn")) {
        cJSON_AddStringToObject(pattern, "record", "outcome");
        pattern_check(walk, pattern);
    } else {
        shape_fault(walk, "should be an object with a \"conn\" and what its outcome should be");
    }
    cJSON_Delete(pattern);
}

#define PATTERN .kind = VALUE_ANY, .check = pattern_check, .schema = pattern_schema
#define ANY_OBJECT "{\"type\":\"object\"}"

static const struct field within_fields[] = {
    { .key = "from", PATTERN, .needed = true, .meaning = "the record from which time counts" },
    { .key = "to", PATTERN, .needed = true, .meaning = "the first record like this after it" },
    { .key = "ge_ms", .kind = VALUE_NUMBER, .max = INT_MAX, .meaning = "at least so many milliseconds later" },
    { .key = "le_ms", .kind = VALUE_NUMBER, .max = INT_MAX, .meaning = "at most so many" },
    { 0 },
};

/* clang-format off */
static const struct field path_fields[] = {
    { .key = "conn", .kind = VALUE_TEXT, .needed = true, .meaning = "an actor, whose connection it is" },
    { .key = "end", .kind = VALUE_WORD, .words = end_words, .needed = true, .meaning = "whose states" },
    { .key = "source", .kind = VALUE_WORD, .words = source_words, .needed = true, .meaning = "by which witness" },
    { .key = "states", .kind = VALUE_TEXTS, .needed = true, .check = pattern_check_states, .meaning = "the states it enters, in order, and no others" },
    { 0 },
};

/* What a trace can be held against. */
#define PREDICATES(nested)                                                                                             \
    { .key = "exists", PATTERN, .either = true, .meaning = "there is a record like this" },                            \
    { .key = "none", PATTERN, .either = true, .meaning = "there is none" },                                            \
    { .key = "count", PATTERN, .either = true, .meaning = "how many there are: eq, ge or le says" },                   \
    { .key = "sum", .kind = VALUE_ANY, .check = check_field_of, .schema = pattern_schema, .either = true,              \
      .meaning = "what the numbers in a \"field\" of all records like this add up to: eq, ge or le says" },            \
    { .key = "order", .kind = VALUE_ANY, .check = check_patterns, .schema = "{\"type\":\"array\"}", .either = true,    \
      .meaning = "the first records like these come in this order" },                                                  \
    { .key = "within", .kind = VALUE_OBJECT, .of = within_fields, .either = true,                                      \
      .meaning = "how much time lies between two records" },                                                           \
    { .key = "path", .kind = VALUE_OBJECT, .of = path_fields, .either = true,                                          \
      .meaning = "the states that an end goes through" },                                                              \
    { .key = "outcome", .kind = VALUE_ANY, .check = check_outcome, .schema = ANY_OBJECT, .either = true,               \
      .meaning = "what the connections of an actor come to" },                                                         \
    { .key = "equal", .kind = VALUE_ANY, .check = check_equal, .schema = "{\"type\":\"array\"}", .either = true,       \
      .meaning = "a \"field\" of two records is the same" },                                                           \
    { .key = "header", .kind = VALUE_ANY, .check = pattern_check_header, .schema = ANY_OBJECT, .either = true,         \
      .meaning = "what the header of the trace says" },                                                                \
    { .key = "any", .kind = VALUE_OBJECTS, .of = way_fields, .name = "way", .either = true, .check = nested,           \
      .meaning = "one of these is enough" },                                                                           \
    { .key = "eq", .kind = VALUE_NUMBER, .min = 0, .max = LONG_MAX >> 11, .meaning = "with count, sum: exactly" },     \
    { .key = "ge", .kind = VALUE_NUMBER, .min = 0, .max = LONG_MAX >> 11, .meaning = "with count, sum: at least" },    \
    { .key = "le", .kind = VALUE_NUMBER, .min = 0, .max = LONG_MAX >> 11, .meaning = "with count, sum: at most" }

static const struct field way_fields[] = {
    PREDICATES(check_ways),
    { 0 },
};

static void check_ways(struct shape_walk *walk, const cJSON *value)
{
    if (!value->child)
        shape_fault(walk, "should hold one or more");
}

static void check_needs(struct shape_walk *walk, const cJSON *list)
{
    const cJSON *word;
    int i = 0;

    cJSON_ArrayForEach (word, list) {
        const size_t before = shape_down_item(walk, i++);
        char hint[96];
        size_t known = 0;

        while (cJSON_IsString(word) && known < NEEDS_WORDS && strcmp(word->valuestring, needs_words[known]))
            known++;
        if (known == NEEDS_WORDS)
            shape_fault(walk, "should be kernel, root or processes%s",
                        options_hint(word->valuestring, needs_words, NEEDS_WORDS, hint));
        shape_up(walk, before);
    }
}

static void check_bounds(struct shape_walk *walk, const cJSON *checks)
{
    const cJSON *check;
    int i = 0;

    if (cJSON_GetArraySize(checks) > LAB_CHECKS_MAX)
        shape_fault(walk, "more than %d checks", LAB_CHECKS_MAX);
    cJSON_ArrayForEach (check, checks) {
        const bool counts = cJSON_GetObjectItemCaseSensitive(check, "count") || cJSON_GetObjectItemCaseSensitive(check, "sum");
        const bool bound = cJSON_GetObjectItemCaseSensitive(check, "eq") || cJSON_GetObjectItemCaseSensitive(check, "ge") ||
                           cJSON_GetObjectItemCaseSensitive(check, "le");
        const size_t before = shape_down_item(walk, i++);

        if (counts != bound)
            shape_fault(walk, counts ? "how many? eq, ge or le says" : "eq, ge and le go with count or sum");
        shape_up(walk, before);
    }
}

static const struct field check_fields[] = {
    { .key = "id", .kind = VALUE_SLUG, .needed = true, .meaning = "its name; the guide says what it is under ## NAME" },
    { .key = "points", .kind = VALUE_NUMBER, .max = 1000, .meaning = "what it counts (default 1)" },
    PREDICATES(check_ways),
    { 0 },
};

static const struct field question_fields[] = {
    { .key = "id", .kind = VALUE_SLUG, .needed = true, .meaning = "its name; the guide asks it under ## NAME" },
    { .key = "choices", .kind = VALUE_SLUGS, .needed = true, .meaning = "names of the choices, which the guide words" },
    { .key = "answer", .kind = VALUE_SLUG, .needed = true, .meaning = "the right one" },
    { .key = "points", .kind = VALUE_NUMBER, .max = 1000, .meaning = "what the right answer counts (default 0)" },
    { .key = "why", PATTERN, .meaning = "the record that shows the answer" },
    { 0 },
};

static const struct field rule_fields[] = {
    { .key = "from", .kind = VALUE_WORD, .words = from_words, .needed = true, .meaning = "who sent the frame" },
    { .key = "match", .kind = VALUE_WORD, .words = lab_match_words, .needed = true, .meaning = "which frames" },
    { .key = "len", .kind = VALUE_NUMBER, .min = 1, .max = 65535, .meaning = "only those with so many bytes of data" },
    { .key = "nth", .kind = VALUE_NUMBER, .min = 1, .max = INT_MAX, .meaning = "only this one of them, counted from 1" },
    { .key = "first", .kind = VALUE_NUMBER, .min = 1, .max = INT_MAX, .meaning = "only so many, the first ones" },
    { .key = "do", .kind = VALUE_WORD, .words = lab_deed_words, .needed = true,
      .meaning = "lose it; swap it with the next one; delay it; damage its last byte; cut the wire with it" },
    { .key = "delay_ms", .kind = VALUE_NUMBER, .max = 60000, .meaning = "with delay: by so much more" },
    { 0 },
};

static const struct field wire_fields[] = {
    { .key = "delay_ms", .kind = VALUE_NUMBER, .max = 10000, .meaning = "how long every frame takes, one way" },
    { .key = "rules", .kind = VALUE_OBJECTS, .of = rule_fields, .meaning = "what becomes of some: the first that fits decides" },
    { 0 },
};

static const char *const shutdown_words[] = { "read", "write", "both", NULL };
static const char *const protocol_words[] = { "tcp", "udp", NULL };
static const char *const cut_words[] = { "cut", "mend", NULL };

static void check_options(struct shape_walk *walk, const cJSON *options)
{
    const cJSON *option;
    size_t n = 0;

    while (sockopt_names[n])
        n++;
    cJSON_ArrayForEach (option, options) {
        char hint[96];
        size_t i = 0;

        while (i < n && strcmp(sockopt_names[i], option->string) != 0)
            i++;
        if (i == n)
            shape_fault(walk, "no option \"%.40s\"%s", option->string, options_hint(option->string, sockopt_names, n, hint));
        else if (!cJSON_IsNumber(option))
            shape_fault(walk, "\"%.40s\" should be an integer", option->string);
    }
}

#define CHECK_OF(id) (LAB_##id == LAB_WAIT ? pattern_check : LAB_##id == LAB_SET ? check_options : NULL)
#define WORDS_OF(id) (LAB_##id == LAB_SHUTDOWN ? shutdown_words : LAB_##id == LAB_WIRE ? cut_words : LAB_##id == LAB_OPEN ? protocol_words : NULL)
#define VERB_FIELD(id, word, kind_, meaning_)                                                                          \
    { .key = (word), .kind = (kind_), .either = true, .max = 100000000, .words = WORDS_OF(id), .meaning = (meaning_),  \
      .check = CHECK_OF(id), .schema = pattern_schema },
static const struct field step_fields[] = {
    LAB_VERBS(VERB_FIELD)
    { .key = "to", .kind = VALUE_SLUG, .meaning = "with syns: the actor they are for" },
    { .key = "own", .kind = VALUE_YES, .meaning = "with syns: from its own address (default: from one that nobody has)" },
    { .key = "text", .kind = VALUE_TEXT, .meaning = "with send_to: what is sent" },
    { .key = "on", .kind = VALUE_SLUG, .meaning = "which of its sockets (default main)" },
    { .key = "as", .kind = VALUE_SLUG, .meaning = "with accept: the name of what is accepted (default main)" },
    { .key = "port", .kind = VALUE_NUMBER, .max = 65535, .meaning = "with connect, listen, send_to, syns: the port (default 7007)" },
    { .key = "from_port", .kind = VALUE_NUMBER, .max = 65535, .meaning = "with connect: its own port (default: any)" },
    { .key = "nonblocking", .kind = VALUE_YES, .meaning = "with connect: the socket blocks nobody" },
    { 0 },
};

static void check_files(struct shape_walk *walk, const cJSON *files)
{
    const cJSON *file;

    cJSON_ArrayForEach (file, files) {
        const size_t before = shape_down(walk, file->string);

        if (*file->string != '/' || !cJSON_IsString(file))
            shape_fault(walk, "should be the path of a file, from / on, and the text that is found there");
        shape_up(walk, before);
    }
}

static void check_program(struct shape_walk *walk, const cJSON *words)
{
    if (!words->child)
        shape_fault(walk, "should say what is run: a word at least");
}

static const struct field actor_fields[] = {
    { .key = "at", .kind = VALUE_WORD, .words = lab_side_words, .needed = true, .meaning = "at which end of the wire" },
    { .key = "echo", .kind = VALUE_TEXTS, .either = true, .check = check_program, .meaning = "it is tcplens-echo, with these arguments" },
    { .key = "run", .kind = VALUE_TEXTS, .either = true, .check = check_program, .meaning = "it is another program, with these arguments" },
    { .key = "steps", .kind = VALUE_OBJECTS, .of = step_fields, .either = true, .meaning = "what it does, one after the other" },
    { .key = "count", .kind = VALUE_NUMBER, .min = 1, .max = 200, .meaning = "so many of them at once: NAME.1, NAME.2 …" },
    { .key = "after", PATTERN, .meaning = "it starts when the trace has such a record (default: at the beginning)" },
    { .key = "background", .kind = VALUE_YES,
      .meaning = "of a program: the lab does not wait for its end (default: a server of tcplens-echo is so)" },
    { .key = "files", .kind = VALUE_SCALARS, .check = check_files,
      .meaning = "of a program: by their paths, texts that it finds in place of the host's files" },
    { 0 },
};

static const struct field mutation_fields[] = {
    { .key = "id", .kind = VALUE_SLUG, .needed = true, .meaning = "its name" },
    { .key = "set", .kind = VALUE_ANY, .schema = ANY_OBJECT, .needed = true,
      .meaning = "what is changed: \"actors.server.echo.2\" to a value; null takes it out" },
    { .key = "fails", .kind = VALUE_SLUGS, .needed = true, .meaning = "the checks that must fail then" },
    { 0 },
};

const struct field lab_fields[] = {
    { .key = "$schema", .kind = VALUE_TEXT, .meaning = "for an editor" },
    { .key = "lab", .kind = VALUE_SLUG, .needed = true, .meaning = "its name, that of its folder" },
    { .key = "version", .kind = VALUE_NUMBER, .needed = true, .min = 1, .max = LAB_VERSION_MAX,
      .meaning = "goes up where old traces can no longer be graded" },
    { .key = "needs", .kind = VALUE_SLUGS, .check = check_needs,
      .meaning = "kernel: only with the eBPF witness; processes: which tells of processes too; root: only with its rights" },
    { .key = "time_limit_s", .kind = VALUE_NUMBER, .min = 1, .max = 600, .meaning = "then it ends, done or not (default 20)" },
    { .key = "headers", .kind = VALUE_YES, .meaning = "segments are told with their TCP header, byte by byte" },
    { .key = "topology", .kind = VALUE_WORD, .words = lab_topology_words, .needed = true,
      .meaning = "lo: all in one network namespace; wire: client, wire, server" },
    { .key = "wire", .kind = VALUE_OBJECT, .of = wire_fields, .meaning = "what the wire does" },
    { .key = "sysctl", .kind = VALUE_SCALARS, .meaning = "settings of its network namespaces, besides those of every lab" },
    { .key = "vary", .kind = VALUE_ANY, .schema = ANY_OBJECT,
      .meaning = "what --student chooses: two integers are the least and the greatest, a list its choices, \"word\" a word" },
    { .key = "actors", .kind = VALUE_MAP, .of = actor_fields, .needed = true, .meaning = "who takes part" },
    { .key = "questions", .kind = VALUE_OBJECTS, .of = question_fields, .meaning = "what is asked before it runs" },
    { .key = "checks", .kind = VALUE_OBJECTS, .of = check_fields, .check = check_bounds, .needed = true,
      .meaning = "what the trace must show" },
    { .key = "mutations", .kind = VALUE_OBJECTS, .of = mutation_fields,
      .meaning = "changes that a check must find: they prove that it can fail" },
    { 0 },
};
/* clang-format on */
