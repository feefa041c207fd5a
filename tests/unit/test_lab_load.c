/* A lab's file as its author meets it: what is wrong is told with its line and field, and with the word that is meant; what varies
 * is put in; a mutation changes what it names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/lab/shape.h"
#include "tcplens/lab/load.h"

#define CHECKS "\"checks\": [ { \"id\": \"c\", \"exists\": { \"record\": \"segment\" } } ]"
/* A lab with these actors on its second line, and these other members on its third. */
#define LAB(actors, more)                                                                                              \
    "{ \"lab\": \"t\", \"version\": 1, \"topology\": \"wire\",\n\"actors\": {" actors "},\n" more "\n}"
#define A_STEPS(steps) LAB("\"a\": { \"at\": \"client\", \"steps\": [" steps "] }", CHECKS)
#define B "\"b\": { \"at\": \"server\", \"steps\": [] }"
#define WITH(more) LAB(B, CHECKS ",\n" more)
#define CHECK(check) LAB(B, "\"checks\": [\n" check "]")

static void expect_fault(const char *text, const char *expected)
{
    char error[LAB_ERROR_MAX] = "";
    struct lab *lab = NULL;

    assert_int_equal(lab_load(text, NULL, NULL, &lab, error), -EINVAL);
    assert_null(lab);
    if (strncmp(error, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", error, expected);
}

static struct lab *load(const char *text, const char *student, const char *mutation)
{
    char error[LAB_ERROR_MAX] = "";
    struct lab *lab = NULL;

    if (lab_load(text, student, mutation, &lab, error) < 0)
        fail_msg("%s", error);
    return lab;
}

static void test_no_json(void **state)
{
    (void)state;
    expect_fault("", "line 1: no JSON from here on: the file ends");
    expect_fault("[]", "line 1: a lab is a JSON object");
    expect_fault("{\n\"lab\": \"t\",\n\"version\" 1 }", "line 3: no JSON from here on: 1 }");
    expect_fault("{} {}", "line 1: no JSON from here on: {}");
    /* a comment is a blank, but not within a text */
    lab_free(load("// a\n" LAB("/* \"x\": */" B, CHECKS ", \"sysctl\": { \"net.a\": \"//\" }"), NULL, NULL));
    expect_fault("/* {", "line 1: no JSON from here on");
}

static void test_unknown_keys(void **state)
{
    (void)state;
    expect_fault(WITH("\"sysctls\": {}"), "line 4: sysctls: unknown key \"sysctls\" (did you mean 'sysctl'?)");
    expect_fault(A_STEPS("\n{ \"conect\": \"a\" }"),
                 "line 3: actors.a.steps.0.conect: unknown key \"conect\" (did you mean 'connect'?)");
    expect_fault(A_STEPS("{ \"zzzzzzzz\": 1 }"), "line 2: actors.a.steps.0.zzzzzzzz: unknown key \"zzzzzzzz\"");
    expect_fault(CHECK("{ \"id\": \"c\", \"exist\": {} }"),
                 "line 4: checks.0.exist: unknown key \"exist\" (did you mean 'exists'?)");
    expect_fault(WITH("\"headers\": true, \"headers\": true"), "line 4: headers: \"headers\" is here twice");
}

/* What a terminal obeys, written as it is or as JSON's escape; lines are none of it. */
static void test_texts(void **state)
{
    (void)state;
    static const char *const obeyed[] = { "\\u001b[2J", "\\u009b2J", "\xc2\x9b", "\xe2\x80\xae",
                                          "\\u202e",    "\x9b",      "a\rb" };
    char text[512];

    for (size_t i = 0; i < sizeof(obeyed) / sizeof(*obeyed); i++) {
        snprintf(text, sizeof(text), LAB("\"a\": { \"at\": \"client\",\n\"run\": [ \"x\", \"%s\" ] }", CHECKS),
                 obeyed[i]);
        expect_fault(text, "line 3: actors.a.run.1: the byte 0x");
    }
    expect_fault(WITH("\"\\u001b\": 1"), "line 1: ?: the byte 0x1b");
    lab_free(load(LAB("\"a\": { \"at\": \"client\", \"run\": [ \"x\", \"你\\r\\n\\té\\n\" ] }", CHECKS), NULL, NULL));
}

static void test_words(void **state)
{
    (void)state;
    expect_fault(WITH("\"topology\": \"wire\""), "line 1: topology: \"topology\" is here twice");
    expect_fault(LAB("\"b\": { \"at\": \"sever\", \"steps\": [] }", CHECKS),
                 "line 2: actors.b.at: should be one of client, server (did you mean 'server'?)");
    expect_fault(LAB("\"b\": { \"at\": \"server\", \"run\": [] }", CHECKS),
                 "line 2: actors.b.run: should say what is run: a word at least");
    expect_fault(LAB("\"b\": { \"at\": \"server\", \"echo\": [] }", CHECKS),
                 "line 2: actors.b.echo: should say what is run: a word at least");
    expect_fault(WITH("\"needs\": [\"kernl\"]"),
                 "line 4: needs.0: should be kernel, root or processes (did you mean 'kernel'?)");
    expect_fault(WITH("\"wire\": { \"rules\": [\n{ \"from\": \"both\", \"match\": \"any\", \"do\": \"loose\" } ] }"),
                 "line 5: wire.rules.0.do: should be one of lose, swap, delay, damage, cut (did you mean 'lose'?)");
    expect_fault(A_STEPS("{ \"set\": { \"TCP_NODELY\": 1 } }"),
                 "line 2: actors.a.steps.0.set: no option \"TCP_NODELY\" (did you mean 'TCP_NODELAY'?)");
}

static void test_bounds(void **state)
{
    (void)state;
    expect_fault(WITH("\"time_limit_s\": 0"), "line 4: time_limit_s: should be an integer, 1 to 600");
    expect_fault(WITH("\"time_limit_s\": 601"), "line 4: time_limit_s: should be an integer, 1 to 600");
    expect_fault(WITH("\"time_limit_s\": 1.5"), "line 4: time_limit_s: should be an integer, 1 to 600");
    expect_fault(WITH("\"time_limit_s\": \"9\""), "line 4: time_limit_s: should be an integer, 1 to 600");
    expect_fault(A_STEPS("{ \"connect\": \"a\", \"port\": 65536 }"),
                 "line 2: actors.a.steps.0.port: should be an integer, 0 to 65535");
    expect_fault(A_STEPS("{ \"listen\": 1, \"accept\": {} }"),
                 "line 2: actors.a.steps.0: should have only one of connect, listen");
    expect_fault(A_STEPS("{ \"on\": \"x\" }"), "line 2: actors.a.steps.0: should have one of connect, listen");
    expect_fault(A_STEPS("{ \"accept\": { \"on\": 1 } }"), "line 2: actors.a.steps.0.accept: should be {}");
    expect_fault(LAB("\"A\": { \"at\": \"client\", \"steps\": [] }", CHECKS), "line 2: actors.A: \"A\" is no name");
    expect_fault(LAB("\"a\": { \"at\": \"client\", \"count\": 201, \"steps\": [] }", CHECKS),
                 "line 2: actors.a.count: should be an integer, 1 to 200");
    expect_fault(LAB(B, "\"headers\": 1, " CHECKS), "line 3: headers: should be true or false");
    expect_fault("{ \"lab\": \"t\", \"version\": 1, \"topology\": \"lo\", " CHECKS " }", "\"actors\" is missing");
}

static void test_too_many(void **state)
{
    char text[8192] = "{ \"lab\": \"t\", \"version\": 1, \"actors\": { " B " }, \"checks\": [";

    (void)state;
    for (int i = 0; i <= LAB_CHECKS_MAX; i++)
        sprintf(text + strlen(text), "%s{ \"id\": \"c%d\", \"none\": { \"record\": \"gap\" } }", i ? ",\n" : "", i);
    strcat(text, "] }");
    expect_fault(text, "line 1: checks: more than 64 checks");
    strcpy(text, "{ \"lab\": \"t\", \"version\": 1, \"topology\": \"wire\", \"actors\": { " B " }, " CHECKS
                 ", \"wire\": { \"rules\": [");
    for (int i = 0; i <= WIRE_RULES_MAX; i++)
        sprintf(text + strlen(text), "%s{ \"from\": \"both\", \"match\": \"any\", \"do\": \"lose\" }", i ? "," : "");
    strcat(text, "] } }");
    expect_fault(text, "more than 16 rules");
}

static void test_references(void **state)
{
    (void)state;
    expect_fault(A_STEPS("{ \"connect\": \"b\" }"), "line 2: actors.a.steps.0: no actor is called \"b\"");
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segment\", \"conn\": \"nobody\" } }"),
                 "line 4: checks.0.exists.conn: no actor is called \"nobody\"");
    expect_fault(WITH("\"sysctl\": { \"kernel.x\": 1 }"), "\"kernel.x\" is no setting of a network namespace");
    expect_fault(WITH("\"questions\": [\n{ \"id\": \"q\", \"choices\": [\"x\"], \"answer\": \"y\" } ]"),
                 "line 5: questions.0: the answer \"y\" is none of the choices");
    expect_fault(WITH("\"mutations\": [\n{ \"id\": \"m\", \"set\": {}, \"fails\": [\"d\"] } ]"),
                 "line 5: mutations.0: no check is called \"d\"");
    expect_fault(LAB("\"b\": { \"at\": \"server\", \"run\": [\"x\", \"@c\"] }", CHECKS),
                 "line 2: actors.b.run.1: no actor is called \"c\"");
    expect_fault(LAB("\"b\": { \"at\": \"server\", \"run\": [\"x\"], \"files\": { \"hosts\": \"\" } }", CHECKS),
                 "line 2: actors.b.files.hosts: should be the path of a file");
}

