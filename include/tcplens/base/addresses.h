/* The addresses of a network namespace's interfaces, asked for again and again through one socket. */
#ifndef TCPLENS_BASE_ADDRESSES_H
#define TCPLENS_BASE_ADDRESSES_H

#include <stddef.h>

#include "tcplens/base/addr.h"

/* A socket (rtnetlink(7)) that asks the namespace this process is in, wherever the process goes later, and whatever it
 * may no longer open. Returns the descriptor or -errno. */
int addresses_open(void) __attribute__((warn_unused_result));

/* Appends them to *addrs, an array of *count that is for the caller to free(). 0 or -errno; then it holds what it held. */
int addresses_add(int fd, struct addr **addrs, size_t *count) __attribute__((warn_unused_result));

#endif
