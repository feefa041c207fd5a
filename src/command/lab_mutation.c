/* A lab that was changed on purpose: whether the checks fail that should, and which others do. */
#include "lab_job.h"

#include <string.h>

#include "tcplens/base/log.h"

static const cJSON *mutation_of(const struct lab_job *job)
{
    const cJSON *m;

    cJSON_ArrayForEach (m, job->lab->mutations)
        if (strcmp(record_text(m, "id"), job->options->mutation) == 0)
            return m;
    return NULL;
}

static bool is_promised(const cJSON *mutation, const char *check)
{
    const cJSON *id;

    cJSON_ArrayForEach (id, cJSON_GetObjectItemCaseSensitive(mutation, "fails"))
        if (strcmp(id->valuestring, check) == 0)
            return true;
    return false;
}

/* "also fails: a, b": the checks that came to this, and were named by the mutation or were not. How many. */
static unsigned list(const struct result *result, const cJSON *mutation, bool promised, enum check_result came_to,
                     const char *heading, FILE *to)
{
    unsigned n = 0;

    for (unsigned i = 0; i < result->outcome_count; i++) {
        const struct check_outcome *o = &result->outcomes[i];

        if (o->result != came_to || is_promised(mutation, o->id) != promised)
            continue;
        if (to)
            fprintf(to, "%s%s", n ? ", " : heading, o->id);
        n++;
    }
    if (n && to)
        fputc('\n', to);
    return n;
}

int lab_judge_mutation(const struct lab_job *job, const struct result *result, FILE *to)
{
    const cJSON *m = mutation_of(job);
    unsigned passed, untold;

    list(result, m, true, CHECK_FAILED, "fails as promised: ", to);
    list(result, m, false, CHECK_FAILED, "also fails: ", to);
    untold = list(result, m, true, CHECK_INCONCLUSIVE, "cannot be told: ", to);
    passed = list(result, m, true, CHECK_PASSED, "should fail, and passes: ", to);
    if (passed)
        log_error("mutation %s: a check that it names does not fail", job->options->mutation);
    return passed ? EXIT_FAILED : untold ? EXIT_LOST : EXIT_CHECKS;
}
