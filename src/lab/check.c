/* Theory of operation. Each predicate says what it expected, what it saw, and which records show it. Where something is missing
 * from the trace, and the trace may have lost it or lacks the witness that would tell, nothing is proved: inconclusive. What is
 * there, and should not be, proves that it is wrong, whatever was lost. */
#include "tcplens/lab/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "match.h"
#include "tcplens/base/printable.h"

struct check {
    const struct match_scene *scene;
    struct check_outcome *verdict;
};

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void append(char text[static CHECK_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char text[static CHECK_TEXT_MAX], const char *format, ...)
{
    const size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + len, CHECK_TEXT_MAX - len, format, args);
    va_end(args);
}

static const cJSON *at(const struct check *c, size_t index)
{
    return records_at(c->scene->records, index);
}

static void show(const struct check *c, size_t index)
{
    const double n = index == MATCH_NONE ? 0 : record_number(at(c, index), "n", 0);

    for (unsigned i = 0; n > 0 && i < FINDING_RECORDS_MAX; i++) {
        if (c->verdict->because[i] == (uint64_t)n)
            return; /* once is enough */
        if (c->verdict->because[i])
            continue;
        c->verdict->because[i] = (uint64_t)n;
        return;
    }
}

/* "at 0.061204 s", cut as the timeline cuts it. Its number is in the verdict's because. */
static void tell(const struct check *c, size_t index)
{
    const uint64_t us = (uint64_t)record_number(at(c, index), "t", 0) / 1000;

    append(c->verdict->seen, "at %" PRIu64 ".%06" PRIu64 " s", us / 1000000, us % 1000000);
    show(c, index);
}

static void expect(const struct check *c, const cJSON *pattern)
{
    char text[MATCH_TEXT_MAX];

    append(c->verdict->expected, "%s", match_describe(pattern, text));
}

/* Nothing is like the pattern, which is what is expected, or is not. */
static enum check_result absent(const struct check *c, const cJSON *pattern, enum check_result if_sure)
{
    const char *missing = match_missing(c->scene, pattern), *doubt = records_doubt(c->scene->records);

    if (missing)
        append(c->verdict->seen, " (this trace lacks %s)", missing);
    else if (doubt)
        append(c->verdict->seen, " (%s)", doubt);
    return missing || doubt ? CHECK_INCONCLUSIVE : if_sure;
}

static void tell_nearest(const struct check *c, const cJSON *pattern)
{
    char text[MATCH_TEXT_MAX];
    size_t index;

    append(c->verdict->seen, "%s", match_nearest(c->scene, pattern, text, &index));
    show(c, index);
}

/* ---- predicates: each says all of the verdict but its id */

static enum check_result exists(const struct check *c, const cJSON *pattern, const cJSON *whole)
{
    const size_t i = match_from(c->scene, pattern, 0);

    (void)whole;
    expect(c, pattern);
    if (i != MATCH_NONE) {
        tell(c, i);
        return CHECK_PASSED;
    }
    tell_nearest(c, pattern);
    return absent(c, pattern, CHECK_FAILED);
}

static enum check_result none(const struct check *c, const cJSON *pattern, const cJSON *whole)
{
    const size_t i = match_from(c->scene, pattern, 0);

    (void)whole;
    append(c->verdict->expected, "no ");
    expect(c, pattern);
    if (i != MATCH_NONE) {
        tell(c, i);
        return CHECK_FAILED;
    }
    append(c->verdict->seen, "none");
    return absent(c, pattern, CHECK_PASSED);
}

static void expect_bounds(const struct check *c, const cJSON *whole)
{
    if (member(whole, "eq"))
        append(c->verdict->expected, "%.0f", member(whole, "eq")->valuedouble);
    if (member(whole, "ge"))
        append(c->verdict->expected, "at least %.0f", member(whole, "ge")->valuedouble);
    if (member(whole, "le"))
        append(c->verdict->expected, "%sat most %.0f", member(whole, "ge") ? ", " : "",
               member(whole, "le")->valuedouble);
}

