/* The counters of a network namespace: /proc/net/snmp, netstat and snmp6, by the names of nstat(8). */
#ifndef TCPLENS_BASE_COUNTERS_H
#define TCPLENS_BASE_COUNTERS_H

#include <stdint.h>

#define COUNTERS_MAX 512
#define COUNTER_NAME_MAX 48

struct counters {
    unsigned count;
    struct counter {
        char name[COUNTER_NAME_MAX];
        int64_t value;
    } items[COUNTERS_MAX];
};

/* Adds what a file has: two lines a table, names and values, each begun by the table's name; or, as snmp6 has it, a name and
 * a value a line. What is not like that is passed over. Changes text. */
void counters_parse(char *text, struct counters *counters);

/* The open files of a namespace; -1: there is no such file. */
#define COUNTERS_FILES 3
struct counters_files {
    int fd[COUNTERS_FILES];
};

/* Opens those of the namespace this thread is in, to be read whenever, wherever the process goes. 0 or -errno; either way
 * they are to be closed. */
int counters_open(struct counters_files *ret_files) __attribute__((warn_unused_result));
void counters_close(struct counters_files *files);

/* Those of TCP, UDP and ICMP, as they are now. 0 or -errno. */
int counters_read(const struct counters_files *files, struct counters *ret_counters)
    __attribute__((warn_unused_result));

/* NULL: there is none. */
const struct counter *counters_find(const struct counters *counters, const char *name);

#endif
