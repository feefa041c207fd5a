#include "tcplens/lab/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const result_format_words[] = { "gradescope", "classroom", "junit", "tap", "coderunner", NULL };

unsigned result_score(const struct result *r)
{
    unsigned score = 0;

    for (unsigned i = 0; i < r->outcome_count; i++)
        score += r->outcomes[i].result == CHECK_PASSED ? r->outcomes[i].points : 0;
    for (unsigned i = 0; i < r->answer_count; i++)
        score += r->answers[i].right ? r->answers[i].points : 0;
    return score;
}

/* Of the lab, whatever its trace is of. */
unsigned result_max(const struct result *r)
{
    unsigned max = 0;
    const cJSON *check, *question, *questions = r->asks ? r->lab->questions : NULL;

    cJSON_ArrayForEach (check, r->lab->checks)
        max += (unsigned)record_number(check, "points", 1);
    cJSON_ArrayForEach (question, questions)
        max += (unsigned)record_number(question, "points", 0);
    return max;
}

const char *result_title(const struct result *r, const char *id)
{
    const char *text = r->guide ? guide_text(r->guide, id) : NULL;

    return text ? text : strcmp(id, "lab") == 0 ? "The trace is one of this lab" : id;
}

static enum check_result whole(const struct result *r)
{
    return check_sum_up(r->outcomes, r->outcome_count);
}

static void sentence(const struct check_outcome *o, char buf[static 2 * CHECK_TEXT_MAX + 32])
{
    snprintf(buf, 2 * CHECK_TEXT_MAX + 32, "%sexpected %s; seen: %s",
             o->result == CHECK_INCONCLUSIVE ? "cannot be told: " : "", o->expected, o->seen);
}

/* In the guide's words, where it has some. */
static const char *question_of(const struct result *r, const struct result_answer *a)
{
    const char *text = guide_text(r->guide, a->id);

    return text ? text : a->id;
}

static const char *choice_of(const struct result *r, const struct result_answer *a)
{
    const char *text = a->choice ? guide_choice(r->guide, a->id, a->choice) : "not answered";

    return text ? text : a->choice;
}

/* ---- Gradescope: https://gradescope-autograders.readthedocs.io/en/latest/specs/ */

/* Where it cannot be told there is no score, and so neither pass nor fail: a test of Gradescope's has no third status. */
static void gradescope_score(cJSON *test, const struct check_outcome *o)
{
    if (o->result == CHECK_INCONCLUSIVE)
        return;
    cJSON_AddNumberToObject(test, "score", o->result == CHECK_PASSED ? o->points : 0);
    cJSON_AddNumberToObject(test, "max_score", o->points);
    cJSON_AddStringToObject(test, "status", o->result == CHECK_PASSED ? "passed" : "failed");
}

static cJSON *gradescope_check(const struct result *r, const struct check_outcome *o)
{
    char text[2 * CHECK_TEXT_MAX + 32];
    cJSON *test = cJSON_CreateObject(), *because = cJSON_CreateArray();

    sentence(o, text);
    cJSON_AddStringToObject(test, "name", result_title(r, o->id));
    cJSON_AddStringToObject(test, "number", o->id);
    gradescope_score(test, o);
    cJSON_AddStringToObject(test, "output", text);
    cJSON_AddStringToObject(test, "visibility", "visible");
    for (unsigned i = 0; i < FINDING_RECORDS_MAX && o->because[i]; i++)
        cJSON_AddItemToArray(because, cJSON_CreateNumber((double)o->because[i]));
    cJSON_AddItemToObject(cJSON_AddObjectToObject(test, "extra_data"), "because", because);
    return test;
}

static cJSON *gradescope_answer(const struct result *r, const struct result_answer *a)
{
    cJSON *test = cJSON_CreateObject();

    cJSON_AddStringToObject(test, "name", question_of(r, a));
    cJSON_AddStringToObject(test, "number", a->id);
    cJSON_AddNumberToObject(test, "score", a->right ? a->points : 0);
    cJSON_AddNumberToObject(test, "max_score", a->points);
    cJSON_AddStringToObject(test, "status", a->right ? "passed" : "failed");
    cJSON_AddStringToObject(test, "output", choice_of(r, a));
    cJSON_AddStringToObject(test, "visibility", "visible");
    return test;
}

