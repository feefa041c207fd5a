/* The options that say which connections a trace is about. */
#include "tcplens/command/command.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tcplens/base/host.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"

int command_take_port(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct filter *f = member;
    char *rest;
    unsigned long port = strtoul(value, &rest, 10);

    if (f->port_count == LIMIT_FILTER_PORTS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d ports", LIMIT_FILTER_PORTS);
        return -EINVAL;
    }
    if (!isdigit((unsigned char)*value) || *rest || !port || port > UINT16_MAX) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes 1 to 65535, not '%.100s'", value);
        return -EINVAL;
    }
    f->ports[f->port_count++] = (uint16_t)port;
    return 0;
}

int command_take_host(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct filter *f = member;

    if (f->host_count == LIMIT_FILTER_HOSTS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d hosts", LIMIT_FILTER_HOSTS);
        return -EINVAL;
    }
    if (prefix_parse(value, &f->hosts[f->host_count]) < 0) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes an address, or ADDR/LEN with no bit set beyond, not '%.100s'", value);
        return -EINVAL;
    }
    f->host_count++;
    return 0;
}

int command_take_pid(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct filter *f = member;
    char *rest;
    unsigned long pid = strtoul(value, &rest, 10);

    if (f->pid_count == LIMIT_FILTER_PIDS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d processes", LIMIT_FILTER_PIDS);
        return -EINVAL;
    }
    if (!isdigit((unsigned char)*value) || *rest || !pid || pid > INT32_MAX) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes the number of a process, not '%.100s'", value);
        return -EINVAL;
    }
    f->pids[f->pid_count++] = (uint32_t)pid;
    return 0;
}

int command_filter_check(const struct filter *f)
{
    if (f->pid_count && !host_shows_pids()) {
        log_error("--pid takes the machine's process ids, which this PID namespace does not show: trace outside of it");
        return EXIT_RIGHTS;
    }
    for (unsigned i = 0; i < f->pid_count; i++) {
        if (kill((pid_t)f->pids[i], 0) < 0 && errno == ESRCH) {
            log_error("no process %u", f->pids[i]);
            return EXIT_FAILED;
        }
    }
    return EXIT_DONE;
}
