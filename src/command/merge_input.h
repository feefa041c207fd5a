/* A file that is merged: a trace, or a capture that is read as `tcplens read` does. */
#ifndef TCPLENS_COMMAND_MERGE_INPUT_H
#define TCPLENS_COMMAND_MERGE_INPUT_H

#include "tcplens/command/command.h"
#include "tcplens/fleet/fleet.h"

struct merge_input;

/* Which connections are merged, of all inputs. */
struct merge_wanted {
    struct filter filter;          /* ports and hosts */
    struct expression *expression; /* NULL: any */
};

/* Opens it; path is borrowed. NULL: the reason was told. */
struct merge_input *merge_input_open(const char *path);
/* Hands all of it to a view of the fleet, which it adds; io: options for captures. wanted is borrowed until the last change was
 * taken. What is wrong is told. An exit status. */
int merge_input_read(struct merge_input *in, struct fleet *fleet, const struct merge_wanted *wanted,
                     const struct command_io *io);
/* The changes once more, as fleet_next_fn. */
const struct change *merge_input_next(struct merge_input *in);
/* What is damaged of it is told. An exit status, as of command_tell_damage(). */
int merge_input_tell(const struct merge_input *in);
struct merge_input *merge_input_close(struct merge_input *in);

#endif
