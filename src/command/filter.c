/* The options that say which connections a trace is about. */
#include "tcplens/command/command.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/host.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/lookup.h"

/* Hands each of the values that commas stand between to take(), until one is refused. */
static int take_each(const char *value, struct filter *f, char why[static OPTIONS_ERROR_MAX],
                     int (*take)(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX]))
{
    char word[256];

    for (const char *at = value;; at++) {
        const size_t len = strcspn(at, ",");
        int r;

        snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : sizeof(word) - 1), at);
        r = take(word, f, why);
        at += len;
        if (r < 0 || !*at)
            return r;
    }
}

/* The whole text is a number from 1 to max. */
static bool is_number(const char *text, unsigned long max, unsigned long *ret_number)
{
    char *rest;

    *ret_number = strtoul(text, &rest, 10);
    return isdigit((unsigned char)*text) && !*rest && *ret_number && *ret_number <= max;
}

/* "80", "https", "8000-8010": of services(5) one can have a minus in it. */
static bool find_ports(const char *word, struct port_range *ret_range)
{
    unsigned long first, last;
    const char *minus = strchr(word, '-');
    char text[16];

    if (is_number(word, UINT16_MAX, &first)) {
        *ret_range = (struct port_range){ (uint16_t)first, (uint16_t)first };
        return true;
    }
    snprintf(text, sizeof(text), "%.*s", minus ? (int)(minus - word) : 0, word);
    if (minus && is_number(text, UINT16_MAX, &first) && is_number(minus + 1, UINT16_MAX, &last) && first <= last) {
        *ret_range = (struct port_range){ (uint16_t)first, (uint16_t)last };
        return true;
    }
    first = lookup_service(word, "tcp");
    *ret_range = (struct port_range){ (uint16_t)first, (uint16_t)first };
    return first != 0;
}

/* What a port that is none may have meant: services are known by name. */
#define NAMES_MAX 1024
static const char *hint_service(const char *word, char hint[static 96])
{
    static char services[NAMES_MAX][LOOKUP_NAME_MAX];
    const char *names[NAMES_MAX];
    const size_t n = isalpha((unsigned char)*word) ? lookup_services(services, NAMES_MAX) : 0;

    for (size_t i = 0; i < n; i++)
        names[i] = services[i];
    return options_hint(word, names, n, hint);
}

static int take_port(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX])
{
    char hint[96];

    if (f->port_count == LIMIT_FILTER_PORTS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d ports; a range (8000-8010) counts as one", LIMIT_FILTER_PORTS);
        return -EINVAL;
    }
    if (!find_ports(word, &f->ports[f->port_count])) {
        snprintf(why, OPTIONS_ERROR_MAX,
                 " takes 1 to 65535, a range (8000-8010), the name of a service (https), with commas between, not "
                 "'%.100s'%s",
                 word, hint_service(word, hint));
        return -EINVAL;
    }
    f->port_count++;
    return 0;
}

int command_take_port(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    return take_each(value, member, why, take_port);
}

/* Nothing that looks like an address is a name. */
static bool may_be_name(const char *word)
{
    return *word && !strpbrk(word, "/:") && strspn(word, "0123456789.") != strlen(word);
}

/* All addresses of a name. */
static int take_name(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX])
{
    struct addr addrs[LIMIT_FILTER_HOSTS + 1];
    const char *reason;
    const int n = lookup_host(word, addrs, LIMIT_FILTER_HOSTS + 1, &reason);

    if (n < 0) {
        snprintf(why, OPTIONS_ERROR_MAX, ": cannot find host '%.100s': %s", word, reason);
        return -EINVAL;
    }
    if (f->host_count + (unsigned)n > LIMIT_FILTER_HOSTS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d hosts", LIMIT_FILTER_HOSTS);
        return -EINVAL;
    }
    for (int i = 0; i < n; i++)
        f->hosts[f->host_count++] = (struct prefix){ addrs[i], 128 };
    return 0;
}

static int take_host(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX])
{
    if (f->host_count == LIMIT_FILTER_HOSTS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d hosts", LIMIT_FILTER_HOSTS);
        return -EINVAL;
    }
    if (prefix_parse(word, &f->hosts[f->host_count]) == 0) {
        f->host_count++;
        return 0;
    }
    if (may_be_name(word))
        return take_name(word, f, why);
    snprintf(why, OPTIONS_ERROR_MAX, " takes an address, ADDR/LEN with no bit set beyond, or a name, not '%.100s'",
             word);
    return -EINVAL;
}

int command_take_host(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    return take_each(value, member, why, take_host);
}

static int add_pid(struct filter *f, uint32_t pid, char why[static OPTIONS_ERROR_MAX])
{
    if (f->pid_count == LIMIT_FILTER_PIDS) {
        snprintf(why, OPTIONS_ERROR_MAX, ": more than %d processes", LIMIT_FILTER_PIDS);
        return -EINVAL;
    }
    f->pids[f->pid_count++] = pid;
    return 0;
}

/* What a process calls itself (proc_pid_comm(5)), which is cut. False: it is gone. */
#define COMM_MAX 16
static bool read_comm(const char *pid, char comm[static COMM_MAX])
{
    char path[300];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.200s/comm", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, comm, COMM_MAX - 1);
    if (fd >= 0)
        close(fd);
    comm[n > 0 ? n : 0] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    return n > 0;
}

