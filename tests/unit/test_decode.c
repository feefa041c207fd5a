/* Lines of a trace, read back. The examples are those of docs/trace-format.md, one at least of each kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "../../src/convert/say.h"
#include "../trace/roundtrip.h"
#include "tcplens/sink/timeline.h"

#define DOCUMENT "docs/trace-format.md"
#define EXAMPLES_MAX 64

static char *examples[EXAMPLES_MAX]; /* with their newline; the header first */
static size_t example_count;
static struct trace_decoder *decoder;
static uint64_t start_ns;
static char error[TRACE_DECODE_ERROR_MAX];

static int read_examples(void **state)
{
    FILE *file = fopen(DOCUMENT, "re");
    char *line = NULL;
    size_t room = 0;

    (void)state;
    if (!file)
        fail_msg("%s: not found: run from the root of the tree", DOCUMENT);
    while (getline(&line, &room, file) > 0) {
        if (strncmp(line, "{\"record\":", 10) != 0)
            continue;
        assert_in_range(example_count, 0, EXAMPLES_MAX - 1);
        examples[example_count++] = strdup(line);
    }
    free(line);
    fclose(file);
    assert_non_null(strstr(examples[0], "\"header\""));
    return 0;
}

static int free_examples(void **state)
{
    (void)state;
    while (example_count)
        free(examples[--example_count]);
    return 0;
}

/* What comes back; NULL: the line was refused. Static. */
static const char *again(const char *line, size_t len)
{
    static char buf[TRACE_LINE_MAX + 1];
    char *text;

    if (roundtrip(decoder, &start_ns, line, len, &text, error) < 0)
        return NULL;
    snprintf(buf, sizeof(buf), "%s", text ? text : "");
    free(text);
    return buf;
}

static bool is_header(size_t i)
{
    return strstr(examples[i], "{\"record\":\"header\"") == examples[i];
}

/* header: the first example has been read. */
static void begin(bool header)
{
    assert_int_equal(trace_decoder_new(&decoder), 0);
    if (header)
        assert_non_null(again(examples[0], strlen(examples[0])));
}

static void end(void)
{
    decoder = trace_decoder_free(decoder);
}

static void every_kind_comes_back(void **state)
{
    bool seen[CHANGE_KIND_N] = { false };

    (void)state;
    begin(false);
    for (size_t i = 0; i < example_count; i++) {
        const char *text;

        if (is_header(i)) {
            end();
            begin(false);
        }
        text = again(examples[i], strlen(examples[i]));
        if (!text)
            fail_msg("%s: %s", error, examples[i]);
        assert_string_equal(text, examples[i]);
        for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++) {
            char record[64];

            snprintf(record, sizeof(record), "{\"record\":\"%s\",", change_kind_name((enum change_kind)kind));
            seen[kind] |= strncmp(examples[i], record, strlen(record)) == 0;
        }
    }
    for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++)
        if (!seen[kind])
            fail_msg("no example of %s", change_kind_name((enum change_kind)kind));
    end();
}

/* A line that was cut is refused, wherever it was. */
static void every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < example_count; i++) {
        begin(!is_header(i));
        for (size_t len = 0; len + 1 < strlen(examples[i]); len++)
            assert_null(again(examples[i], len));
        end();
    }
}

/* Time is of 64 bits in nanoseconds: what is before or behind is refused, and not shown as another year. */
static void start_of_a_trace(void **state)
{
    static const struct {
        const char *start;
        bool good;
    } cases[] = {
        { "1970-01-01T00:00:00.000000000Z", true },  { "1969-12-31T23:59:59.999999999Z", false },
        { "2554-07-21T23:34:33.709551615Z", true },  { "2554-07-21T23:34:33.709551616Z", false },
        { "2554-07-21T23:34:34.000000000Z", false }, { "9999-12-31T23:59:59.999999999Z", false },
        { "0001-01-01T00:00:00.000000000Z", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cJSON *line = cJSON_Parse(examples[0]);
        char *text;
        const char *found;

        assert_non_null(line);
        assert_true(cJSON_ReplaceItemInObject(line, "start", cJSON_CreateString(cases[i].start)));
        text = cJSON_PrintUnformatted(line);
        begin(false);
        found = again(text, strlen(text));
        assert_int_equal(found != NULL, cases[i].good);
        if (found)
            assert_non_null(strstr(found, cases[i].start));
        end();
        cJSON_free(text);
        cJSON_Delete(line);
    }
}

/* A field of the wrong type is refused and named; one that nobody knows is passed over. */
static void every_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < example_count; i++) {
        cJSON *line = cJSON_Parse(examples[i]), *field;

        assert_non_null(line);
        cJSON_ArrayForEach (field, line) {
            cJSON *wrong;
            char *text;

            /* the tool is not looked at; texts, sentences and arguments may be any */
            if (strcmp(field->string, "tool") == 0)
                continue;
            wrong = cJSON_Duplicate(line, true);
            assert_true(cJSON_ReplaceItemInObjectCaseSensitive(wrong, field->string, cJSON_CreateFalse()));
            text = cJSON_PrintUnformatted(wrong);
            begin(!is_header(i));
            if (again(text, strlen(text)))
                fail_msg("taken: %s", text);
            if (strcmp(field->string, "record") != 0 && !strstr(error, field->string))
                fail_msg("\"%s\" is not named: %s", field->string, error);
            end();
            free(text);
            cJSON_Delete(wrong);
        }
        cJSON_Delete(line);
    }
}

#define HOSTILE "\x1b[31m\x07\x7f\xc2\x9b"