static cJSON *gradescope(const struct result *r)
{
    cJSON *root = cJSON_CreateObject(), *tests, *ours;
    char text[CHECK_TEXT_MAX + 128];

    snprintf(text, sizeof(text), "%.60s: %u of %u points%s%s", r->lab->name, result_score(r), result_max(r),
             r->why ? ": " : "", r->why ? r->why : "");
    cJSON_AddNumberToObject(root, "score", result_score(r));
    cJSON_AddNumberToObject(root, "execution_time", r->seconds);
    cJSON_AddStringToObject(root, "output", text);
    cJSON_AddStringToObject(root, "output_format", "text");
    cJSON_AddStringToObject(root, "visibility", "visible");
    cJSON_AddStringToObject(root, "stdout_visibility", "hidden");
    tests = cJSON_AddArrayToObject(root, "tests");
    for (unsigned i = 0; i < r->outcome_count; i++)
        cJSON_AddItemToArray(tests, gradescope_check(r, &r->outcomes[i]));
    for (unsigned i = 0; i < r->answer_count; i++)
        cJSON_AddItemToArray(tests, gradescope_answer(r, &r->answers[i]));
    ours = cJSON_AddObjectToObject(cJSON_AddObjectToObject(root, "extra_data"), "tcplens");
    cJSON_AddNumberToObject(ours, "result", 1);
    cJSON_AddStringToObject(ours, "lab", r->lab->name);
    cJSON_AddNumberToObject(ours, "version", r->lab->version);
    if (r->lab->student)
        cJSON_AddStringToObject(ours, "student", r->lab->student);
    if (r->kernel)
        cJSON_AddStringToObject(ours, "kernel", r->kernel);
    cJSON_AddStringToObject(ours, "verdict", check_result_name(whole(r)));
    return root;
}

/* ---- GitHub Classroom: what classroom-resources/autograding-grading-reporter reads */

static const char *classroom_word(enum check_result result)
{
    return result == CHECK_PASSED ? "pass" : result == CHECK_FAILED ? "fail" : "error";
}

static cJSON *classroom_test(const char *id, const char *name, const char *status, const char *message, unsigned score)
{
    cJSON *test = cJSON_CreateObject();

    cJSON_AddStringToObject(test, "name", name);
    cJSON_AddStringToObject(test, "status", status);
    cJSON_AddStringToObject(test, "message", message);
    cJSON_AddNumberToObject(test, "score", score);
    cJSON_AddStringToObject(test, "test_code", id);
    cJSON_AddNumberToObject(test, "line_no", 0);
    return test;
}

static cJSON *classroom(const struct result *r)
{
    cJSON *root = cJSON_CreateObject(), *tests;

    cJSON_AddNumberToObject(root, "version", 1);
    cJSON_AddStringToObject(root, "status", classroom_word(whole(r)));
    cJSON_AddNumberToObject(root, "max_score", result_max(r));
    tests = cJSON_AddArrayToObject(root, "tests");
    for (unsigned i = 0; i < r->outcome_count; i++) {
        const struct check_outcome *o = &r->outcomes[i];
        char text[2 * CHECK_TEXT_MAX + 32];

        sentence(o, text);
        cJSON_AddItemToArray(tests, classroom_test(o->id, result_title(r, o->id), classroom_word(o->result), text,
                                                   o->result == CHECK_PASSED ? o->points : 0));
    }
    for (unsigned i = 0; i < r->answer_count; i++) {
        const struct result_answer *a = &r->answers[i];

        cJSON_AddItemToArray(tests, classroom_test(a->id, question_of(r, a), a->right ? "pass" : "fail",
                                                   choice_of(r, a), a->right ? a->points : 0));
    }
    return root;
}

/* ---- markup */

static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        default:
            /* no control character is one of XML 1.0, but these */
            fputc((unsigned char)*text < 0x20 && !strchr("\t\n", *text) ? '?' : *text, to);
        }
    }
}

static void put_attribute(FILE *to, const char *name, const char *text)
{
    fprintf(to, " %s=\"", name);
    put_escaped(to, text);
    fputc('"', to);
}