/* More can only come of what is missing. */
static enum check_result compare(const struct check *c, double value, const cJSON *pattern, const cJSON *whole)
{
    const cJSON *eq = member(whole, "eq"), *ge = member(whole, "ge"), *le = member(whole, "le");
    const bool too_many = (eq && value > eq->valuedouble) || (le && value > le->valuedouble);
    const bool too_few = (eq && value < eq->valuedouble) || (ge && value < ge->valuedouble);

    append(c->verdict->seen, "%.0f", value);
    if (too_many)
        return CHECK_FAILED;
    if (too_few)
        return absent(c, pattern, CHECK_FAILED);
    return eq || le ? absent(c, pattern, CHECK_PASSED) : CHECK_PASSED;
}

static enum check_result count(const struct check *c, const cJSON *pattern, const cJSON *whole)
{
    unsigned long n = 0;

    expect_bounds(c, whole);
    append(c->verdict->expected, " × ");
    expect(c, pattern);
    for (size_t i = 0; (i = match_from(c->scene, pattern, i)) != MATCH_NONE; i++) {
        n++;
        show(c, i);
    }
    return compare(c, (double)n, pattern, whole);
}

static enum check_result sum(const struct check *c, const cJSON *pattern, const cJSON *whole)
{
    const char *field = record_text(pattern, "field");
    double total = 0;

    append(c->verdict->expected, "the sum of %s is ", field);
    expect_bounds(c, whole);
    append(c->verdict->expected, ", of ");
    expect(c, pattern);
    for (size_t i = 0; (i = match_from(c->scene, pattern, i)) != MATCH_NONE; i++) {
        const cJSON *value = match_field(at(c, i), field);

        total += cJSON_IsNumber(value) && value->valuedouble > 0 ? value->valuedouble : 0;
        show(c, i);
    }
    return compare(c, total, pattern, whole);
}

/* By time, and by number where that is the same: a record that came late stands behind others. */
static bool is_before(const cJSON *a, const cJSON *b)
{
    const double ta = record_number(a, "t", 0), tb = record_number(b, "t", 0);

    return ta < tb || (ta == tb && record_number(a, "n", 0) < record_number(b, "n", 0));
}

static enum check_result order(const struct check *c, const cJSON *patterns, const cJSON *whole)
{
    size_t last = MATCH_NONE;
    const cJSON *pattern;

    (void)whole;
    cJSON_ArrayForEach (pattern, patterns) {
        append(c->verdict->expected, "%s", pattern == patterns->child ? "" : ", then ");
        expect(c, pattern);
    }
    cJSON_ArrayForEach (pattern, patterns) {
        const size_t i = match_from(c->scene, pattern, 0);

        append(c->verdict->seen, "%s", last == MATCH_NONE ? "" : ", then ");
        if (i == MATCH_NONE) {
            tell_nearest(c, pattern);
            return absent(c, pattern, CHECK_FAILED);
        }
        tell(c, i);
        if (last != MATCH_NONE && !is_before(at(c, last), at(c, i))) {
            append(c->verdict->seen, ", which is before");
            return CHECK_FAILED;
        }
        last = i;
    }
    return CHECK_PASSED;
}

static enum check_result within(const struct check *c, const cJSON *how, const cJSON *whole)
{
    const cJSON *from = member(how, "from"), *to = member(how, "to"), *ge = member(how, "ge_ms"),
                *le = member(how, "le_ms");
    const size_t i = match_from(c->scene, from, 0), k = i == MATCH_NONE ? i : match_from(c->scene, to, i + 1);
    double ms;

    (void)whole;
    append(c->verdict->expected, "between ");
    expect(c, from);
    append(c->verdict->expected, " and ");
    expect(c, to);
    if (ge)
        append(c->verdict->expected, ", at least %.0f ms", ge->valuedouble);
    if (le)
        append(c->verdict->expected, ", at most %.0f ms", le->valuedouble);
    if (k == MATCH_NONE) {
        tell_nearest(c, i == MATCH_NONE ? from : to);
        return absent(c, i == MATCH_NONE ? from : to, CHECK_FAILED);
    }
    ms = (record_number(at(c, k), "t", 0) - record_number(at(c, i), "t", 0)) / 1e6;
    append(c->verdict->seen, "%.3f ms, ", ms);
    tell(c, i);
    append(c->verdict->seen, " to ");
    tell(c, k);
    return (ge && ms < ge->valuedouble) || (le && ms > le->valuedouble) ? CHECK_FAILED : CHECK_PASSED;
}

