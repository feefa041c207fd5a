#include "tcplens/sources.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/log.h"
#include "tcplens/base/netns.h"

struct part {
    const struct source_ops *ops;
    const void *config;
    void *source; /* NULL: it does not take part */
    bool wanted, needed, replaced;
    bool failed;                   /* it took part, and cannot any more */
    const struct part *instead_of; /* whom it stands in for; NULL: nobody */
    char missing[SOURCE_ERROR_MAX];
};

struct sources {
    struct part parts[SOURCES_MAX];
    size_t count;
    bool live, have_failed;
};

bool sources_want_live(const struct sources_config *config)
{
    for (size_t i = 0; i < source_count; i++)
        if (config->rows[i].want && source_table[i]->live)
            return true;
    return config->more.ops && config->more.ops->live;
}

static void add(struct sources *s, const struct source_ops *ops, const void *config, bool wanted, bool needed)
{
    assert(s->count < SOURCES_MAX);
    s->parts[s->count++] = (struct part){ .ops = ops, .config = config, .wanted = wanted, .needed = needed };
}

/* 0, or what it failed with: `missing` says why. */
static int open_part(struct sources *s, struct source_context *context, struct part *part)
{
    int r = part->ops->live ? netns_current(&context->netns) : 0;

    part->wanted = true;
    if (r < 0) {
        snprintf(part->missing, sizeof(part->missing), "this process's network namespace is not shown: %s",
                 strerror(-r));
        return r;
    }
    r = part->ops->open(context, part->config, &part->source, part->missing);
    if (r == 0) {
        part->missing[0] = '\0';
        s->live |= part->ops->live;
    }
    return r;
}

/* "nothing to see with: wire witness needs root; kernel witness not wanted" */
static void explain_nothing(const struct sources *s, char error[static SOURCES_ERROR_MAX])
{
    int len = snprintf(error, SOURCES_ERROR_MAX, "nothing to see with");
    const char *between = ": ";

    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (!part->ops->by_default || len >= SOURCES_ERROR_MAX)
            continue;
        len += snprintf(error + len, SOURCES_ERROR_MAX - (size_t)len, "%s%s witness %s", between, part->ops->name,
                        part->wanted ? part->missing : "not wanted");
        between = "; ";
    }
}

static void explain_needed(const struct part *part, char error[static SOURCES_ERROR_MAX])
{
    if (part->ops->live)
        snprintf(error, SOURCES_ERROR_MAX, "no %s witness: %s", part->ops->name, part->missing);
    else
        snprintf(error, SOURCES_ERROR_MAX, "%s", part->missing);
}

/* The source of that witness which was wanted and cannot take part. NULL: there is none. */
static struct part *find_lacking(struct sources *s, enum witness witness)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].wanted && !s->parts[i].source && s->parts[i].ops->witness == witness)
            return &s->parts[i];
    return NULL;
}

/* Those that can stand in for one that failed. True: one does. */
static bool open_stand_ins(struct sources *s, struct source_context *context)
{
    bool any = false;

    for (size_t i = 0; i < s->count; i++) {
        struct part *part = &s->parts[i], *lacking = NULL;

        if (part->ops->stands_in && !part->wanted)
            lacking = find_lacking(s, part->ops->stands_in_for);
        if (lacking && open_part(s, context, part) == 0) {
            part->instead_of = lacking;
            lacking->replaced = any = true;
        }
    }
    return any;
}

static int open_parts(struct sources *s, struct source_context *context, bool stand_in_will_do,
                      char error[static SOURCES_ERROR_MAX])
{
    bool any = false, stands_in;
    int failed = 0;

    for (size_t i = 0; i < s->count; i++) {
        struct part *part = &s->parts[i];
        int r;

        if (!part->wanted)
            continue;
        r = open_part(s, context, part);
        any |= r == 0;
        if (r < 0 && part->needed) {
            explain_needed(part, error);
            return r;
        }
        failed = failed ? failed : r;
    }
    stands_in = open_stand_ins(s, context);
    if (any || (stands_in && stand_in_will_do))
        return 0;
    /* a stand-in alone is little: who wants no more has to say so */
    explain_nothing(s, error);
    return failed ? failed : -EINVAL;
}

