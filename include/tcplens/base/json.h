/* JSON written straight into a buffer: nothing is allocated, and nothing is checked against the buffer's end. The
 * caller makes room for the most that its calls can write; each says how much that is. All of them write at p and
 * return the place after what they wrote. */
#ifndef TCPLENS_BASE_JSON_H
#define TCPLENS_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_NUMBER_MAX 20 /* characters of any 64-bit integer, and room for one however short it is */

/* A word of our own tables as it is written, quotes and all: of one size, so that one copy does. */
#define JSON_WORD_MAX 31
struct json_word {
    char text[JSON_WORD_MAX];
    uint8_t len;
};
#define JSON_WORD(word)                                                                                                \
    {                                                                                                                  \
        .text = "\"" word "\"", .len = sizeof(word) + 1                                                                \
    }

static inline char *json_put(char *p, const char *s, size_t len)
{
    memcpy(p, s, len);
    return p + len;
}

/* A string literal as it stands. */
#define JSON_PUT(p, literal) json_put(p, literal, sizeof(literal) - 1)

/* The key of a member that is not the object's first. */
#define JSON_PUT_KEY(p, key) JSON_PUT(p, ",\"" key "\":")

char *json_put_u64(char *p, uint64_t value);
char *json_put_i64(char *p, int64_t value);

/* Room for JSON_WORD_MAX, however short it is. */
static inline char *json_put_known(char *p, const struct json_word *word)
{
    memcpy(p, word->text, sizeof(word->text));
    return p + word->len;
}

/* A word that needs no escape: strlen(word) + 2. */
static inline char *json_put_word(char *p, const char *word)
{
    *p++ = '"';
    while (*word)
        *p++ = *word++;
    *p++ = '"';
    return p;
}

/* Untrusted text, up to its NUL or max bytes: 6 * max + 2. It is written as ASCII, all else as \u escapes: such a line
 * is valid UTF-8 whatever bytes came in, is one line for readers that break at U+2028 or U+0085, and holds nothing
 * that a terminal obeys or a <script> element ends at. Bytes that are not UTF-8 become U+FFFD. */
char *json_put_text(char *p, const char *text, size_t max);

/* The character that s begins with, as an escape: 6 for each byte read. left (> 0) bytes may be read, *ret_read were. */
char *json_put_escape(char *p, const char *s, size_t left, size_t *ret_read);

#endif
