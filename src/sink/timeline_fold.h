/* What only waits when a trace begins: a busy host has ten thousand minisocks in TIME-WAIT, and four lines of each would bury
 * all else. They are counted instead; one of which anything else is told is shown. */
#ifndef TCPLENS_SINK_TIMELINE_FOLD_H
#define TCPLENS_SINK_TIMELINE_FOLD_H

#include "tcplens/base/limits.h"
#include "tcplens/trace/change.h"

struct timeline_fold {
    struct change held; /* a connection that existed before, until what follows shows whether it only waits */
    bool is_held;
    uint32_t count;                   /* folded, and not yet told of */
    uint8_t folded[LIMIT_FOLDED / 8]; /* a bit for each connection, by its number */
};

/* Looks at the next change. False: nothing is to be shown for it. */
bool timeline_fold(struct timeline_fold *f, const struct change *c);
/* What has to be shown before it: a connection that was held (f->held). */
bool timeline_fold_releases(struct timeline_fold *f);
/* How many were folded since this was asked last, where the next change is about something else; 0: none, or not yet. */
uint32_t timeline_fold_count(struct timeline_fold *f);

#endif
