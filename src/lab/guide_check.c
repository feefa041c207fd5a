/* A guide beside its lab: what is mistyped in one is missing in the other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tcplens/base/options.h"
#include "tcplens/lab/guide.h"
#include "tcplens/lab/lab.h"
#include "tcplens/lab/records.h"

#define NAMES_MAX 256

struct names {
    const char *words[NAMES_MAX];
    size_t count;
};

static void add(struct names *names, const char *word)
{
    if (word && names->count < NAMES_MAX)
        names->words[names->count++] = word;
}

static bool has(const struct names *names, const char *word)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->words[i], word) == 0)
            return true;
    return names->count == NAMES_MAX;
}

static void add_ids(struct names *names, const cJSON *list)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, list)
        add(names, record_text(item, "id"));
}

static const cJSON *choices_of(const struct lab *lab, const char *section)
{
    const cJSON *question;

    cJSON_ArrayForEach (question, lab->questions)
        if (strcmp(record_text(question, "id"), section) == 0)
            return cJSON_GetObjectItemCaseSensitive(question, "choices");
    return NULL;
}

/* A list in the text of a check, or of `after`, may look like choices. */
static void add_choices(struct names *names, const struct lab *lab, const char *section)
{
    const cJSON *choice;

    cJSON_ArrayForEach (choice, choices_of(lab, section))
        add(names, choice->valuestring);
}

static int tell(char error[static GUIDE_ERROR_MAX], unsigned line, const char *what, const char *word,
                const struct names *names)
{
    char hint[96];

    snprintf(error, GUIDE_ERROR_MAX, "line %u: %s \"%.60s\"%s", line, what, word,
             options_hint(word, names->words, names->count, hint));
    return -EINVAL;
}

static int check_part(const struct lab *lab, const struct guide_part *p, const struct names *sections,
                      char error[static GUIDE_ERROR_MAX])
{
    struct names choices = { .count = 0 };

    if (!has(sections, p->section))
        return tell(error, p->line, "the lab has no question and no check called", p->section, sections);
    add_choices(&choices, lab, p->section);
    if (p->choice && choices.count && !has(&choices, p->choice))
        return tell(error, p->line, "the question has no choice called", p->choice, &choices);
    return 0;
}

static int check_section(const struct guide *g, const struct lab *lab, const char *section,
                         char error[static GUIDE_ERROR_MAX])
{
    const cJSON *choice;

    if (!guide_text(g, section)) {
        snprintf(error, GUIDE_ERROR_MAX, "no section \"## %.60s\", or nothing in it", section);
        return -EINVAL;
    }
    cJSON_ArrayForEach (choice, choices_of(lab, section))
        if (!guide_choice(g, section, choice->valuestring)) {
            snprintf(error, GUIDE_ERROR_MAX, "the section \"## %.60s\" lacks the choice \"- %.60s: …\"", section,
                     choice->valuestring);
            return -EINVAL;
        }
    return 0;
}

int guide_check(const struct guide *guide, const struct lab *lab, char error[static GUIDE_ERROR_MAX])
{
    struct names sections = { .count = 0 };
    struct guide_part part;
    int r = 0;

    add_ids(&sections, lab->questions);
    add_ids(&sections, lab->checks);
    add(&sections, "after");
    for (unsigned i = 0; r == 0 && guide_part(guide, i, &part); i++)
        r = check_part(lab, &part, &sections, error);
    for (size_t i = 0; r == 0 && i < sections.count; i++)
        r = check_section(guide, lab, sections.words[i], error);
    if (r == 0 && !*guide_title(guide)) {
        snprintf(error, GUIDE_ERROR_MAX, "line 1: should be the title, \"# …\"");
        r = -EINVAL;
    }
    return r;
}
