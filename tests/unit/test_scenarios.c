/* Every scenario of tests/scenarios, straight into the engine: each is a test of its name.
 *
 * test_scenarios --tell TRACE prints a trace in the words of the scenarios, --run FILE what is told of one. */
#include "conn_script.h"
#include "scenario.h"
#include "tell.h"

#include <glob.h>

/* What the engine tells of the first `count` events. finish: of the trace's end too. */
static const char *tell_first(const struct scenario *scenario, size_t count, bool finish)
{
    static char text[1 << 16];
    struct telling telling = { 0 };
    size_t len = 0;

    script_configure(&s, (struct conn_config){ .wire_only = !scenario->of_kernel });
    for (size_t i = 0; i < count; i++) {
        s.now_ns = scenario->events[i].ts_ns;
        conn_engine_event(s.table, &scenario->events[i]);
    }
    text[0] = '\0';
    if (finish)
        script_finish(&s);
    for (size_t i = 0; i < s.count; i++)
        if (s.changes[i].kind != CHANGE_FINDING) /* these have tests of their own */
            len = tell_change(&telling, &s.changes[i], text, len, sizeof(text));
    if (!finish)
        script_finish(&s); /* what is cut off must be whole too */
    script_free(&s);
    return text;
}

/* The number of the line in which they differ, from 1; 0: in none. */
static unsigned first_difference(const char *got, const char *want)
{
    unsigned line = 1;

    for (; *got && *got == *want; got++, want++)
        line += *got == '\n';
    return *got || *want ? line : 0;
}

static void as_expected(void **state)
{
    const struct scenario *scenario = *state;
    const char *got = tell_first(scenario, scenario->count, true);
    unsigned line = first_difference(got, scenario->expected);

    if (line)
        fail_msg("%s differs in line %u; expected\n%sgot\n%s", scenario->name, line, scenario->expected, got);
}

/* However early it stops: what was told until then is how the whole begins. */
static void cut_off_anywhere(void **state)
{
    const struct scenario *scenario = *state;

    for (size_t count = 0; count < scenario->count; count++) {
        const char *got = tell_first(scenario, count, false);

        if (strncmp(got, scenario->expected, strlen(got)) != 0)
            fail_msg("%s, cut off after %zu events, tells\n%sof\n%s", scenario->name, count, got, scenario->expected);
    }
}

/* The comparison itself: an expectation of which any line is changed or left out is not met. */
static void a_wrong_expectation_is_noticed(void **state)
{
    const struct scenario *scenario = *state;
    char *got = strdup(tell_first(scenario, scenario->count, true)), *wrong = strdup(got);
    unsigned line = 1;

    assert_int_equal(first_difference(got, wrong), 0);
    for (char *end, *at = got; *at; at = end + 1, line++) {
        char *in_wrong = wrong + (at - got);

        end = strchr(at, '\n');
        in_wrong[end - at - 1] ^= 1;
        assert_int_equal(first_difference(got, wrong), line);
        in_wrong[end - at - 1] ^= 1;
        *in_wrong = '\0';
        assert_int_equal(first_difference(got, wrong), line);
        *in_wrong = *at;
    }
    free(got);
    free(wrong);
}

static int tell_trace(const char *path)
{
    FILE *trace = fopen(path, "r");
    struct telling telling = { 0 };
    char *record = NULL, text[4096];
    size_t size = 0;

    if (!trace) {
        perror(path);
        return 1;
    }
    while (getline(&record, &size, trace) > 0) {
        if (strstr(record, "\"record\":\"finding\""))
            continue;
        text[0] = '\0';
        tell_record(&telling, record, text, 0, sizeof(text));
        fputs(text, stdout);
    }
    free(record);
    fclose(trace);
    return 0;
}

static int run_scenario(const char *path)
{
    struct scenario scenario;

    scenario_read(path, &scenario);
    fputs(tell_first(&scenario, scenario.count, true), stdout);
    scenario_free(&scenario);
    return 0;
}

int main(int argc, char **argv)
{
    static void (*const checks[])(void **) = { as_expected, cut_off_anywhere, a_wrong_expectation_is_noticed };
    static const char *const titles[] = { "%s", "%s, cut off", "%s, expected wrongly" };
    enum { CHECKS = sizeof(checks) / sizeof(*checks) };
    struct CMUnitTest *tests;
    struct scenario *scenarios;
    glob_t found;
    int failed;

    if (argc == 3 && strcmp(argv[1], "--tell") == 0)
        return tell_trace(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--run") == 0)
        return run_scenario(argv[2]);
    if (glob("tests/scenarios/*.txt", 0, NULL, &found) != 0) {
        fprintf(stderr, "no tests/scenarios/*.txt here\n");
        return 1;
    }
    scenarios = calloc(found.gl_pathc, sizeof(*scenarios));
    tests = calloc(found.gl_pathc * CHECKS, sizeof(*tests));
    if (!scenarios || !tests)
        return 1;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        scenario_read(found.gl_pathv[i], &scenarios[i]);
        for (size_t check = 0; check < CHECKS; check++) {
            struct CMUnitTest *test = &tests[i * CHECKS + check];
            char *title;

            if (asprintf(&title, titles[check], scenarios[i].name) < 0)
                return 1;
            *test = (struct CMUnitTest){ .name = title, .test_func = checks[check], .initial_state = &scenarios[i] };
        }
    }
    failed = _cmocka_run_group_tests("scenarios", tests, found.gl_pathc * CHECKS, NULL, NULL);
    for (size_t i = 0; i < found.gl_pathc * CHECKS; i++)
        free((char *)tests[i].name);
    for (size_t i = 0; i < found.gl_pathc; i++)
        scenario_free(&scenarios[i]);
    free(tests);
    free(scenarios);
    globfree(&found);
    return failed;
}
