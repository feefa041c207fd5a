/* What tests of findings ask, and the two they ask it of: a host whose settings are known, and a capture alone. */
#ifndef TCPLENS_TESTS_CONN_FINDINGS_H
#define TCPLENS_TESTS_CONN_FINDINGS_H

#include "conn_story.h"

static const char *const sysctls[SYSCTL_N] = {
    [SYSCTL_SOMAXCONN] = "4096",      [SYSCTL_MAX_SYN_BACKLOG] = "512",
    [SYSCTL_FIN_TIMEOUT] = "60",      [SYSCTL_LOCAL_PORT_RANGE] = "50000\t50007",
    [SYSCTL_TW_REUSE] = "2",          [SYSCTL_MTU_PROBING] = "0",
    [SYSCTL_KEEPALIVE_TIME] = "7200",
};

static inline int setup_host(void **state)
{
    (void)state;
    script_configure(&s, (struct conn_config){ .sysctl = sysctls });
    s.netns = NETNS;
    return 0;
}

/* Segments alone, as of a capture file: nothing is known of a host. */
static inline int setup_capture(void **state)
{
    (void)state;
    script_configure(&s, (struct conn_config){ .wire_only = true });
    return 0;
}

/* The last record of this kind. NULL: there is none. */
static inline const struct change *found(enum finding_kind kind)
{
    for (size_t i = s.count; i-- > 0;)
        if (s.changes[i].kind == CHANGE_FINDING && s.changes[i].finding.kind == kind)
            return &s.changes[i];
    return NULL;
}

/* The first record that it names. */
static inline const struct change *shows(enum finding_kind kind)
{
    assert_non_null(found(kind));
    assert_in_range(found(kind)->finding.shown_by[0], 1, s.count);
    return &s.changes[found(kind)->finding.shown_by[0] - 1];
}

static inline const char *said(enum finding_kind kind)
{
    return found(kind) ? found(kind)->finding.text : "nothing";
}

static inline const char *advised(enum finding_kind kind, unsigned i)
{
    const char *remedy = found(kind) ? found(kind)->finding.remedy[i] : NULL;

    return remedy ? remedy : "nothing";
}

static inline uint64_t figure(enum finding_kind kind, const char *name)
{
    const struct change *c = found(kind);

    for (unsigned i = 0; c && i < FINDING_FIGURES_MAX && c->finding.evidence[i].name; i++)
        if (strcmp(c->finding.evidence[i].name, name) == 0)
            return c->finding.evidence[i].value;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_host, teardown)
#define CAPTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_capture, teardown)

#endif