static void write_junit(const struct result *r, FILE *to)
{
    unsigned failed = 0, skipped = 0;

    for (unsigned i = 0; i < r->outcome_count; i++) {
        failed += r->outcomes[i].result == CHECK_FAILED;
        skipped += r->outcomes[i].result == CHECK_INCONCLUSIVE;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite", to);
    put_attribute(to, "name", r->lab->name);
    fprintf(to, " tests=\"%u\" failures=\"%u\" skipped=\"%u\" time=\"%.3f\">\n", r->outcome_count, failed, skipped,
            r->seconds);
    for (unsigned i = 0; i < r->outcome_count; i++) {
        const struct check_outcome *o = &r->outcomes[i];
        char text[2 * CHECK_TEXT_MAX + 32];

        sentence(o, text);
        fputs("  <testcase", to);
        put_attribute(to, "classname", r->lab->name);
        put_attribute(to, "name", result_title(r, o->id));
        fputs(o->result == CHECK_PASSED ? "/>\n" : o->result == CHECK_FAILED ? "><failure" : "><skipped", to);
        if (o->result != CHECK_PASSED) {
            put_attribute(to, "message", text);
            fputs("/></testcase>\n", to);
        }
    }
    fputs("</testsuite>\n", to);
}

/* A line of TAP holds no newline, and # begins a directive. */
static void put_line(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == '#' ? ' ' : *text, to);
    fputc('\n', to);
}

static void write_tap(const struct result *r, FILE *to)
{
    fprintf(to, "TAP version 13\n1..%u\n", r->outcome_count);
    for (unsigned i = 0; i < r->outcome_count; i++) {
        const struct check_outcome *o = &r->outcomes[i];
        char text[2 * CHECK_TEXT_MAX + 32];

        sentence(o, text);
        fprintf(to, "%sok %u - %s: ", o->result == CHECK_PASSED ? "" : "not ", i + 1, o->id);
        put_line(to, result_title(r, o->id));
        if (o->result == CHECK_PASSED)
            continue;
        fputs("# ", to);
        put_line(to, text);
    }
}

/* ---- CodeRunner for Moodle: a template grader prints one JSON object */

static void put_html(FILE *to, const struct result *r)
{
    fprintf(to, "<p>%u / %u</p><ul>", result_score(r), result_max(r));
    for (unsigned i = 0; i < r->outcome_count; i++) {
        const struct check_outcome *o = &r->outcomes[i];
        char text[2 * CHECK_TEXT_MAX + 32];

        sentence(o, text);
        fprintf(to, "<li><b>%s</b> ", check_result_name(o->result));
        put_escaped(to, result_title(r, o->id));
        if (o->result != CHECK_PASSED) {
            fputs("<br>", to);
            put_escaped(to, text);
        }
        fputs("</li>", to);
    }
    for (unsigned i = 0; i < r->answer_count; i++) {
        const struct result_answer *a = &r->answers[i];

        fprintf(to, "<li><b>%s</b> ", a->right ? "right" : a->choice ? "wrong" : "open");
        put_escaped(to, question_of(r, a));
        fputs("<br>", to);
        put_escaped(to, choice_of(r, a));
        fputs("</li>", to);
    }
    fputs("</ul>", to);
    if (r->why) {
        fputs("<p>", to);
        put_escaped(to, r->why);
        fputs("</p>", to);
    }
}

static cJSON *coderunner(const struct result *r)
{
    const unsigned max = result_max(r);
    cJSON *root = cJSON_CreateObject();
    char *html = NULL;
    size_t len;
    FILE *memory = open_memstream(&html, &len);

    if (memory) {
        put_html(memory, r);
        fclose(memory);
    }
    cJSON_AddNumberToObject(root, "fraction", max ? (double)result_score(r) / max : whole(r) == CHECK_PASSED);
    cJSON_AddStringToObject(root, "prologuehtml", html ? html : "");
    free(html);
    return root;
}

static int print(cJSON *root, FILE *to)
{
    char *text = cJSON_Print(root);
    const int r = text && fprintf(to, "%s\n", text) > 0 ? 0 : -EIO;

    cJSON_free(text);
    cJSON_Delete(root);
    return r;
}

int result_write(const struct result *r, enum result_format format, FILE *to)
{
    int status = 0;

    switch (format) {
    case RESULT_GRADESCOPE: status = print(gradescope(r), to); break;
    case RESULT_CLASSROOM: status = print(classroom(r), to); break;
    case RESULT_JUNIT: write_junit(r, to); break;
    case RESULT_TAP: write_tap(r, to); break;
    case RESULT_CODERUNNER: status = print(coderunner(r), to); break;
    }
    return status < 0 ? status : fflush(to) == 0 && !ferror(to) ? 0 : errno ? -errno : -EIO;
}
