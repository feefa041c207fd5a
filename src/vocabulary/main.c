/* Prints the whole vocabulary of a trace, and the limits, as JSON: what the viewer's types, the schema and the tables of the
 * documentation are made from. A program of the build, not of the package. */
#include <stdio.h>
#include <string.h>

#include "tcplens/base/limits.h"
#include "tcplens/tcp/fsm.h"
#include "tcplens/trace/words.h"

static void put_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void put_member(const char *key, const char *value)
{
    put_string(key);
    putchar(':');
    put_string(value);
}

static const char *separator = "";

/* A comma between two items of a list, and none before the first. */
static void next(void)
{
    puts(separator);
    separator = ",";
}

static void put_field(const char *presence, const char *type, const char *key, const char *meaning)
{
    next();
    putchar('{');
    put_member("key", key);
    putchar(',');
    put_member("type", type);
    putchar(',');
    put_member("presence", presence);
    putchar(',');
    put_member("meaning", meaning);
    putchar('}');
}

static void begin_kind(const char *word, const char *says)
{
    next();
    putchar('{');
    put_member("word", word);
    putchar(',');
    put_member("says", says);
    fputs(",\"fields\":[", stdout);
    separator = "";
}

static void put_kinds(void)
{
    const char *extra = NULL;

    fputs("\"kinds\":[", stdout);
    separator = "";
#define KIND(id, word, member, says) begin_kind(#word, says);
#define NEEDED(type, key, members, value, meaning) put_field("needed", #type, #key, meaning);
#define ALWAYS(type, key, members, value, meaning) put_field("always", #type, #key, meaning);
#define WHERE(condition, type, key, members, value, meaning) put_field("where", #type, #key, meaning);
#define EXTRA(schema) extra = schema;
#define KIND_END(member)                                                                                               \
    printf("],\"extra\":{%s}}", extra ? extra : "");                                                                   \
    extra = NULL;                                                                                                      \
    separator = ",";
#include "tcplens/trace/kinds.def"
#define KIND(id, word, member, says) begin_kind(#word, says);
#define NEEDED(type, key, members, value, meaning) put_field("needed", #type, #key, meaning);
#define ALWAYS(type, key, members, value, meaning) put_field("always", #type, #key, meaning);
#define WHERE(condition, type, key, members, value, meaning) put_field("where", #type, #key, meaning);
#define KIND_END(member)                                                                                               \
    fputs("],\"extra\":{}}", stdout);                                                                                  \
    separator = ",";
#include "tcplens/trace/frames.def"
    puts("],");
}

static void put_type(const char *name, const char *schema, const char *tag, const char *meaning)
{
    next();
    put_string(name);
    printf(":{\"schema\":%s,", schema);
    put_member("tag", tag);
    putchar(',');
    put_member("meaning", meaning);
    putchar('}');
}

static void put_types(void)
{
    fputs("\"types\":{", stdout);
    separator = "";
#define TYPE(name, schema, tag, meaning) put_type(#name, schema, tag, meaning);
#include "tcplens/trace/types.def"
    puts("},");
}

static void put_words(const struct word_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (!*list->words[i].word || word_value(list, list->words[i].word) != (int)i)
            continue; /* never written, or written for another value too */
        next();
        putchar('{');
        put_member("word", list->words[i].word);
        putchar(',');
        put_member("meaning", list->words[i].meaning);
        putchar('}');
    }
}

/* Bytes, which are no text. */
static void put_magics(const struct word_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        const unsigned char *bytes = (const unsigned char *)list->words[i].word;

        next();
        printf("{\"bytes\":[%u,%u,%u,%u],", bytes[0], bytes[1], bytes[2], bytes[3]);
        put_member("meaning", list->words[i].meaning);
        putchar('}');
    }
}

static void put_lists(void)
{
    fputs("\"words\":{", stdout);
    for (unsigned i = 0; i < word_list_count; i++) {
        puts(i ? "]," : "");
        put_string(word_lists[i].name);
        fputs(":[", stdout);
        separator = "";
        if (strcmp(word_lists[i].name, "capture_magic") == 0)
            put_magics(&word_lists[i]);
        else
            put_words(&word_lists[i]);
    }
    puts("]},");
}

static void put_fsm(void)
{
    fputs("\"states\":[", stdout);
    separator = "";
    for (unsigned i = 0; i < TCP_STATE_N; i++) {
        next();
        put_string(tcp_state_name((enum tcp_state)i));
    }
    fputs("],\n\"edges\":[", stdout);
    separator = "";
    for (unsigned from = 0; from < TCP_STATE_N; from++) {
        for (unsigned input = 0; input < TCP_INPUT_N; input++) {
            const struct tcp_edge *edge = tcp_fsm_cell((enum tcp_state)from, (enum tcp_input)input);

            if (edge->to == TCP_STATE_UNKNOWN)
                continue;
            next();
            putchar('{');
            put_member("from", tcp_state_name((enum tcp_state)from));
            putchar(',');
            put_member("input", tcp_input_name((enum tcp_input)input));
            putchar(',');
            put_member("to", tcp_state_name(edge->to));
            if (edge->label) {
                putchar(',');
                put_member("label", edge->label);
            }
            putchar('}');
        }
    }
    puts("]");
}

static void put_limit(long value, const char *unit, const char *what, const char *beyond, const char *told)
{
    next();
    printf("{\"value\":%ld,", value);
    put_member("unit", unit);
    putchar(',');
    put_member("what", what);
    putchar(',');
    put_member("beyond", beyond);
    putchar(',');
    put_member("told", told);
    putchar('}');
}

static void put_limits(void)
{
    fputs("\"limits\":[", stdout);
    separator = "";
#define PUT_LIMIT(name, value, unit, what, beyond, told) put_limit(LIMIT_##name, #unit, what, beyond, told);
    LIMITS(PUT_LIMIT)
#undef PUT_LIMIT
    puts("],");
}

int main(void)
{
    puts("{");
    put_kinds();
    put_types();
    put_lists();
    put_limits();
    put_fsm();
    puts("}");
    return fflush(stdout) == 0 ? 0 : 1;
}