/* Every process of that name; which name is near where there is none. */
static int take_processes(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX])
{
    static char comms[NAMES_MAX][COMM_MAX];
    const char *names[NAMES_MAX];
    char hint[96];
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    unsigned long pid;
    size_t n = 0;
    int r = -ENOENT;

    while (proc && (r == 0 || r == -ENOENT) && (entry = readdir(proc))) {
        char comm[COMM_MAX];

        if (!is_number(entry->d_name, INT32_MAX, &pid) || !read_comm(entry->d_name, comm))
            continue;
        if (strncmp(comm, word, COMM_MAX - 1) == 0 && (pid_t)pid != getpid())
            r = add_pid(f, (uint32_t)pid, why);
        if (n < NAMES_MAX) {
            memcpy(comms[n], comm, COMM_MAX);
            names[n] = comms[n];
            n++;
        }
    }
    if (proc)
        closedir(proc);
    if (r == -ENOENT && host_lacks_proc())
        snprintf(why, OPTIONS_ERROR_MAX, ": %s", host_lacks_proc());
    else if (r == -ENOENT)
        snprintf(why, OPTIONS_ERROR_MAX, ": no process is called '%.100s'%s", word, options_hint(word, names, n, hint));
    return r < 0 ? -EINVAL : 0;
}

static int take_pid(const char *word, struct filter *f, char why[static OPTIONS_ERROR_MAX])
{
    unsigned long pid;

    if (is_number(word, INT32_MAX, &pid))
        return add_pid(f, (uint32_t)pid, why);
    if (*word && strspn(word, "0123456789-+.") != strlen(word))
        return take_processes(word, f, why);
    snprintf(why, OPTIONS_ERROR_MAX, " takes the number or the name of a process, not '%.100s'", word);
    return -EINVAL;
}

int command_take_pid(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    return take_each(value, member, why, take_pid);
}

static char *join(char *argv[], int from, int to)
{
    size_t len = 1;
    char *text, *p;

    for (int i = from; i < to; i++)
        len += strlen(argv[i]) + 1;
    p = text = malloc(len);
    for (int i = from; text && i < to; i++)
        p = stpcpy(stpcpy(p, i > from ? " " : ""), argv[i]);
    return text;
}

/* The language's own; those that can begin an expression are first. */
static const char *const language[] = { "host", "net", "port", "portrange", "src", "dst", "ip",
                                        "ip6",  "tcp", "udp",  "not",       "and", "or",  "mask" };
#define LANGUAGE_WORDS (sizeof(language) / sizeof(*language))
#define LANGUAGE_BEGINS 11

bool command_begins_expression(const char *word)
{
    for (size_t i = 0; i < LANGUAGE_BEGINS; i++)
        if (strcmp(word, language[i]) == 0)
            return true;
    return *word == '(' || *word == '!';
}

static bool is_of_language(const char *word)
{
    for (size_t i = 0; i < LANGUAGE_WORDS; i++)
        if (strcmp(word, language[i]) == 0)
            return true;
    return false;
}

/* What is taken behind `port` is one; --port takes more. */
static void hint_port(const char *word, char hint[static 96])
{
    struct port_range range;

    if (strchr(word, ','))
        snprintf(hint, 96, " (--port %.30s takes several, an expression: port A or port B)", word);
    else if (!find_ports(word, &range))
        hint_service(word, hint);
    else if (range.first != range.last)
        snprintf(hint, 96, " (did you mean 'portrange %.30s'?)", word);
}

/* What the first word may have meant that is none of the language, but nearly, or no port. */
#define BETWEEN " ()!"
static void hint_word(const char *text, char hint[static 96])
{
    bool is_port = false;
    char word[64];

    *hint = '\0';
    for (text += strspn(text, BETWEEN); *text && !*hint; text += strspn(text, BETWEEN)) {
        const size_t len = strcspn(text, BETWEEN);

        snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : sizeof(word) - 1), text);
        if (is_port)
            hint_port(word, hint);
        if (!*hint && !is_of_language(word))
            options_hint(word, language, LANGUAGE_WORDS, hint);
        is_port = strcmp(word, "port") == 0;
        text += len;
    }
}

int command_take_expression(const char *command, char *argv[], int from, int to, char **ret_text,
                            struct expression **ret_expression)
{
    char error[EXPRESSION_ERROR_MAX], hint[96];

    *ret_text = NULL;
    *ret_expression = NULL;
    if (from >= to)
        return EXIT_DONE;
    *ret_text = join(argv, from, to);
    if (!*ret_text) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    if (expression_new(*ret_text, ret_expression, error) == 0)
        return EXIT_DONE;
    hint_word(*ret_text, hint);
    return command_usage_error(command, "%s%s", error, hint);
}

int command_filter_check(const struct filter *f)
{
    if (f->pid_count && !host_shows_pids()) {
        log_error("--pid takes the machine's process ids, which this PID namespace does not show: trace outside of it");
        return EXIT_RIGHTS;
    }
    for (unsigned i = 0; i < f->pid_count; i++) {
        if (kill((pid_t)f->pids[i], 0) < 0 && errno == ESRCH) {
            log_error("no process %u%s", f->pids[i], f->port_count ? "" : " (--port asks for a port)");
            return EXIT_FAILED;
        }
    }
    return EXIT_DONE;
}
