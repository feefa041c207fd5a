/* A scenario: what happens on the wire and in the kernel, and what must be told of it (tests/scenarios/README.md has the format). */
#ifndef TCPLENS_TESTS_SCENARIO_H
#define TCPLENS_TESTS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "tcplens/event/event.h"

#define SCENARIO_EVENT_MAX 64

struct scenario {
    char *name;
    struct event events[SCENARIO_EVENT_MAX]; /* ts_ns: as START_NS has it */
    size_t count;
    bool of_kernel; /* some are the kernel's */
    char *expected;
};

/* Fails the test, with the line, where the file is none. */
void scenario_read(const char *path, struct scenario *ret_scenario);
void scenario_free(struct scenario *scenario);

#endif
