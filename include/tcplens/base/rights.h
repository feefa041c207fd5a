/* Gives up rights that are no longer needed. */
#ifndef TCPLENS_BASE_RIGHTS_H
#define TCPLENS_BASE_RIGHTS_H

#include <stdbool.h>

/* Drops every capability, and root's identity for that of nobody where it is held; what is opened stays open, nothing
 * can be gained again. keep_kill: may still signal a child of another user. 0 or -errno; after an error the process
 * must not go on to read untrusted input. */
int rights_drop(bool keep_kill) __attribute__((warn_unused_result));

/* Drops the capabilities alone, and for good: programs that are run gain none. Who it is stays. 0 or -errno. */
int rights_drop_capabilities(void) __attribute__((warn_unused_result));

#endif
