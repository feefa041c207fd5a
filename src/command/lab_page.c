/* What the viewer's page gets of a lab: which it is, its questions, what each check counts, the guide in each language. */
#include "lab_job.h"

#include <stdlib.h>

#include "tcplens/base/log.h"
#include "tcplens/viewer.h"

static const char *const languages[] = { [LAB_ENGLISH] = "en", [LAB_CHINESE] = "zh" };

static char *page_text(const struct lab_job *job)
{
    cJSON *page = cJSON_CreateObject(), *guides = cJSON_AddObjectToObject(page, "guides"),
          *points = cJSON_AddObjectToObject(page, "points");
    const cJSON *check;
    char *text;

    cJSON_AddStringToObject(page, "lab", job->lab->name);
    cJSON_AddNumberToObject(page, "version", job->lab->version);
    if (job->lab->questions)
        cJSON_AddItemToObject(page, "questions", cJSON_Duplicate(job->lab->questions, true));
    cJSON_ArrayForEach (check, job->lab->checks)
        cJSON_AddNumberToObject(points, record_text(check, "id"), record_number(check, "points", 1));
    for (int i = 0; i < LAB_LANGUAGES; i++)
        if (job->files.guides[i])
            cJSON_AddStringToObject(guides, languages[i], job->files.guides[i]);
    text = cJSON_PrintUnformatted(page);
    cJSON_Delete(page);
    return text;
}

int lab_page(const struct lab_job *job)
{
    char *text = page_text(job);
    const int r = text ? viewer_bring_lab(text) : -1;

    free(text);
    if (r < 0)
        log_error("out of memory");
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