static void test_patterns(void **state)
{
    (void)state;
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segmnt\" } }"), "line 4: checks.0.exists");
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segment\", \"flag\": \"SYN\" } }"),
                 "line 4: checks.0.exists.flag: a record \"segment\" has no field \"flag\" (did you mean 'flags'?)");
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segment\", \"len\": { \"hass\": \"1\" } } }"),
                 "line 4: checks.0.exists.len: unknown comparison \"hass\" (did you mean 'has'?)");
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segment\", \"len\": { \"ge\": \"1\" } } }"),
                 "line 4: checks.0.exists.len: \"ge\" should be a number");
    expect_fault(CHECK("{ \"id\": \"c\", \"count\": { \"record\": \"segment\" } }"),
                 "line 4: checks.0: how many? eq, ge or le says");
    expect_fault(CHECK("{ \"id\": \"c\", \"exists\": { \"record\": \"segment\" }, \"ge\": 1 }"),
                 "line 4: checks.0: eq, ge and le go with count or sum");
    expect_fault(CHECK("{ \"id\": \"c\", \"order\": [ { \"record\": \"segment\" } ] }"),
                 "line 4: checks.0.order: should be a list of two records or more");
}

#define VARIED                                                                                                               \
    WITH(                                                                                                                    \
        "\"vary\": { \"port\": [20000, 30000], \"backlog\": [5, 3, 4], \"message\": \"word\", \"kind\": [\"x\", \"y\"] },\n" \
        "\"sysctl\": { \"net.port\": \"$port\", \"net.more\": \"$backlog+1\", \"net.less\": \"$backlog-1\",\n"               \
        "\"net.text\": \"say $message to $kind at $port\", \"net.dollar\": \"$$5\", \"net.at\": \"@b\" }")

