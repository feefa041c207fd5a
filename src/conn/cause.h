/* What explains how a connection ended, of what its kernel told. */
#ifndef TCPLENS_CONN_CAUSE_H
#define TCPLENS_CONN_CAUSE_H

#include "life.h"

/* reset_by: who ended it with a RST; END_UNKNOWN: nobody. */
enum cause cause_of_ending(const struct life *l, const struct registry *listeners, enum end reset_by,
                           enum verdict verdict);

#endif
