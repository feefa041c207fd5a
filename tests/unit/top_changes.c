#include "top_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "values.h"

void tell(struct top_model *m, struct change c)
{
    static uint64_t n;

    c.n = ++n;
    if (!c.ts_ns)
        c.ts_ns = START;
    top_model_take(m, &c, START);
}

void connect_to(struct top_model *m, uint32_t conn, uint16_t port)
{
    tell(m, (struct change){ .kind = CHANGE_CONNECTION,
                             .conn = conn,
                             .connection = { .client = endpoint("192.0.2.1", (uint16_t)(20000 + conn % 40000)),
                                             .server = endpoint("192.0.2.2", port),
                                             .local = { [END_CLIENT] = true } } });
}

void step(struct top_model *m, uint32_t conn, enum end end, enum tcp_state to, enum witness source)
{
    tell(m, (struct change){ .kind = CHANGE_STATE,
                             .conn = conn,
                             .end = end,
                             .state = { .from = TCP_STATE_CLOSED,
                                        .to = to,
                                        .source = source,
                                        .owner = { .pid = 7, .comm = "\x1b[2Jx" } } });
}

void finish(struct top_model *m, uint32_t conn, enum verdict verdict, enum cause cause)
{
    tell(m, (struct change){ .kind = CHANGE_OUTCOME,
                             .conn = conn,
                             .outcome = { .verdict = verdict,
                                          .cause = cause,
                                          .cause_end = END_N,
                                          .closed_by = END_N,
                                          .reset_by = END_N,
                                          .final = { TCP_STATE_CLOSED, TCP_STATE_CLOSED } } });
}

void segment(struct top_model *m, uint32_t conn, int64_t seq, uint32_t len, uint32_t notes, uint64_t rtt_ns)
{
    tell(m, (struct change){ .kind = CHANGE_SEGMENT,
                             .conn = conn,
                             .end = END_CLIENT,
                             .segment = { .seq = seq,
                                          .rtt_ns = rtt_ns,
                                          .notes = notes,
                                          .segment = { .payload_len = len, .flags = SEGMENT_ACK } } });
}

const struct top_row *row_of(const struct top_model *m, uint32_t conn)
{
    const uint32_t place = top_model_find(m, conn);

    return place ? top_model_row(m, place) : NULL;
}

struct top_model *new_model(void)
{
    struct top_model *m;

    assert_int_equal(top_model_new(&m), 0);
    return m;
}
