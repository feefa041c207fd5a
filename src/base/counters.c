#include "tcplens/base/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"

static void add(struct counters *c, const char *table, size_t table_len, const char *name, int64_t value)
{
    struct counter *counter = &c->items[c->count];

    if (c->count == COUNTERS_MAX || table_len + strlen(name) >= sizeof(counter->name))
        return;
    snprintf(counter->name, sizeof(counter->name), "%.*s%s", (int)table_len, table, name);
    counter->value = value;
    c->count++;
}

/* "Tcp: A B" and "Tcp: 1 2". */
static void add_table(struct counters *c, char *names, char *values)
{
    const size_t table_len = strcspn(names, ":");
    char *at_name, *at_value, *end;

    if (!names[table_len] || strncmp(names, values, table_len + 1) != 0)
        return;
    names += table_len + 1;
    values += table_len + 1;
    for (char *name = strtok_r(names, " ", &at_name), *value = strtok_r(values, " ", &at_value); name && value;
         name = strtok_r(NULL, " ", &at_name), value = strtok_r(NULL, " ", &at_value)) {
        const int64_t number = strtoll(value, &end, 10);

        if (!*end)
            add(c, names - table_len - 1, table_len, name, number);
    }
}

static void add_line(struct counters *c, char *line)
{
    char *at, *name = strtok_r(line, " \t", &at), *value = strtok_r(NULL, " \t", &at), *end;
    int64_t number;

    if (!name || !value)
        return;
    number = strtoll(value, &end, 10);
    if (!*end)
        add(c, "", 0, name, number);
}

void counters_parse(char *text, struct counters *c)
{
    char *at, *line = strtok_r(text, "\n", &at), *names = NULL;

    for (; line; line = strtok_r(NULL, "\n", &at)) {
        if (!strchr(line, ':')) {
            add_line(c, line);
        } else if (names) {
            add_table(c, names, line);
            names = NULL;
        } else {
            names = line;
        }
    }
}

/* IP's own count each packet that TCP's and UDP's count too. */
static bool is_told(const char *name)
{
    return strncmp(name, "Tcp", 3) == 0 || strncmp(name, "Udp", 3) == 0 || strncmp(name, "Icmp", 4) == 0;
}

static void keep_told(struct counters *c)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < c->count; i++)
        if (is_told(c->items[i].name))
            c->items[kept++] = c->items[i];
    c->count = kept;
}

static int read_file(int fd, struct counters *c)
{
    static char text[65536];
    size_t len = 0;
    ssize_t n;

    while ((n = pread(fd, text + len, sizeof(text) - 1 - len, (off_t)len)) > 0)
        len += (size_t)n;
    if (n < 0)
        return -errno;
    text[len] = '\0';
    counters_parse(text, c);
    keep_told(c);
    return 0;
}

int counters_open(struct counters_files *ret_files)
{
    static const struct {
        const char *path;
        bool optional;
    } files[COUNTERS_FILES] = {
        { .path = "/proc/thread-self/net/snmp" },
        { .path = "/proc/thread-self/net/netstat" },
        { .path = "/proc/thread-self/net/snmp6", .optional = true }, /* a kernel without IPv6 */
    };
    int r = 0;

    for (unsigned i = 0; i < COUNTERS_FILES; i++) {
        ret_files->fd[i] = open(files[i].path, O_RDONLY | O_CLOEXEC);
        if (ret_files->fd[i] < 0 && !(files[i].optional && errno == ENOENT) && r == 0)
            r = -errno;
    }
    return r;
}

void counters_close(struct counters_files *files)
{
    for (unsigned i = 0; i < COUNTERS_FILES; i++) {
        cleanup_close(&files->fd[i]);
        files->fd[i] = -1;
    }
}

int counters_read(const struct counters_files *files, struct counters *ret_counters)
{
    int r = 0;

    ret_counters->count = 0;
    for (unsigned i = 0; i < COUNTERS_FILES && r == 0; i++)
        if (files->fd[i] >= 0)
            r = read_file(files->fd[i], ret_counters);
    return r;
}

const struct counter *counters_find(const struct counters *c, const char *name)
{
    for (unsigned i = 0; i < c->count; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return &c->items[i];
    return NULL;
}
