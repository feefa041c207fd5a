/* Sequence numbers of two accounts, counted from the same. */
#ifndef TCPLENS_FLEET_ALIGN_H
#define TCPLENS_FLEET_ALIGN_H

#include "view.h"

/* A trace counts from the first number that it saw of an end, and says which that was for a SYN alone. Where it saw none, its numbers
 * are shifted to those of another account, by segments that are alike in all else. Nothing is done where there is nothing to
 * shift, or nothing to go by. 0 or -ENOMEM. */
int align_accounts(struct view *view, struct view_conn *conn, const struct view *other,
                   const struct view_conn *other_conn) __attribute__((warn_unused_result));

#endif