int sources_open(const struct sources_config *config, struct source_context *context, struct sources **ret_sources,
                 char error[static SOURCES_ERROR_MAX])
{
    struct sources *s = calloc(1, sizeof(*s));
    int r;

    if (!s) {
        snprintf(error, SOURCES_ERROR_MAX, "cannot start: out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < source_count; i++)
        add(s, source_table[i], config->rows[i].config, config->rows[i].want, config->rows[i].need);
    if (config->more.ops)
        add(s, config->more.ops, config->more.config, true, true);
    r = open_parts(s, context, config->stand_in_will_do, error);
    if (r < 0) {
        sources_close(s);
        return r;
    }
    *ret_sources = s;
    return 0;
}

struct sources *sources_close(struct sources *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].source)
            s->parts[i].ops->close(s->parts[i].source);
    free(s);
    return NULL;
}

int sources_snapshot(struct sources *s, event_fn emit, void *arg, char error[static SOURCES_ERROR_MAX])
{
    for (size_t i = 0; i < s->count; i++) {
        struct part *part = &s->parts[i];
        int r;

        if (!part->source || !part->ops->snapshot)
            continue;
        r = part->ops->snapshot(part->source, emit, arg);
        if (r < 0) {
            snprintf(error, SOURCES_ERROR_MAX, "cannot list the sockets that exist already: %s", strerror(-r));
            return r;
        }
    }
    return 0;
}

/* What happens now goes on, also where one who watches cannot: false where nobody is left who can. */
static bool others_watch(struct sources *s, struct part *failed, const char *why)
{
    bool others = false;

    failed->failed = s->have_failed = true;
    for (size_t i = 0; i < s->count; i++)
        others |= s->parts[i].source && s->parts[i].ops->live && !s->parts[i].failed;
    if (others)
        log_note("tracing goes on without the %s witness: %s", failed->ops->name, why);
    return others;
}

int sources_drain(struct sources *s, bool last, const struct sources_takers *takers,
                  char error[static SOURCES_ERROR_MAX])
{
    int result = 0;

    for (size_t i = 0; i < s->count; i++) {
        struct part *part = &s->parts[i];
        int r;

        if (!part->source || part->failed)
            continue;
        if (part->ops->ordered)
            r = part->ops->drain(part->source, last, takers->ordered, takers->ordered_arg, error);
        else
            r = part->ops->drain(part->source, last, takers->unordered, takers->unordered_arg, error);
        if (r < 0 && others_watch(s, part, error))
            r = 0;
        if (r != 0 && result >= 0)
            result = r;
    }
    return result;
}

bool sources_get(const struct sources *s, unsigned index, struct sources_entry *ret_entry)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (!part->wanted || index--)
            continue;
        *ret_entry = (struct sources_entry){ .ops = part->ops,
                                             .missing = part->source ? NULL : part->missing,
                                             .stands_in = part->instead_of != NULL,
                                             .reason = part->instead_of ? part->instead_of->missing : NULL,
                                             .replaced = part->replaced };
        if (part->source && part->ops->caveat)
            ret_entry->caveat = part->ops->caveat(part->source);
        return true;
    }
    return false;
}

bool sources_are_live(const struct sources *s)
{
    return s->live;
}

bool sources_have(const struct sources *s, enum witness witness)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].source && s->parts[i].ops->witness == witness)
            return true;
    return false;
}

bool sources_tell_all_resets(const struct sources *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (part->source && part->ops->all_resets && part->ops->all_resets(part->source))
            return true;
    }
    return false;
}

bool sources_have_failed(const struct sources *s)
{
    return s->have_failed;
}

void sources_describe(const struct sources *s, struct trace_header *header)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (part->source) {
            header->sources[part->ops->witness] = true;
            if (part->ops->describe)
                part->ops->describe(part->config, header);
        } else if (*part->missing) {
            header->missing[part->ops->witness] = part->missing;
        }
    }
}

unsigned sources_sockets(const struct sources *s, int *ret_sockets, unsigned max)
{
    unsigned count = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (part->source && part->ops->sockets)
            count += part->ops->sockets(part->source, ret_sockets + count, max - count);
    }
    return count;
}

bool sources_progress(const struct sources *s, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (!part->source || !part->ops->progress)
            continue;
        part->ops->progress(part->source, ret_at, ret_size, ret_packets);
        return true;
    }
    return false;
}

void sources_lost(const struct sources *s, uint64_t lost[static WITNESS_N])
{
    for (size_t i = 0; i < s->count; i++) {
        const struct part *part = &s->parts[i];

        if (part->source && part->ops->lost)
            lost[part->ops->witness] += part->ops->lost(part->source);
    }
}

void sources_skipped(const struct sources *s, struct trace_end *end)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].source && s->parts[i].ops->skipped)
            s->parts[i].ops->skipped(s->parts[i].source, end);
}
