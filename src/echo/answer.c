#include "answer.h"

#include <string.h>

size_t answer_input_max(const char *greeting, size_t room)
{
    /* The worst input is nothing but line feeds: each brings a whole greeting with it. */
    return room / (1 + (greeting ? strlen(greeting) : 0));
}

const char *answer_make(struct answer_state *state, const char *greeting, const char *input, size_t n, char *out,
                        size_t *ret_length)
{
    if (!greeting) {
        *ret_length = n;
        return input;
    }

    size_t greeting_length = strlen(greeting);
    char *end = out;
    for (size_t i = 0; i < n; i++) {
        if (!state->inside_line)
            end = mempcpy(end, greeting, greeting_length);
        *end++ = input[i];
        state->inside_line = input[i] != '\n';
    }
    *ret_length = (size_t)(end - out);
    return out;
}
