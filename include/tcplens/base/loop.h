/* A small event loop: descriptors, one tick, signals, one child process. */
#ifndef TCPLENS_BASE_LOOP_H
#define TCPLENS_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;

struct loop_handlers {
    void (*tick)(void *arg, uint64_t ticks);   /* ticks since the last call: more than 1 when the loop was late, 0: the
                                               * system's clock was set */
    void (*signal)(void *arg, int number);     /* one of those of stop.h */
    void (*child)(void *arg, int wait_status); /* the watched child ended and was reaped */
    void *arg;
};

/* Takes the signals that ask to end from a descriptor: stop_watch(). tick_ms: milliseconds between ticks. 0 or -errno. */
int loop_new(unsigned tick_ms, const struct loop_handlers *handlers, struct loop **ret_loop)
    __attribute__((warn_unused_result));
/* Watches one child. 0 or -errno. */
int loop_watch_child(struct loop *loop, pid_t pid) __attribute__((warn_unused_result));
/* Until loop_stop(). Ticks count from here. 0 or -errno. */
int loop_run(struct loop *loop) __attribute__((warn_unused_result));
void loop_stop(struct loop *loop);
struct loop *loop_free(struct loop *loop);

#endif
