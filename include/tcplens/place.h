/* Where a trace of what happens now is made: the machine, its clock, and the network namespaces of this process, with their
 * addresses, settings and counters. */
#ifndef TCPLENS_PLACE_H
#define TCPLENS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/netns.h"
#include "tcplens/event/event.h"
#include "tcplens/trace/encode.h"

struct place;

/* Reads what the beginning of a trace says, and holds open what is read again, whatever rights and namespace are given up
 * later. clock: borrowed. scope: namespaces that are watched together, of which this process is in the last; NULL: its own.
 * counters: those of its namespace are told. 0 or -errno: the addresses are not shown; -ENOMEM. */
int place_open(const struct trace_clock *clock, const struct netns_scope *scope, bool counters,
               struct place **ret_place) __attribute__((warn_unused_result));
struct place *place_close(struct place *place); /* NULL is fine */

/* Reads this host's addresses again, where they are older than a second: whoever adds one while the trace runs has it known
 * soon. now_ns: UNIX time. True: they were read, and what place_addresses() gave before is gone; false: they are fresh, or cannot
 * be read, and the old ones stay. */
bool place_refresh(struct place *place, uint64_t now_ns);
/* Borrowed until place_refresh() is true, or the place is closed. */
const struct addr *place_addresses(const struct place *place, size_t *ret_count);
/* One of those, of a loopback interface, or none in particular. */
bool place_has(const struct place *place, const struct addr *addr);

/* The settings that decide what a connection meets, by enum sysctl, as /proc/sys has them; NULL: not shown here. Borrowed. */
const char *const *place_sysctl(const struct place *place);

/* Kernel, host and settings; what it adds to header is borrowed. */
void place_describe(const struct place *place, struct trace_header *header);
/* How often the clock was set, and by how much; how long the machine slept. */
void place_describe_end(const struct place *place, struct trace_end *end);

/* Tells of the counters that moved since the place was opened, and of what tells of trouble in any case, as of now. */
void place_tell_counters(const struct place *place, event_fn tell, void *arg);

#endif
