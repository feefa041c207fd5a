/* Options as rows: what each kind takes, what it refuses and how it says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/options.h"

struct config {
    bool flag, other;
    long number, unset;
    const char *text, *name;
    int word;
    char taken[64];
};

static const char *const words[] = { "all", "control", "none", NULL };

static int take(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char *taken = member;

    if (strchr(value, '!')) {
        snprintf(why, OPTIONS_ERROR_MAX, ": '%s' has a '!'", value);
        return -EINVAL;
    }
    strncat(taken, value, sizeof(((struct config *)NULL)->taken) - strlen(taken) - 1);
    return 0;
}

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
    { .name = "flag", .letter = 'f', .kind = OPTION_FLAG, .help = "a flag", AT(flag) },
    { .name = "other", .letter = 'x', .kind = OPTION_FLAG, .help = "another", AT(other) },
    { .name = "number",
      .letter = 'n',
      .argument = "N",
      .kind = OPTION_NUMBER,
      .min = -5,
      .max = 10,
      .number = 3,
      .help = "a number",
      AT(number) },
    { .name = "unset", .argument = "N", .kind = OPTION_NUMBER, .min = 1, .max = 9, .help = "no default", AT(unset) },
    { .name = "text", .argument = "TEXT", .kind = OPTION_TEXT, .text = "usual", .help = "a text", AT(text) },
    { .name = "name", .argument = "NAME", .kind = OPTION_TEXT, .help = "no default", AT(name) },
    { .name = "word", .argument = "WHICH", .kind = OPTION_WORD, .words = words, .help = "a word", AT(word) },
    { .name = "take",
      .letter = 't',
      .argument = "VALUE",
      .kind = OPTION_TAKEN,
      .take = take,
      .help = "may be repeated, and is told in so many words that they do not fit into one line",
      AT(taken) },
};
static const struct option_table table = OPTION_TABLE(rows);

static struct config config;
static char error[OPTIONS_ERROR_MAX];
static char *arguments[16];
static int rest;

/* Words end with NULL. */
static enum options_outcome parse_in(enum options_style style, const char *const *given)
{
    const struct option_set set = { &table, &config };
    int argc = 1;

    memset(&config, 0, sizeof(config));
    error[0] = '\0';
    rest = -1;
    arguments[0] = (char *)"program";
    for (; given[argc - 1]; argc++)
        arguments[argc] = (char *)given[argc - 1];
    arguments[argc] = NULL;
    return options_parse(&set, 1, style, argc, arguments, &rest, error);
}
#define parse(...) parse_in(OPTIONS_ANYWHERE, (const char *const[]){ __VA_ARGS__, NULL })
#define wrong(message, ...)                                                                                            \
    do {                                                                                                               \
        assert_int_equal(parse(__VA_ARGS__), OPTIONS_WRONG);                                                           \
        assert_string_equal(error, message);                                                                           \
    } while (0)

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("file"), OPTIONS_RUN);
    assert_false(config.flag);
    assert_int_equal(config.number, 3);
    assert_true(config.unset < 1); /* "not given" */
    assert_string_equal(config.text, "usual");
    assert_null(config.name);
    assert_int_equal(config.word, 0);
    assert_string_equal(config.taken, "");
    assert_int_equal(rest, 1);
}

static void test_each_kind(void **state)
{
    (void)state;
    assert_int_equal(parse("--flag", "--number", "7", "--text=a b", "--name", "", "--word", "none", "--take=one"),
                     OPTIONS_RUN);
    assert_true(config.flag);
    assert_false(config.other);
    assert_int_equal(config.number, 7);
    assert_string_equal(config.text, "a b");
    assert_string_equal(config.name, "");
    assert_int_equal(config.word, 2);
    assert_string_equal(config.taken, "one");
}

static void test_number_bounds(void **state)
{
    (void)state;
    assert_int_equal(parse("--number", "10"), OPTIONS_RUN);
    assert_int_equal(config.number, 10);
    assert_int_equal(parse("--number=-5"), OPTIONS_RUN);
    assert_int_equal(config.number, -5);
    wrong("--number: '11' is not a number from -5 to 10", "--number", "11");
    wrong("--number: '-6' is not a number from -5 to 10", "--number", "-6");
    wrong("--number: '' is not a number from -5 to 10", "--number", "");
    wrong("--number: '7x' is not a number from -5 to 10", "--number", "7x");
    wrong("--number: '99999999999999999999' is not a number from -5 to 10", "-n", "99999999999999999999");
}

static void test_repeated(void **state)
{
    (void)state;
    assert_int_equal(parse("--take", "a", "-t", "b", "-tc", "--number=1", "--number=2"), OPTIONS_RUN);
    assert_string_equal(config.taken, "abc");
    assert_int_equal(config.number, 2); /* the last one counts */
    wrong("--take: 'b!' has a '!'", "--take", "a", "--take", "b!");
}

