#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../src/source/bpf_mend.h"

#define OUT_MAX (2 * LIMIT_KERNEL_CANCELLATIONS)

/* What was passed on. An event is known by its number, which travels in the cookie. */
static struct {
    uint64_t ts_ns, number;
    uint8_t kind;
} out[OUT_MAX];
static size_t out_count;

static void collect(void *arg, const struct tcplens_event *e)
{
    (void)arg;
    assert_true(out_count < OUT_MAX);
    out[out_count].ts_ns = e->ts_ns;
    out[out_count].number = e->cookie;
    out[out_count++].kind = e->kind;
}

static struct bpf_mend *new_mend(void)
{
    struct bpf_mend *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    out_count = 0;
    return m;
}

/* As the ring has it: no byte more than its size may be read, which the sanitizers see. */
static void put_flow(struct bpf_mend *m, uint8_t kind, uint64_t ts_ns, uint64_t number, uint16_t lport, uint16_t rport)
{
    const struct tcplens_event whole = {
        .ts_ns = ts_ns, .cookie = number, .kind = kind, .flow = { .lport = lport, .rport = rport }
    };
    const size_t size = tcplens_event_size(kind, false, false);
    struct tcplens_event *e = malloc(size);

    assert_non_null(e);
    memcpy(e, &whole, size);
    bpf_mend_put(m, e, collect, NULL);
    free(e);
}

static void put(struct bpf_mend *m, uint8_t kind, uint64_t number)
{
    put_flow(m, kind, number, number, 80, 1000);
}

static void end_batch(struct bpf_mend *m)
{
    bpf_mend_end_batch(m, collect, NULL);
}

static void armed_again_is_not_cancelled(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    put(m, TCPLENS_TIMEWAIT_KILLED, 1);
    put(m, TCPLENS_TIMEWAIT_START, 1);
    put(m, TCPLENS_TIMEWAIT_KILLED, 2);
    end_batch(m);
    put(m, TCPLENS_TIMEWAIT_EXPIRED, 2); /* a batch later: still in time */
    end_batch(m);
    end_batch(m);
    assert_int_equal(out_count, 2);
    assert_int_equal(out[0].kind, TCPLENS_TIMEWAIT_START);
    assert_int_equal(out[1].kind, TCPLENS_TIMEWAIT_EXPIRED);
    free(m);
}

static void cancellation_waits_for_one_batch(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    put(m, TCPLENS_TIMEWAIT_KILLED, 1);
    end_batch(m);
    put(m, TCPLENS_TIMEWAIT_KILLED, 2);
    assert_int_equal(out_count, 0);
    end_batch(m);
    assert_int_equal(out_count, 1);
    assert_int_equal(out[0].number, 1);
    put(m, TCPLENS_TIMEWAIT_START, 1); /* of the next minisock with this cookie */
    end_batch(m);
    assert_int_equal(out_count, 3);
    assert_int_equal(out[2].number, 2);
    free(m);
}

/* Both ends of a connection have minisocks, and a cookie of 0 says nothing. */
static void other_connection_keeps_its_cancellation(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    put_flow(m, TCPLENS_TIMEWAIT_KILLED, 1, 0, 80, 1000);
    put_flow(m, TCPLENS_TIMEWAIT_KILLED, 2, 0, 80, 1001);
    put_flow(m, TCPLENS_TIMEWAIT_START, 3, 0, 80, 1000);
    end_batch(m);
    end_batch(m);
    assert_int_equal(out_count, 2);
    assert_int_equal(out[0].kind, TCPLENS_TIMEWAIT_START);
    assert_int_equal(out[1].kind, TCPLENS_TIMEWAIT_KILLED);
    assert_int_equal(out[1].ts_ns, 2);
    free(m);
}

static void cancellations_without_room_are_counted(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    for (unsigned i = 0; i < LIMIT_KERNEL_CANCELLATIONS; i++)
        put(m, TCPLENS_TIMEWAIT_KILLED, i + 1);
    assert_int_equal(out_count, 0);
    assert_int_equal(m->unsure, 0);
    put(m, TCPLENS_TIMEWAIT_KILLED, LIMIT_KERNEL_CANCELLATIONS + 1);
    assert_int_equal(m->unsure, 1);
    assert_int_equal(out_count, 1);
    assert_int_equal(out[0].number, LIMIT_KERNEL_CANCELLATIONS + 1);
    end_batch(m);
    end_batch(m);
    assert_int_equal(out_count, LIMIT_KERNEL_CANCELLATIONS + 1);
    free(m);
}

/* Told of when it has arrived already, it stands before that; not before the RST of somebody else, nor of its peer. */
static void reset_is_sent_before_it_is_received(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    put_flow(m, TCPLENS_RESET_RECEIVED, 20, 1, 1000, 80);
    put_flow(m, TCPLENS_STATE, 22, 2, 1000, 80);
    put_flow(m, TCPLENS_RESET_SENT, 25, 3, 80, 1000);
    put_flow(m, TCPLENS_RESET_RECEIVED, 30, 4, 1001, 80);
    put_flow(m, TCPLENS_RESET_SENT, 31, 5, 80, 1002);
    put_flow(m, TCPLENS_RESET_SENT, 32, 6, 1001, 80);
    assert_int_equal(out_count, 6);
    for (size_t i = 0; i < out_count; i++)
        assert_int_equal(out[i].number, i + 1);
    assert_int_equal(out[2].ts_ns, 19);
    assert_int_equal(out[4].ts_ns, 31);
    assert_int_equal(out[5].ts_ns, 32);
    free(m);
}

static void arrival_answers_for_one_reset(void **state)
{
    struct bpf_mend *m = new_mend();

    (void)state;
    put_flow(m, TCPLENS_RESET_RECEIVED, 20, 1, 1000, 80);
    put_flow(m, TCPLENS_RESET_SENT, 25, 2, 80, 1000);
    put_flow(m, TCPLENS_RESET_SENT, 26, 3, 80, 1000);
    put_flow(m, TCPLENS_RESET_RECEIVED, 30, 4, 1000, 80);
    put_flow(m, TCPLENS_RESET_SENT, 30 + 20000000, 5, 80, 1000); /* too late to be about this one */
    assert_int_equal(out[1].ts_ns, 19);
    assert_int_equal(out[2].ts_ns, 26);
    assert_int_equal(out[4].ts_ns, 30 + 20000000);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(armed_again_is_not_cancelled),
        cmocka_unit_test(cancellation_waits_for_one_batch),
        cmocka_unit_test(other_connection_keeps_its_cancellation),
        cmocka_unit_test(cancellations_without_room_are_counted),
        cmocka_unit_test(reset_is_sent_before_it_is_received),
        cmocka_unit_test(arrival_answers_for_one_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