static const char *setting(const struct lab *lab, const char *name)
{
    for (unsigned i = 0; i < lab->setting_count; i++)
        if (strcmp(lab->settings[i].name, name) == 0)
            return lab->settings[i].value;
    return "";
}

static void test_first_choices(void **state)
{
    struct lab *lab = load(VARIED, NULL, NULL);

    (void)state;
    assert_string_equal(setting(lab, "net.port"), "20000");
    assert_string_equal(setting(lab, "net.more"), "6");
    assert_string_equal(setting(lab, "net.less"), "4");
    assert_string_equal(setting(lab, "net.text"), "say hello to x at 20000");
    assert_string_equal(setting(lab, "net.dollar"), "$5");
    assert_string_equal(setting(lab, "net.at"), "10.77.0.11");
    lab_free(lab);
}

static void test_students(void **state)
{
    bool ports_differ = false, words_differ = false;

    (void)state;
    for (int i = 0; i < 20; i++) {
        char name[16], again[64];
        struct lab *lab;
        long port;

        sprintf(name, "student-%d", i);
        lab = load(VARIED, name, NULL);
        port = strtol(setting(lab, "net.port"), NULL, 10);
        assert_in_range(port, 20000, 30000);
        assert_in_range(strtol(setting(lab, "net.more"), NULL, 10), 4, 6);
        ports_differ |= port != 20000;
        words_differ |= !strstr(setting(lab, "net.text"), "say hello");
        snprintf(again, sizeof(again), "%s", setting(lab, "net.text"));
        lab_free(lab);
        lab = load(VARIED, name, NULL);
        assert_string_equal(setting(lab, "net.text"), again);
        lab_free(lab);
    }
    assert_true(ports_differ && words_differ);
}

