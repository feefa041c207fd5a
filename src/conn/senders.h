/* Hosts whose checksums are wrong. A network card that fills them in does so behind the capture, and what was edited or
 * anonymised often keeps those of before: then all of a sender's are wrong, and say nothing. Where one was right, a wrong one
 * is damage. */
#ifndef TCPLENS_CONN_SENDERS_H
#define TCPLENS_CONN_SENDERS_H

#include "tcplens/base/addr.h"
#include "tcplens/base/limits.h"

struct senders {
    struct sender {
        struct addr addr;
        uint64_t bad;
        bool used, good; /* good: one was right */
    } all[LIMIT_SENDERS];
};

/* One was right. */
void senders_right(struct senders *s, const struct addr *addr);
/* One was wrong. Returns whether it says nothing: none of this sender's was right so far. */
bool senders_wrong(struct senders *s, const struct addr *addr);
/* It sent wrong ones, and none was right. */
bool senders_none_right(const struct senders *s, const struct addr *addr);
/* Of how many senders none was right. */
unsigned senders_offloaded(const struct senders *s);

#endif
