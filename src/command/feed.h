/* A pipe cannot be read again: a process of the same confinement (CONFINE_FEED) hands on what was read of it, and the rest. */
#ifndef TCPLENS_FEED_H
#define TCPLENS_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Starts it. Returns its process, and 0 in it; *ret_fd: where it is read from, in it where it writes. It ends with who started
 * it, even if it waits for more of a pipe that stays open. -1, which is told: there is none. */
pid_t feed_start(int *ret_fd);

/* In it. False: nobody reads any more. */
bool feed_write(int fd, const void *data, size_t len);

#endif