static void test_values_at_fault(void **state)
{
    (void)state;
    expect_fault(WITH("\"vary\": { \"Port\": [1, 2] }"), "line 4: vary.Port: should be small letters, digits, _");
    expect_fault(WITH("\"vary\": { \"port\": \"wrod\" }"),
                 "line 4: vary.port: should be [least, greatest], a list of choices, or \"word\"");
    expect_fault(WITH("\"vary\": { \"port\": [] }"), "line 4: vary.port: should be [least, greatest]");
    expect_fault(WITH("\"sysctl\": { \"net.x\": \"$prot\" }"), "line 4: sysctl.net.x: \"$prot\" is no value");
}

#define CHANGES                                                                                                        \
    "{ \"id\": \"changes\", \"set\": { \"time_limit_s\": 3, \"actors.b.steps.0\": { \"accept\": {} } }, \"fails\": [\"c\"] }"
#define TAKES_OUT "{ \"id\": \"takes-out\", \"set\": { \"time_limit_s\": null, \"sysctl\": null }, \"fails\": [\"c\"] }"
#define ASTRAY "{ \"id\": \"astray\", \"set\": { \"actors.z.steps.0\": 1 }, \"fails\": [\"c\"] }"
#define MUTATED_BY(mutations)                                                                                          \
    WITH("\"time_limit_s\": 9, \"sysctl\": { \"net.a\": 1, \"net.b\": 2 }, \"mutations\": [\n" mutations " ]")
#define MUTATED MUTATED_BY(CHANGES ",\n" TAKES_OUT)

static void test_mutations(void **state)
{
    struct lab *lab = load(MUTATED, NULL, NULL);
    char error[LAB_ERROR_MAX] = "";

    (void)state;
    assert_int_equal(lab->time_limit_s, 9);
    assert_int_equal(lab->actors[0].action_count, 0);
    assert_int_equal(lab->setting_count, 2);
    lab_free(lab);
    lab = load(MUTATED, NULL, "changes");
    assert_int_equal(lab->time_limit_s, 3);
    assert_int_equal(lab->actors[0].action_count, 1);
    assert_int_equal(lab->actors[0].actions[0].verb, LAB_ACCEPT);
    lab_free(lab);
    lab = load(MUTATED, NULL, "takes-out");
    assert_int_equal(lab->time_limit_s, 20);
    assert_int_equal(lab->setting_count, 0);
    lab_free(lab);
    lab = NULL;
    assert_int_equal(lab_load(MUTATED_BY(ASTRAY), NULL, "astray", &lab, error), -EINVAL);
    assert_string_equal(error, "\"actors.z.steps.0\" leads nowhere");
    /* whether it is run or not */
    assert_int_equal(lab_load(MUTATED_BY(CHANGES ",\n" ASTRAY), NULL, NULL, &lab, error), -EINVAL);
    assert_non_null(strstr(error, ": mutations.1: \"actors.z.steps.0\" leads nowhere"));
    assert_int_equal(lab_load(MUTATED, NULL, "chances", &lab, error), -EINVAL);
    assert_string_equal(error, "there is no mutation \"chances\"; there is changes, takes-out");
}

#define ASKS                                                                                                           \
    WITH("\"questions\": [ { \"id\": \"q1\", \"choices\": [ \"a\", \"b\", \"c\", \"d\" ], \"answer\": \"a\" } ]")
#define STUDENTS 2400
#define ORDERS (4 * 3 * 2)

