/*
 * stop.h - how SIGTERM and SIGINT end a server that blocks in accept() and read().
 *
 * An interrupted call (EINTR) is not enough: a signal that comes just before the call is missed,
 * and the call blocks. shutdown(2) may be called by a signal handler, and what it does lasts: a
 * call on that socket returns at once, begun before or after. accept() fails, recvfrom() and read()
 * return end of file.
 */
#ifndef ECHO_STOP_H
#define ECHO_STOP_H

#include <signal.h>

/* Set once a signal has come. Whoever is woken by a socket asks this first. */
extern volatile sig_atomic_t stop_requested;

/* From now on the two signals do as described. */
void stop_on_signals(void);

/*
 * Names the sockets to shut down: the one that new clients (or datagrams) come to, and the connection that is being
 * served; -1: none. If a signal has come already, they are shut down now.
 */
void stop_listener(int fd);
void stop_connection(int fd);

#endif
