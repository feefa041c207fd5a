/* Which connections are shown, in the words of the viewer's filter: `state:close-wait port:443 or rtt>10ms`. */
#ifndef TCPLENS_TOP_FILTER_H
#define TCPLENS_TOP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/top/model.h"

#define TOP_FILTER_WORDS_MAX 32
#define TOP_FILTER_WORD_MAX 64
#define TOP_FILTER_ERROR_MAX 192

struct top_filter_word {
    bool not, begins; /* begins: another group, one of which must match */
    unsigned key;
    char op; /* ':', '<', '>', 'l': <=, 'g': >= */
    double number;
    char text[TOP_FILTER_WORD_MAX]; /* in small letters */
};

/* All zeros: everything matches. */
struct top_filter {
    struct top_filter_word words[TOP_FILTER_WORDS_MAX];
    unsigned count;
};

/* 0, or -EINVAL with what is wrong in error: a clause. */
int top_filter_parse(const char *text, struct top_filter *ret_filter, char error[static TOP_FILTER_ERROR_MAX])
    __attribute__((warn_unused_result));
bool top_filter_matches(const struct top_filter *filter, const struct top_row *row);
/* The keys, for help: "state:, port:, ..." */
const char *top_filter_keys(void);

#endif