static void test_short_cluster(void **state)
{
    (void)state;
    assert_int_equal(parse("-fxn4", "word"), OPTIONS_RUN);
    assert_true(config.flag && config.other);
    assert_int_equal(config.number, 4);
    assert_int_equal(parse("-fn", "5"), OPTIONS_RUN);
    assert_int_equal(config.number, 5);
    wrong("unknown option '-y'", "-fyx");
    wrong("unknown option '-y'", "-y", "word");
    wrong("option '-fn' needs a value", "-fn");
}

static void test_words_between(void **state)
{
    (void)state;
    assert_int_equal(parse("one", "--flag", "two"), OPTIONS_RUN);
    assert_true(config.flag);
    assert_int_equal(rest, 2);
    assert_string_equal(arguments[2], "one");
    assert_string_equal(arguments[3], "two");
    assert_int_equal(parse("--flag", "--", "--other"), OPTIONS_RUN);
    assert_false(config.other);
    assert_string_equal(arguments[rest], "--other");
    assert_int_equal(parse_in(OPTIONS_BEFORE_WORD, (const char *const[]){ "-f", "one", "--other", NULL }), OPTIONS_RUN);
    assert_true(config.flag);
    assert_false(config.other);
    assert_int_equal(rest, 2);
}

static void test_help_and_version(void **state)
{
    (void)state;
    assert_int_equal(parse("--help"), OPTIONS_HELP);
    assert_int_equal(parse("-fh"), OPTIONS_HELP);
    assert_int_equal(parse("word", "--version"), OPTIONS_VERSION);
    wrong("option '--help=me' takes no value", "--help=me");
}

static void test_slips(void **state)
{
    (void)state;
    wrong("unknown option '--flga' (did you mean '--flag'?)", "--flga");
    wrong("unknown option '--nmuber=3' (did you mean '--number'?)", "--nmuber=3");
    wrong("unknown option '--hepl' (did you mean '--help'?)", "--hepl");
    wrong("unknown option '--elephant'", "--elephant");
    wrong("option '--number' needs a value", "--number");
    wrong("option '--flag=1' takes no value", "--flag=1");
    wrong("--word takes all, control or none, not 'contorl' (did you mean 'control'?)", "--word", "contorl");
    wrong("--word takes all, control or none, not 'x'", "--word=x");
}

static void test_nearest(void **state)
{
    static const char *const names[] = { "read", "report", "fsm" };
    char buf[96], is_long[200];

    (void)state;
    memset(is_long, 'r', sizeof(is_long) - 1);
    is_long[sizeof(is_long) - 1] = '\0';
    assert_ptr_equal(options_nearest("read", names, 3), names[0]);
    assert_ptr_equal(options_nearest("raed", names, 3), names[0]); /* two letters changed places: one slip */
    assert_ptr_equal(options_nearest("repotr", names, 3), names[1]);
    assert_ptr_equal(options_nearest("rprt", names, 3), names[1]);
    assert_null(options_nearest("rpt", names, 3));
    assert_ptr_equal(options_nearest("fms", names, 3), names[2]);
    assert_null(options_nearest("fxx", names, 3)); /* two of three letters */
    assert_null(options_nearest("", names, 3));
    assert_null(options_nearest(is_long, names, 3));
    assert_null(options_nearest("read", names, 0));
    assert_string_equal(options_hint("reda", names, 3, buf), " (did you mean 'read'?)");
    assert_string_equal(options_hint("zebra", names, 3, buf), "");
}

static void test_printed_help(void **state)
{
    static const char expected[] = "  -f, --flag              a flag\n"
                                   "  -x, --other             another\n"
                                   "  -n, --number N          a number (default 3)\n"
                                   "      --unset N           no default\n"
                                   "      --text TEXT         a text (default usual)\n"
                                   "      --name NAME         no default\n"
                                   "      --word WHICH        a word\n"
                                   "  -t, --take VALUE        may be repeated, and is told in so many words that\n"
                                   "                          they do not fit into one line\n"
                                   "  -h, --help              print this\n";
    const struct option_table *const tables[] = { &table };
    char buf[2048];
    FILE *to = fmemopen(buf, sizeof(buf), "w");

    (void)state;
    assert_non_null(to);
    options_print_help(tables, 1, to);
    fclose(to);
    assert_string_equal(buf, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),         cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_number_bounds),    cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_short_cluster),    cmocka_unit_test(test_words_between),
        cmocka_unit_test(test_help_and_version), cmocka_unit_test(test_slips),
        cmocka_unit_test(test_nearest),          cmocka_unit_test(test_printed_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
