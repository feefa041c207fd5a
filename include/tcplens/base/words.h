/* An enum and its words from one list. A list is a macro WORDS_x(X) of rows X(PREFIX, ID, "word", "what it means"); a row with
 * an empty word is a value that is never written. */
#ifndef TCPLENS_BASE_WORDS_H
#define TCPLENS_BASE_WORDS_H

#define WORD_ENUM(prefix, id, word, meaning) prefix##_##id,
#define WORD_NAME(prefix, id, word, meaning) [prefix##_##id] = word,

#endif
