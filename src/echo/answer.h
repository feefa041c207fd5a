/*
 * answer.h - the protocol all servers here speak.
 *
 * Every byte is answered with itself. With a greeting, every line of the answer begins with it:
 * "world\n" becomes "Hello, world\n". TCP carries a stream without message borders, so the line
 * feed is the only border there is: how the bytes were cut into segments must not change the
 * answer, which is why the state below outlives a read().
 */
#ifndef ECHO_ANSWER_H
#define ECHO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum { ANSWER_GREETING_MAX = 255 }; /* bytes; keeps answer_input_max() above zero */

/* Where the stream of one connection stands. All zero at its start. */
struct answer_state {
    bool inside_line;
};

/* How many bytes of input have, at worst, an answer of `room` bytes. greeting may be NULL. */
size_t answer_input_max(const char *greeting, size_t room);

/*
 * Returns the answer to n bytes of input, *ret_length bytes long: without a greeting the input
 * itself, which nobody needs to copy; else it is put into out, which has room for it.
 */
const char *answer_make(struct answer_state *state, const char *greeting, const char *input, size_t n, char *out,
                        size_t *ret_length);

#endif