/* No character that a terminal obeys; C1's is the one that is tried. */
static void assert_obeyed_by_nobody(const char *text, const char *line)
{
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < ' ' && !(*p == '\n' && !p[1])) || *p == 0x7f || strncmp(p, "\xc2\x9b", 2) == 0)
            fail_msg("%s\n  of %s", text, line);
}

static void tell_hostile(const cJSON *root, bool header)
{
    char *text = cJSON_PrintUnformatted(root), said[SAY_MAX], shown[TIMELINE_LINE_MAX];
    struct trace_line line;

    begin(!header);
    if (trace_decode(decoder, text, strlen(text), &line, error) == 0 && line.kind == TRACE_LINE_CHANGE) {
        shown[timeline_format(&line.change, 0, false, shown)] = '\0';
        assert_obeyed_by_nobody(shown, text);
        assert_obeyed_by_nobody(say(&line.change, said), text);
    }
    assert_obeyed_by_nobody(error, text);
    end();
    free(text);
}

/* Each text, wherever it stands, and each name of a member. */
static void make_hostile(const cJSON *root, cJSON *at, bool header)
{
    cJSON *child;

    cJSON_ArrayForEach (child, at) {
        char *name = child->string, *value = child->valuestring;
        char hostile[] = HOSTILE;

        if (name && at != root) {
            child->string = hostile;
            tell_hostile(root, header);
            child->string = name;
        }
        if (cJSON_IsString(child)) {
            child->valuestring = hostile;
            tell_hostile(root, header);
            child->valuestring = value;
        }
        make_hostile(root, child, header);
    }
}

/* A trace comes from anywhere: what it says is text on a terminal, and nothing that this obeys. */
static void every_text_is_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < example_count; i++) {
        cJSON *line = cJSON_Parse(examples[i]);

        assert_non_null(line);
        make_hostile(line, line, is_header(i));
        cJSON_Delete(line);
    }
}

static void what_a_later_version_adds(void **state)
{
    static const char field[] =
        "{\"record\":\"queue\",\"n\":7,\"t\":9,\"colour\":\"red\",\"listener\":1,\"syn\":1,\"accept\":0,"
        "\"limit\":17,\"drops\":0,\"why\":\"syn\"}\n",
                      kind[] = "{\"record\":\"weather\",\"n\":8,\"t\":9,\"sky\":\"blue\"}\n";

    (void)state;
    begin(true);
    assert_string_equal(again(field, strlen(field)),
                        "{\"record\":\"queue\",\"n\":7,\"t\":9,\"listener\":1,\"syn\":1,\"accept\":0,"
                        "\"limit\":17,\"drops\":0,\"why\":\"syn\"}\n");
    assert_string_equal(again(kind, strlen(kind)), "");
    end();
}

static void order_of_lines(void **state)
{
    (void)state;
    begin(false);
    assert_null(again(examples[example_count - 1], strlen(examples[example_count - 1])));
    assert_string_equal(error, "the first line is no header");
    assert_non_null(again(examples[0], strlen(examples[0])));
    assert_null(again(examples[0], strlen(examples[0])));
    assert_string_equal(error, "a second header");
    end();
}

/* More digits than a double holds. */
static void large_numbers(void **state)
{
    static const char line[] =
        "{\"record\":\"gap\",\"n\":9007199254740991,\"t\":9,\"source\":\"kernel\",\"hook\":\"1234567890123456789\","
        "\"lost\":18446744073709551615,\"from\":8,\"to\":9}\n",
                      too_large[] =
                          "{\"record\":\"gap\",\"n\":1,\"t\":9,\"source\":\"kernel\",\"lost\":18446744073709551616,"
                          "\"from\":8,\"to\":9}\n";

    (void)state;
    begin(true);
    assert_string_equal(again(line, strlen(line)), line);
    assert_null(again(too_large, strlen(too_large)));
    end();
}

static void no_records(void **state)
{
    static const char *const lines[] = { "",
                                         "\n",
                                         "null",
                                         "[]",
                                         "{}",
                                         "{\"record\":1}",
                                         "{\"record\":\"state\"",
                                         "\xff\xfe",
                                         "{\"record\":\"state\",\"n\":1,\"t\":1}" };

    (void)state;
    begin(true);
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_null(again(lines[i], strlen(lines[i])));
    end();
}

/* What a disk holds after a loss of power, and what a second writer left. */
static void no_text(void **state)
{
    static const char record[] = "{\"record\":\"queue\",\"n\":7,\"t\":9,\"listener\":1,\"syn\":1,\"accept\":0,"
                                 "\"limit\":17,\"drops\":0,\"why\":\"syn\"}";
    char line[sizeof(record) + 8];

    (void)state;
    begin(true);
    for (size_t at = 0; at < sizeof(record); at++)
        for (int c = 0; c < ' '; c++) {
            const bool blank = at == 0 || at == sizeof(record) - 1; /* within, it depends on the place */

            if (strchr("\t\r\n", c) && c && !blank)
                continue;
            memcpy(line, record, at);
            line[at] = (char)c;
            memcpy(line + at + 1, record + at, sizeof(record) - 1 - at);
            if (c && strchr("\t\r\n", c))
                assert_non_null(again(line, sizeof(record)));
            else
                assert_null(again(line, sizeof(record)));
        }
    memcpy(line, record, sizeof(record) - 1);
    memcpy(line + sizeof(record) - 1, "{}", 2);
    assert_null(again(line, sizeof(record) + 1));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(start_of_a_trace),
        cmocka_unit_test(every_field),
        cmocka_unit_test(every_text_is_text),
        cmocka_unit_test(what_a_later_version_adds),
        cmocka_unit_test(order_of_lines),
        cmocka_unit_test(large_numbers),
        cmocka_unit_test(no_records),
        cmocka_unit_test(no_text),
    };

    return cmocka_run_group_tests(tests, read_examples, free_examples);
}
