/* Any bytes as the file of a lab: it is taken, or refused in one line that says what is wrong. One that is taken has in it what
 * it must have, whoever the student is and whatever is changed in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/lab/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct lab *load(const char *text, const char *student, const char *mutation)
{
    char error[LAB_ERROR_MAX] = "";
    struct lab *lab = NULL;
    int r = lab_load(text, student, mutation, &lab, error);

    if ((r == 0) != (lab != NULL) || (r < 0 && !*error) || strlen(error) >= sizeof(error) || strchr(error, '\n'))
        abort();
    return lab;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const cJSON *mutation;
    char *text = malloc(size + 1);
    struct lab *lab;

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    lab = load(text, NULL, NULL);
    if (lab && (!lab->name || lab->actor_count > LAB_ACTORS_MAX))
        abort();
    if (lab) {
        lab_free(load(text, "somebody", NULL));
        cJSON_ArrayForEach (mutation, lab->mutations)
            if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(mutation, "id")))
                lab_free(load(text, NULL, cJSON_GetObjectItemCaseSensitive(mutation, "id")->valuestring));
    }
    lab_free(lab);
    free(text);
    return 0;
}
