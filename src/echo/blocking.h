/*
 * blocking.h - one connection, served with calls that block: read(), then write() until all of the
 * answer is gone, until end of file. Whoever does so can do nothing else meanwhile.
 *
 * While the client takes no answer, write() blocks and nothing is read: our receive buffer fills,
 * the window we advertise shrinks to zero, and the client's own send() stalls.
 */
#ifndef ECHO_BLOCKING_H
#define ECHO_BLOCKING_H

#include "server_common.h"

/*
 * Serves the connection fd from its first byte to its end. peer: its address in words.
 * Shutting fd down from elsewhere (stop.h) makes it return.
 */
void blocking_serve(const struct server_config *config, int fd, const char *peer);

/* What is to follow, but for --fault never-close. */
void blocking_close(const struct server_config *config, int fd);

/* Waits until the connection is reset, shut down from elsewhere, or ms milliseconds are over; -1: for ever. */
void blocking_wait(int fd, int ms);

/* There is no room for one more client: waits a second, or for a signal. */
void blocking_pause(const char *reason, long connections);

#endif
