/* The signals that ask the program to end, and how long it waits for others once one of them came. The signals are the
 * process's: so is this. */
#ifndef TCPLENS_BASE_STOP_H
#define TCPLENS_BASE_STOP_H

#include <stdbool.h>

/* Asked to end, the program waits no longer than this for somebody who takes nothing, half of it for the next, and so on: less
 * than twice this for all of them. */
#define STOP_PATIENCE_MS 2000

/* Ends with 0. */
extern const int stop_signals[];
/* For a program that does not watch: lets them end it, where who started it had blocked them, which survives exec(). */
void stop_let_through(void);

/* Blocks SIGINT, SIGTERM, SIGQUIT and those of the others that are not ignored (as SIGHUP is under nohup(1)), in this thread and
 * those it makes later. A descriptor on which they come (signalfd(2), nonblocking), the same at each call, or -errno. */
int stop_watch(void) __attribute__((warn_unused_result));
bool stop_is_watched(void);
/* Takes one of them from it. Its number, or 0: none has come. */
int stop_take(void);

/* They act as they did before; those that came are taken. */
void stop_unwatch(void);

/* Waits until fd is ready for events (poll(2)). 0; -ECANCELED: the program was asked to end, and fd was not ready for
 * its patience; or -errno. Before stop_watch() it waits for ever: signals then act as they do. */
int stop_poll(int fd, short events) __attribute__((warn_unused_result));
/* Waits a while. 0, or -ECANCELED: the program was asked to end. */
int stop_sleep(int ms) __attribute__((warn_unused_result));

/* For a child between fork and exec: they are delivered again, and what this program ignores ends it as ever. */
void stop_restore(void);

#endif