/* TIME-WAIT ends by its timer, or by a RST (RFC 1337): where the peer's FIN came again, for the ACK was late, the ACK of that one
 * may meet no socket any more. Which of them the trace still sees is chance, and no other path. */
static bool is_end_of_time_wait(const cJSON *last, const char *seen)
{
    return strcmp(last->valuestring, "TIME-WAIT") == 0 && strcmp(seen, "CLOSED") == 0;
}

/* What was sampled leaves states out, but none that is not there, and not the last. */
static bool is_path(const cJSON *states, char seen[][MATCH_TEXT_MAX], unsigned n, bool sampled)
{
    const cJSON *state;
    unsigned i = 0;

    cJSON_ArrayForEach (state, states) {
        if (i < n && strcmp(state->valuestring, seen[i]) == 0)
            i++;
        else if (!sampled || !state->next)
            return false;
        if (!state->next && i + 1 == n && is_end_of_time_wait(state, seen[i]))
            i++;
    }
    return i == n && n;
}

#define PATH_MAX_STATES 24

static enum check_result path(const struct check *c, const cJSON *how, const cJSON *whole)
{
    char seen[PATH_MAX_STATES][MATCH_TEXT_MAX];
    cJSON *pattern = cJSON_CreateObject();
    bool sampled = false, right;
    enum check_result result;
    const cJSON *state;
    unsigned n = 0;

    (void)whole;
    cJSON_AddStringToObject(pattern, "record", "state");
    cJSON_AddStringToObject(pattern, "conn", record_text(how, "conn"));
    cJSON_AddStringToObject(pattern, "end", record_text(how, "end"));
    cJSON_AddStringToObject(pattern, "source", record_text(how, "source"));
    append(c->verdict->expected, "the %s's end of %s's connection goes through", record_text(how, "end"),
           record_text(how, "conn"));
    cJSON_ArrayForEach (state, member(how, "states"))
        append(c->verdict->expected, " %s", cJSON_IsString(state) ? state->valuestring : "?");
    for (size_t i = 0; n < PATH_MAX_STATES && (i = match_from(c->scene, pattern, i)) != MATCH_NONE; i++) {
        const char *source = record_text(at(c, i), "source"), *to = record_text(at(c, i), "to");

        sampled |= source && strcmp(source, "diag") == 0;
        snprintf(seen[n++], MATCH_TEXT_MAX, "%s", to ? to : "");
        append(c->verdict->seen, "%s%s", n == 1 ? "" : " ", to);
        show(c, i);
    }
    if (!n)
        append(c->verdict->seen, "no change of state");
    right = is_path(member(how, "states"), seen, n, sampled);
    result = right ? CHECK_PASSED : absent(c, pattern, CHECK_FAILED);
    cJSON_Delete(pattern);
    return result;
}

/* Every connection of the actor, and there is one. */
static enum check_result outcome(const struct check *c, const cJSON *how, const cJSON *whole)
{
    cJSON *pattern = cJSON_Duplicate(how, true), *any = cJSON_CreateObject();
    enum check_result result = CHECK_PASSED;
    unsigned n = 0;

    (void)whole;
    cJSON_AddStringToObject(pattern, "record", "outcome");
    cJSON_AddStringToObject(any, "record", "outcome");
    cJSON_AddItemToObject(any, "conn", cJSON_Duplicate(member(how, "conn"), false));
    expect(c, pattern);
    for (size_t i = 0; (i = match_from(c->scene, any, i)) != MATCH_NONE; i++) {
        const cJSON *wanted;

        n++;
        show(c, i);
        if (match_record(c->scene, pattern, at(c, i)))
            continue;
        cJSON_ArrayForEach (wanted, how) {
            char text[MATCH_TEXT_MAX];
            const cJSON *value = match_field(at(c, i), wanted->string);

            if (strcmp(wanted->string, "conn") != 0 && !match_value(wanted, value))
                append(c->verdict->seen, "%s=%s ", wanted->string, match_print(value, text));
        }
        result = CHECK_FAILED;
    }
    if (result == CHECK_PASSED)
        append(c->verdict->seen,
               n == 1 ? "%u connection, and it is so"
               : n    ? "%u connections, and all are so"
                      : "%u connections",
               n);
    if (result == CHECK_FAILED || !n)
        result = absent(c, pattern, CHECK_FAILED);
    cJSON_Delete(pattern);
    cJSON_Delete(any);
    return result;
}

