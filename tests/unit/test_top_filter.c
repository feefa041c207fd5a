/* The filter of `tcplens top`: what it matches, and what it says of one that it does not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/top/filter.h"
#include "top_changes.h"

static void filter_takes_the_viewers_words(void **state)
{
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        { "", true },
        { "state:established", true },
        { "state:ESTAB", true },
        { "state:syn", false },
        { "port:80", true },
        { "port:81", false },
        { "port:81 or port:80", true },
        { "port:80 state:syn or addr:192.0.2.2", true },
        { "port:80 state:syn or addr:198.51.100.0/24", false },
        { "addr:192.0.2.0/24", true },
        { "not port:80", false },
        { "-port:80", false },
        { "not not port:80", true },
        { "rtt>1ms", true },
        { "rtt<1ms", false },
        { "bytes>=150", true },
        { "bytes>1k", false },
        { "retrans:1", true },
        { "conn:1", true },
        { "#1", true },
        { "192.0.2.2:80", true },
        { "nothing", false },
        { "outcome:open", true },
        { "cause:any", false },
        { "pid:7", true },
        { "fe80:1", false },
        { "comm:\"web server\"", false },
        { "outcome:\"still open\"", true },
        { "cause:abort or port:80", true },
        { "- port:81", true },
    };
    struct top_model *m = new_model();
    char error[TOP_FILTER_ERROR_MAX];
    struct top_filter f;

    (void)state;
    connect_to(m, 1, 80);
    step(m, 1, END_CLIENT, TCP_STATE_ESTABLISHED, WITNESS_KERNEL);
    segment(m, 1, 1, 150, 0, 8000000);
    segment(m, 1, 1, 150, NOTE_RETRANSMISSION, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(top_filter_parse(cases[i].text, &f, error), 0);
        if (top_filter_matches(&f, row_of(m, 1)) != cases[i].matches)
            fail_msg("'%s' should %smatch", cases[i].text, cases[i].matches ? "" : "not ");
    }
    top_model_free(m);
}

static void filter_says_what_is_wrong(void **state)
{
    static const char *const cases[][2] = {
        { "sate:estab", "no key 'sate' (did you mean 'state'?)" },
        { "port:http", "'port' takes a number, not 'http'" },
        { "port 443", "'port' and its value are one word: port:\u2026" },
        { "retrans", "'retrans' and its value are one word: retrans>\u2026" },
        { "state:fooo", "no state 'fooo'" },
        { "state:estalbished", "no state 'estalbished' (did you mean 'established'?)" },
        { "rtt>fast", "'rtt' takes a number with a unit, as 10ms, not 'fast'" },
        { "port:192.0.2.1", "'port' takes a number, not '192.0.2.1'" },
        { "rtt>0x10", "'rtt' takes a number with a unit, as 10ms, not '0x10'" },
        { "state:", "'state' asks for nothing: a value follows it at once" },
        { "cause:abrot", "no cause 'abrot' (did you mean 'abort'?)" },
        { "outcome:refsed", "no outcome 'refsed' (did you mean 'refused'?)" },
        { "or port:80", "'or' stands between words" },
        { "port:80 or", "'or' stands between words" },
        { "port:80 or || port:81", "'or' stands between words" },
        { "port:80 not or port:81", "'not' stands before a word" },
        { "not not", "'not' stands before a word" },
        { "(port:80 or port:81) state:estab", "no parentheses: words must all match, 'or' parts groups of them" },
        { "rtt>10parsecs", "'rtt' takes a number with a unit, as 10ms, not '10parsecs'" },
    };
    char error[TOP_FILTER_ERROR_MAX], many[200] = "";
    struct top_filter f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(top_filter_parse(cases[i][0], &f, error) < 0);
        assert_string_equal(error, cases[i][1]);
    }
    for (unsigned i = 0; i <= TOP_FILTER_WORDS_MAX; i++)
        strcat(many, "a ");
    assert_true(top_filter_parse(many, &f, error) < 0);
    memset(many, 'a', sizeof(many) - 1);
    assert_true(top_filter_parse(many, &f, error) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_takes_the_viewers_words),
        cmocka_unit_test(filter_says_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