/* A number of its own for each order of a, b, c, d. */
static unsigned order_of(const struct lab *lab)
{
    const cJSON *choice;
    unsigned code = 0;

    cJSON_ArrayForEach (choice, cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(lab->questions, 0), "choices"))
        code = code * 4 + (unsigned)(choice->valuestring[0] - 'a');
    return code;
}

static void test_orders(void **state)
{
    unsigned seen[4 * 4 * 4 * 4] = { 0 }, orders = 0;

    (void)state;
    for (unsigned i = 0; i < STUDENTS; i++) {
        char student[16];
        struct lab *lab;

        snprintf(student, sizeof(student), "s%u", i);
        lab = load(ASKS, student, NULL);
        seen[order_of(lab)]++;
        lab_free(lab);
    }
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
        orders += seen[i] > 0;
        /* the same students draw the same: no chance is in it */
        assert_true(!seen[i] || (seen[i] > STUDENTS / ORDERS / 2 && seen[i] < STUDENTS / ORDERS * 2));
    }
    assert_int_equal(orders, ORDERS);
}

static void test_rules(void **state)
{
    struct lab *lab =
        load(WITH("\"wire\": { \"delay_ms\": 7, \"rules\": [\n"
                  "{ \"from\": \"client\", \"match\": \"SYN,ACK\", \"len\": 4, \"nth\": 3, \"do\": \"lose\" },\n"
                  "{ \"from\": \"server\", \"match\": \"data\", \"first\": 2, \"do\": \"delay\", \"delay_ms\": 9 },\n"
                  "{ \"from\": \"both\", \"match\": \"no-segment\", \"do\": \"cut\" } ] }"),
             NULL, NULL);
    const struct wire_rule *rules = lab->wire.rules;

    (void)state;
    assert_int_equal(lab->wire.delay_ms, 7);
    assert_int_equal(lab->wire.count, 3);
    assert_true(rules[0].from[WIRE_CLIENT] && !rules[0].from[WIRE_SERVER]);
    assert_int_equal(rules[0].match, WIRE_SYN_ACK);
    assert_int_equal(rules[0].len, 4);
    assert_int_equal(rules[0].first, 3);
    assert_int_equal(rules[0].last, 3);
    assert_true(!rules[1].from[WIRE_CLIENT] && rules[1].from[WIRE_SERVER]);
    assert_int_equal(rules[1].first, 1);
    assert_int_equal(rules[1].last, 2);
    assert_int_equal(rules[1].deed, WIRE_DELAY);
    assert_int_equal(rules[1].delay_ms, 9);
    assert_true(rules[2].from[WIRE_CLIENT] && rules[2].from[WIRE_SERVER]);
    assert_int_equal(rules[2].match, WIRE_NO_SEGMENT);
    assert_int_equal(rules[2].last, UINT32_MAX);
    assert_int_equal(rules[2].deed, WIRE_CUT);
    lab_free(lab);
}

static void test_lines(void **state)
{
    static const char text[] = "{ \"a\": [ 1,\n  [2, \"}]\\\"\"],\n  { \"b\": {\n } } ],\n\"c\":\n\n true }";

    (void)state;
    assert_int_equal(shape_line(text, ""), 1);
    assert_int_equal(shape_line(text, "/a/0"), 1);
    assert_int_equal(shape_line(text, "/a/1/1"), 2);
    assert_int_equal(shape_line(text, "/a/2"), 3);
    assert_int_equal(shape_line(text, "/a/2/b"), 3);
    assert_int_equal(shape_line(text, "/c"), 7);
    /* as far as there is something */
    assert_int_equal(shape_line(text, "/a/9"), 1);
    assert_int_equal(shape_line(text, "/nothing"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_json),         cmocka_unit_test(test_unknown_keys),  cmocka_unit_test(test_words),
        cmocka_unit_test(test_bounds),          cmocka_unit_test(test_too_many),      cmocka_unit_test(test_references),
        cmocka_unit_test(test_patterns),        cmocka_unit_test(test_first_choices), cmocka_unit_test(test_students),
        cmocka_unit_test(test_values_at_fault), cmocka_unit_test(test_mutations),     cmocka_unit_test(test_rules),
        cmocka_unit_test(test_lines),           cmocka_unit_test(test_texts),         cmocka_unit_test(test_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