static enum check_result equal(const struct check *c, const cJSON *patterns, const cJSON *whole)
{
    const cJSON *values[2] = { NULL, NULL }, *pattern;
    unsigned n = 0;

    (void)whole;
    cJSON_ArrayForEach (pattern, patterns) {
        const char *field = record_text(pattern, "field");
        const size_t i = match_from(c->scene, pattern, 0);
        char text[MATCH_TEXT_MAX];

        append(c->verdict->expected, "%s%s of ", n ? " is " : "", field);
        expect(c, pattern);
        if (i == MATCH_NONE) {
            tell_nearest(c, pattern);
            return absent(c, pattern, CHECK_FAILED);
        }
        values[n] = match_field(at(c, i), field);
        append(c->verdict->seen, "%s%s in ", n ? ", " : "", match_print(values[n], text));
        tell(c, i);
        n++;
    }
    return values[0] && values[1] && cJSON_Compare(values[0], values[1], true) ? CHECK_PASSED : CHECK_FAILED;
}

static enum check_result header(const struct check *c, const cJSON *fields, const cJSON *whole)
{
    const cJSON *head = records_header(c->scene->records), *wanted;
    enum check_result result = CHECK_PASSED;
    char text[MATCH_TEXT_MAX];

    (void)whole;
    cJSON_ArrayForEach (wanted, fields) {
        const cJSON *value = match_field(head, wanted->string);

        append(c->verdict->expected, "%s=%s ", wanted->string, match_print(wanted, text));
        append(c->verdict->seen, "%s=%s ", wanted->string, match_print(value, text));
        if (!match_value(wanted, value))
            result = CHECK_FAILED;
    }
    return result;
}

static enum check_result any(const struct check *c, const cJSON *ways, const cJSON *whole);

static const struct {
    const char *key;
    enum check_result (*decide)(const struct check *c, const cJSON *value, const cJSON *whole);
} predicates[] = {
    { "exists", exists }, { "none", none },     { "count", count }, { "sum", sum },
    { "order", order },   { "within", within }, { "path", path },   { "outcome", outcome },
    { "equal", equal },   { "header", header }, { "any", any },
};

static enum check_result decide(const struct check *c, const cJSON *whole)
{
    for (size_t i = 0; i < sizeof(predicates) / sizeof(*predicates); i++)
        if (member(whole, predicates[i].key))
            return predicates[i].decide(c, member(whole, predicates[i].key), whole);
    return CHECK_INCONCLUSIVE; /* the shape of the file forbids it */
}

/* One way is enough; if none is, but one cannot be told, it might have been that. */
static enum check_result any(const struct check *c, const cJSON *ways, const cJSON *whole)
{
    enum check_result result = CHECK_FAILED;
    const cJSON *way;

    (void)whole;
    cJSON_ArrayForEach (way, ways) {
        struct check_outcome one = { .id = c->verdict->id };
        const struct check inner = { c->scene, &one };
        const enum check_result r = decide(&inner, way);

        append(c->verdict->expected, "%s%s", way == ways->child ? "" : "; or ", one.expected);
        append(c->verdict->seen, "%s%s", *c->verdict->seen ? "; " : "", one.seen);
        if (r == CHECK_PASSED) {
            snprintf(c->verdict->seen, CHECK_TEXT_MAX, "%s", one.seen);
            memcpy(c->verdict->because, one.because, sizeof(one.because));
            return CHECK_PASSED;
        }
        if (r == CHECK_INCONCLUSIVE)
            result = r;
    }
    return result;
}

/* ---- the whole */

