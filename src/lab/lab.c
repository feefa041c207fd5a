#include "tcplens/lab/lab.h"

#include <stdlib.h>
#include <string.h>

#include "tcplens/base/options.h"

#define VERB_NAME(id, word, kind, meaning) [LAB_##id] = (word),
static const char *const verbs[] = { LAB_VERBS(VERB_NAME) };

const char *lab_verb_name(enum lab_verb verb)
{
    return verb < LAB_VERB_N ? verbs[verb] : "unknown";
}

int lab_actor_index(const struct lab *lab, const char *name)
{
    const size_t len = strlen(name);

    for (unsigned i = 0; i < lab->actor_count; i++) {
        const char *full = lab->actors[i].name;

        if (strncmp(full, name, len) == 0 && (!full[len] || (full[len] == '.' && strspn(full + len + 1, "0123456789"))))
            return (int)i;
    }
    return -1;
}

const char *lab_actor_hint(const struct lab *lab, const char *name, char buf[static 96])
{
    const char *names[LAB_ACTORS_MAX] = { NULL };

    for (unsigned i = 0; i < lab->actor_count; i++)
        names[i] = lab->actors[i].name;
    return options_hint(name, names, lab->actor_count, buf);
}

static void free_actor(struct lab_actor *a)
{
    for (char **word = a->argv; word && *word; word++)
        free(*word);
    free(a->argv);
    free(a->actions);
}

struct lab *lab_free(struct lab *lab)
{
    if (!lab)
        return NULL;
    for (unsigned i = 0; i < lab->actor_count; i++)
        free_actor(&lab->actors[i]);
    for (unsigned i = 0; i < lab->setting_count; i++)
        free((char *)lab->settings[i].value);
    for (unsigned i = 0; i < LAB_VALUES_MAX; i++)
        free((char *)lab->values[i].value);
    free(lab->actors);
    free((char *)lab->student);
    cJSON_Delete(lab->tree);
    free(lab);
    return NULL;
}
