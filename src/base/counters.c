#include "tcplens/base/counters.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int read_file(const char *path, struct counters *c)
{
    static char text[65536];
    FILE *file = fopen(path, "re");
    size_t len;

    if (!file)
        return -errno;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    counters_parse(text, c);
    keep_told(c);
    return 0;
}

int counters_read(struct counters *ret_counters)
{
    int r;

    ret_counters->count = 0;
    r = read_file("/proc/thread-self/net/snmp", ret_counters);
    if (r == 0)
        r = read_file("/proc/thread-self/net/netstat", ret_counters);
    if (r == 0 && read_file("/proc/thread-self/net/snmp6", ret_counters) == -ENOENT)
        return 0; /* a kernel without IPv6 */
    return r;
}

const struct counter *counters_find(const struct counters *c, const char *name)
{
    for (unsigned i = 0; i < c->count; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return &c->items[i];
    return NULL;
}