/* Whether the trace is one of this lab. Returns what is wrong in the verdict, or false. */
static bool is_foreign(const struct lab *lab, const struct records *records, struct check_outcome *v)
{
    const cJSON *first = NULL, *values;
    const char *student;

    for (size_t i = 0; i < records_count(records) && !first; i++)
        if (strcmp(record_kind(records_at(records, i)), "lab") == 0)
            first = records_at(records, i);
    *v = (struct check_outcome){ .id = "lab", .result = CHECK_FAILED };
    append(v->expected, "a trace of lab %s, version %u", lab->name, lab->version);
    if (lab->student)
        append(v->expected, ", of student %s", lab->student);
    if (!first) {
        append(v->seen, "a trace of no lab");
        if (records_doubt(records))
            v->result = CHECK_INCONCLUSIVE;
        return true;
    }
    v->because[0] = (uint64_t)record_number(first, "n", 0);
    append(v->seen, "lab %s, version %.0f", record_text(first, "lab"), record_number(first, "version", 0));
    student = record_text(first, "student");
    if (student)
        append(v->seen, ", of student %s", student);
    if (strcmp(record_text(first, "lab") ? record_text(first, "lab") : "", lab->name) != 0 ||
        record_number(first, "version", 0) != lab->version)
        return true;
    if (lab->student && strcmp(student ? student : "", lab->student) != 0) /* of a lab where nothing varies, too */
        return true;
    values = member(first, "values");
    for (unsigned i = 0; i < LAB_VALUES_MAX && lab->values[i].name; i++) {
        const char *value = record_text(values, lab->values[i].name);

        append(v->expected, " %s=%s", lab->values[i].name, lab->values[i].value);
        append(v->seen, " %s=%s", lab->values[i].name, value ? value : "nothing");
        if (!value || strcmp(value, lab->values[i].value) != 0)
            return true;
    }
    return false;
}

static int decide_all(const struct lab *lab, const struct records *records,
                      struct check_outcome verdicts[static LAB_CHECKS_MAX], unsigned *ret_count)
{
    struct match_scene scene = { 0 };
    const cJSON *whole;
    unsigned n = 0;

    *ret_count = 1;
    if (is_foreign(lab, records, &verdicts[0]))
        return 1;
    if (match_look(&scene, lab, records) < 0) {
        match_done(&scene);
        return -ENOMEM;
    }
    cJSON_ArrayForEach (whole, lab->checks) {
        struct check_outcome *v = &verdicts[n];
        const struct check c = { &scene, v };
        const cJSON *points = member(whole, "points");

        if (n == LAB_CHECKS_MAX)
            break;
        *v = (struct check_outcome){ .id = record_text(whole, "id"),
                                     .points = points ? (unsigned)points->valuedouble : 1 };
        v->result = decide(&c, whole);
        n++;
    }
    match_done(&scene);
    *ret_count = n;
    return 0;
}

/* What was seen may be a stranger's words. */
int check_all(const struct lab *lab, const struct records *records,
              struct check_outcome verdicts[static LAB_CHECKS_MAX], unsigned *ret_count)
{
    const int r = decide_all(lab, records, verdicts, ret_count);

    for (unsigned i = 0; i < *ret_count; i++) {
        printable_mend(verdicts[i].expected);
        printable_mend(verdicts[i].seen);
    }
    return r;
}

uint64_t check_first(const struct lab *lab, const struct records *records, const cJSON *pattern)
{
    struct match_scene scene = { 0 };
    size_t i = MATCH_NONE;

    if (match_look(&scene, lab, records) == 0)
        i = match_from(&scene, pattern, 0);
    match_done(&scene);
    return i == MATCH_NONE ? 0 : (uint64_t)record_number(records_at(records, i), "n", 0);
}

enum check_result check_sum_up(const struct check_outcome *verdicts, unsigned count)
{
    enum check_result all = CHECK_PASSED;

    for (unsigned i = 0; i < count; i++) {
        if (verdicts[i].result == CHECK_FAILED)
            return CHECK_FAILED;
        if (verdicts[i].result == CHECK_INCONCLUSIVE)
            all = CHECK_INCONCLUSIVE;
    }
    return all;
}
