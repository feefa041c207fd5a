/* How findings are worded, and whom they are about. */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void add(char *text, size_t size, const char *format, va_list args)
{
    const size_t len = strlen(text);

    vsnprintf(text + len, size - len, format, args);
}

void finding_say(struct finding_words *words, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(words->text, sizeof(words->text), format, args);
    va_end(args);
}

void finding_advise(struct finding_words *words, const char *format, ...)
{
    va_list args;

    for (unsigned i = 0; i < FINDING_REMEDIES_MAX; i++) {
        if (words->remedy[i][0])
            continue;
        va_start(args, format);
        add(words->remedy[i], sizeof(words->remedy[i]), format, args);
        va_end(args);
        return;
    }
}

void finding_advise_to_look(struct finding_words *words)
{
    finding_advise(words, "see whether it is stopped or hangs (ps -o stat,wchan: T is stopped, D waits for a device)");
}

/* Those that have no finding of their own. */
static void where_others(const struct finding *f, char buf[static FINDING_WHERE_MAX])
{
    char server[ENDPOINT_TEXT_MAX];

    if (f->server.port)
        snprintf(buf, FINDING_WHERE_MAX, "others (in connections with %s)", endpoint_format(&f->server, server));
    else
        snprintf(buf, FINDING_WHERE_MAX, "others");
}

const char *finding_where(const struct finding *f, char buf[static FINDING_WHERE_MAX])
{
    const struct finding_subject *s = &f->subject;
    char host[ENDPOINT_TEXT_MAX];

    if (f->of_others)
        where_others(f, buf);
    else if (s->listener)
        snprintf(buf, FINDING_WHERE_MAX, "L%u", s->listener);
    else if (s->owner.pid)
        snprintf(buf, FINDING_WHERE_MAX, "%.*s (pid %u)", (int)sizeof(s->owner.comm), s->owner.comm, s->owner.pid);
    else
        snprintf(buf, FINDING_WHERE_MAX, "%s",
                 s->peer.port ? endpoint_format(&s->peer, host) : addr_format(&s->peer.addr, host));
    return buf;
}

const char *finding_time(uint64_t ns, char buf[static FINDING_TIME_MAX])
{
    snprintf(buf, FINDING_TIME_MAX, "%llu.%03llu s", (unsigned long long)(ns / 1000000000),
             (unsigned long long)(ns / 1000000 % 1000));
    return buf;
}

static const char *value_of(const struct findings *f, enum sysctl sysctl)
{
    return f->sysctl ? f->sysctl[sysctl] : NULL;
}

const char *finding_here(const struct finding *f, enum sysctl sysctl, char buf[static FINDING_HERE_MAX])
{
    const char *value = value_of(f->all, sysctl);

    *buf = '\0';
    if (value)
        snprintf(buf, FINDING_HERE_MAX, " (%.32s here)", value);
    return buf;
}

uint64_t finding_sysctl(const struct findings *f, enum sysctl sysctl)
{
    const char *value = value_of(f, sysctl);

    return value ? strtoull(value, NULL, 10) : 0;
}

struct finding_subject finding_host(const struct life *l, enum end end, bool port)
{
    struct finding_subject s = { .peer = l->conn.endpoint[end] };

    if (!port)
        s.peer.port = 0;
    return s;
}

struct finding_subject finding_end(const struct life *l, enum end end)
{
    const struct task *owner = kernel_holder(life_kernel_end(l, end));

    return owner->pid ? (struct finding_subject){ .owner = *owner } : finding_host(l, end, false);
}
