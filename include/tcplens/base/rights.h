/* Gives up rights that are no longer needed. */
#ifndef TCPLENS_BASE_RIGHTS_H
#define TCPLENS_BASE_RIGHTS_H

#include <stdbool.h>

#include "tcplens/base/confine.h"

/* The system account that a process of root goes on as, where the machine has one; else nobody. */
#define RIGHTS_ACCOUNT "tcplens"

/* Drops every capability, and root's identity for that of the account (above) where it is held; what is opened stays open,
 * nothing can be gained again. keep_kill: may still signal a process of another user. 0 or -errno; after an error the process
 * must not go on to read untrusted input. */
int rights_drop(bool keep_kill) __attribute__((warn_unused_result));

/* Drops all of it, closes what the caller left open, and confines the process to what c allows: from here on it may read what
 * others made. What cannot be had on this machine, and does no harm by itself, is told in a note. A process that ends with its
 * parent (PR_SET_PDEATHSIG) still does. 0, or -errno as above. */
int rights_give_up(const struct confine *c) __attribute__((warn_unused_result));

/* Drops all capabilities but those that files are made with, whoever owns the folder and whoever they are given to: CAP_CHOWN,
 * CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, where they are held. None can be gained again. Who it is stays. 0 or -errno. */
int rights_keep_for_files(void) __attribute__((warn_unused_result));

/* Drops the capabilities alone, and for good: programs that are run gain none. Who it is stays. 0 or -errno. */
int rights_drop_capabilities(void) __attribute__((warn_unused_result));

/* Whether there is an account of that name. */
bool rights_has_account(void);

#endif
