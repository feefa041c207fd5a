/* The options that say which connections a trace is about. */
#include "tcplens/command/command.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tcplens/base/log.h"

/* PROC_PID_INIT_INO of include/linux/proc_ns.h */
#define PID_NAMESPACE_INIT 0xEFFFFFFC

int command_filter_port(struct filter *f, const char *text)
{
    if (f->port_count == FILTER_PORTS_MAX)
        return command_usage_error("trace", "more than %d ports", FILTER_PORTS_MAX);
    if (command_parse_port(text, &f->ports[f->port_count]) < 0 || !f->ports[f->port_count])
        return command_usage_error("trace", "--port takes 1 to 65535, not '%s'", text);
    f->port_count++;
    return EXIT_DONE;
}

int command_filter_host(struct filter *f, const char *text)
{
    if (f->host_count == FILTER_HOSTS_MAX)
        return command_usage_error("trace", "more than %d hosts", FILTER_HOSTS_MAX);
    if (prefix_parse(text, &f->hosts[f->host_count]) < 0)
        return command_usage_error("trace", "--host takes an address, or ADDR/LEN with no bit set beyond, not '%s'",
                                   text);
    f->host_count++;
    return EXIT_DONE;
}

int command_filter_pid(struct filter *f, const char *text)
{
    char *rest;
    unsigned long pid = strtoul(text, &rest, 10);

    if (f->pid_count == FILTER_PIDS_MAX)
        return command_usage_error("trace", "more than %d processes", FILTER_PIDS_MAX);
    if (!isdigit((unsigned char)*text) || *rest || !pid || pid > INT32_MAX)
        return command_usage_error("trace", "--pid takes the number of a process, not '%s'", text);
    f->pids[f->pid_count++] = (uint32_t)pid;
    return EXIT_DONE;
}

/* Process ids are the machine's, which is what the kernel side goes by. */
int command_filter_check(const struct filter *f)
{
    struct stat st;

    if (f->pid_count && stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != PID_NAMESPACE_INIT) {
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
