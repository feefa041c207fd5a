/* What tracing takes of the machine, by the names that Prometheus' own clients have for it. */
#ifndef TCPLENS_METRICS_PROCESS_H
#define TCPLENS_METRICS_PROCESS_H

#include <stdint.h>

struct process {
    int statm;       /* /proc/self/statm, open; -1: not known */
    uint64_t page;   /* bytes */
    int64_t began_s; /* UNIX time */
};

/* While files can still be opened. */
void process_open(struct process *p);
void process_close(struct process *p);
uint64_t process_cpu_ns(void);
/* 0: not known. */
uint64_t process_memory(const struct process *p);

#endif
