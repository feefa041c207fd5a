/* The kernel's lane has two feeders, hooks and samples. What they tell of the same life must come to the same end. */
#include "conn_script.h"

/* An end is in a state, held by a full socket: a hook says so as it happens, a sample finds it. */
typedef void (*tell_fn)(enum end end, uint64_t cookie, enum tcp_state from, enum tcp_state to);

static void by_hook(enum end end, uint64_t cookie, enum tcp_state from, enum tcp_state to)
{
    sock(&s, end, cookie, from, to, 0);
}

static void by_sample(enum end end, uint64_t cookie, enum tcp_state from, enum tcp_state to)
{
    struct event e = kernel_event(&s, to == CLOSED ? EVENT_SOCK_STATE : EVENT_SNAPSHOT, end, cookie);

    e.source = WITNESS_DIAG;
    if (to == CLOSED) {
        e.sock.from = from;
        e.sock.to = to;
    } else {
        e.snapshot.state = to;
        e.snapshot.fresh = true;
    }
    feed(&s, &e);
}

static const struct {
    const char *name;
    tell_fn tell;
} feeders[] = { { "hooks", by_hook }, { "samples", by_sample } };

struct step {
    enum end end;
    enum tcp_state from, to;
};

#define OPEN                                                                                                           \
    { C, CLOSED, SYN_SENT }, { S, LISTEN, SYN_RECEIVED }, { C, SYN_SENT, ESTABLISHED },                                \
    {                                                                                                                  \
        S, SYN_RECEIVED, ESTABLISHED                                                                                   \
    }

static void ends_as(const struct step *steps, size_t count, enum verdict verdict)
{
    for (size_t f = 0; f < sizeof(feeders) / sizeof(*feeders); f++) {
        script_start(&s);
        for (size_t i = 0; i < count; i++)
            feeders[f].tell(steps[i].end, steps[i].end == C ? CLIENT : CHILD, steps[i].from, steps[i].to);
        script_finish(&s);
        if (outcome_of(&s, 1)->outcome.verdict != verdict)
            fail_msg("%s: %s", feeders[f].name, verdict_name(outcome_of(&s, 1)->outcome.verdict));
        script_free(&s);
    }
}
#define ENDS_AS(verdict, ...)                                                                                          \
    ends_as((const struct step[]){ __VA_ARGS__ }, sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step),  \
            verdict)

static void open_at_both_ends(void **state)
{
    (void)state;
    ENDS_AS(VERDICT_STILL_OPEN, OPEN);
}

static void handshake_only_begun(void **state)
{
    (void)state;
    ENDS_AS(VERDICT_HANDSHAKE_INCOMPLETE, { C, CLOSED, SYN_SENT }, { S, LISTEN, SYN_RECEIVED },
            { C, SYN_SENT, ESTABLISHED });
}

static void half_closed(void **state)
{
    (void)state;
    ENDS_AS(VERDICT_HALF_CLOSED, OPEN, { C, ESTABLISHED, FIN_WAIT_1 }, { S, ESTABLISHED, CLOSE_WAIT },
            { C, FIN_WAIT_1, FIN_WAIT_2 });
}

static void closed_in_turn(void **state)
{
    (void)state;
    ENDS_AS(VERDICT_CLOSED_NORMALLY, OPEN, { C, ESTABLISHED, FIN_WAIT_1 }, { S, ESTABLISHED, CLOSE_WAIT },
            { C, FIN_WAIT_1, FIN_WAIT_2 }, { S, CLOSE_WAIT, LAST_ACK }, { C, FIN_WAIT_2, CLOSED },
            { S, LAST_ACK, CLOSED });
}

static void closed_at_once(void **state)
{
    (void)state;
    ENDS_AS(VERDICT_CLOSED_BOTH, OPEN, { C, ESTABLISHED, FIN_WAIT_1 }, { S, ESTABLISHED, FIN_WAIT_1 },
            { C, FIN_WAIT_1, CLOSING }, { S, FIN_WAIT_1, CLOSING }, { C, CLOSING, CLOSED }, { S, CLOSING, CLOSED });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_at_both_ends), cmocka_unit_test(handshake_only_begun), cmocka_unit_test(half_closed),
        cmocka_unit_test(closed_in_turn),    cmocka_unit_test(closed_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
