/* What `tcplens top` keeps of a trace: the newest lines, and the model with all that bounds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/top/history.h"
#include "tcplens/top/model.h"
#include "top_changes.h"
#include "values.h"

/* ---- history */

static void newest_lines_are_kept(void **state)
{
    struct history h;
    struct history_line line;
    uint64_t last = 0;
    char text[64];
    unsigned found = 0;

    (void)state;
    assert_int_equal(history_init(&h, 1000), 0);
    for (unsigned i = 1; i <= 500; i++) {
        const int len =
            snprintf(text, sizeof(text), "line %u %.*s", i, (int)(i % 30), "..............................");

        last = history_add(&h, last, i, text, (size_t)len);
        assert_int_not_equal(last, 0);
    }
    for (uint64_t at = last; history_find(&h, at, &line); at = line.before, found++) {
        snprintf(text, sizeof(text), "line %llu ", (unsigned long long)line.n);
        assert_int_equal(line.n, 500 - found);
        assert_memory_equal(line.text, text, strlen(text));
    }
    assert_in_range(found, 10, 40);
    assert_int_equal(history_add(&h, 0, 1, text, 2000), 0);
    assert_false(history_find(&h, 0, &line));
    history_free(&h);
}

/* ---- the model */

static void states_are_the_kernels_where_it_tells(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    connect_to(m, 1, 80);
    step(m, 1, END_CLIENT, TCP_STATE_SYN_SENT, WITNESS_WIRE);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_SYN_SENT), 1);
    step(m, 1, END_CLIENT, TCP_STATE_ESTABLISHED, WITNESS_KERNEL);
    step(m, 1, END_CLIENT, TCP_STATE_CLOSE_WAIT, WITNESS_WIRE);
    assert_int_equal(row_of(m, 1)->state[END_CLIENT], TCP_STATE_ESTABLISHED);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_SYN_SENT), 0);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_ESTABLISHED), 1);
    /* the peer is on another host: it is shown, and not counted */
    step(m, 1, END_SERVER, TCP_STATE_ESTABLISHED, WITNESS_WIRE);
    assert_int_equal(row_of(m, 1)->state[END_SERVER], TCP_STATE_ESTABLISHED);
    assert_int_equal(top_model_count(m, END_SERVER, TCP_STATE_ESTABLISHED), 0);
    top_model_free(m);
}

static void figures_are_of_packets(void **state)
{
    struct top_model *m = new_model();
    const struct top_row *row;

    (void)state;
    connect_to(m, 1, 80);
    segment(m, 1, 1, 100, 0, 0);
    segment(m, 1, 1, 100, NOTE_RETRANSMISSION, 0);
    segment(m, 1, 101, 50, 0, 8000000);
    segment(m, 1, 151, 0, 0, 16000000);
    row = row_of(m, 1);
    assert_int_equal(row->bytes[END_CLIENT], 150);
    assert_int_equal(row->again, 1);
    assert_int_equal(row->sent[END_CLIENT], 151);
    assert_int_equal(row->rtt_ns, 9000000); /* 7/8 of the old, 1/8 of the new */
    top_model_free(m);
}

static void listeners_stand_by_trouble(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    for (uint32_t i = 1; i <= 3; i++)
        tell(m, (struct change){ .kind = CHANGE_LISTENER,
                                 .listener = i,
                                 .listening = { .addr = endpoint("192.0.2.2", (uint16_t)i), .backlog = 4 } });
    tell(m, (struct change){ .kind = CHANGE_QUEUE, .listener = 2, .queue = { .accept = 5, .limit = 5 } });
    tell(m, (struct change){ .kind = CHANGE_QUEUE, .listener = 3, .queue = { .accept = 1, .limit = 5, .drops = 4 } });
    assert_int_equal(top_model_listener(m, 0)->number, 3);
    assert_int_equal(top_model_listener(m, 1)->number, 2);
    assert_int_equal(top_model_listener(m, 0)->limit, 5);
    assert_int_equal(top_model_totals(m).drops, 4);
    tell(m, (struct change){ .kind = CHANGE_LISTENER, .listener = 3, .listening = { .closed = true } });
    assert_int_equal(top_model_listener(m, 0)->number, 2);
    assert_null(top_model_listener(m, 2));
    assert_int_equal(top_model_totals(m).drops, 0);
    top_model_free(m);
}

static void what_ended_makes_room(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    for (uint32_t conn = 1; conn <= LIMIT_TOP_CONNECTIONS; conn++)
        connect_to(m, conn, 80);
    connect_to(m, 100001, 80); /* all are open: no room */
    assert_null(row_of(m, 100001));
    assert_int_equal(top_model_totals(m).beyond, 1);
    finish(m, 5, VERDICT_CLOSED_NORMALLY, CAUSE_NONE);
    finish(m, 3, VERDICT_CLOSED_NORMALLY, CAUSE_NONE);
    top_model_hold(m, true);
    connect_to(m, 100002, 80);
    assert_null(row_of(m, 100002));
    top_model_hold(m, false);
    connect_to(m, 100003, 443);
    assert_null(row_of(m, 5)); /* which ended first */
    assert_non_null(row_of(m, 3));
    assert_int_equal(row_of(m, 100003)->endpoints[END_SERVER].port, 443);
    assert_int_equal(row_of(m, 100003)->history[0], 0);
    assert_int_equal(top_model_totals(m).beyond, 2);
    top_model_free(m);
}

static void what_ended_is_in_no_state(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    for (uint32_t conn = 1; conn <= 3; conn++) {
        connect_to(m, conn, 80);
        step(m, conn, END_CLIENT, TCP_STATE_TIME_WAIT, WITNESS_KERNEL);
    }
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_TIME_WAIT), 3);
    finish(m, 1, VERDICT_CLOSED_NORMALLY, CAUSE_NONE);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_TIME_WAIT), 2);
    assert_int_equal(top_model_totals(m).open, 2);
    /* where its outcome is not told, as in one part of a trace, or says little */
    step(m, 2, END_SERVER, TCP_STATE_CLOSED, WITNESS_WIRE);
    assert_false(row_of(m, 2)->ended);
    step(m, 2, END_CLIENT, TCP_STATE_CLOSED, WITNESS_KERNEL);
    assert_true(row_of(m, 2)->ended);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_TIME_WAIT), 1);
    assert_int_equal(top_model_count(m, END_CLIENT, TCP_STATE_CLOSED), 0);
    assert_int_equal(top_model_totals(m).open, 1);
    finish(m, 2, VERDICT_CLOSED_NORMALLY, CAUSE_NONE);
    assert_int_equal(top_model_totals(m).open, 1);
    top_model_free(m);
}

static void only_what_changed_is_told(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    for (uint32_t conn = 1; conn <= 3; conn++)
        connect_to(m, conn, 80);
    while (top_model_next_changed(m))
        ;
    segment(m, 2, 1, 1, 0, 0);
    segment(m, 2, 2, 1, 0, 0);
    assert_int_equal(top_model_next_changed(m), top_model_find(m, 2));
    assert_int_equal(top_model_next_changed(m), 0);
    top_model_free(m);
}

static void busy_segments_leave_the_story_of_others(void **state)
{
    struct top_model *m = new_model();
    struct history_line *lines = calloc(LIMIT_TOP_TIMELINE, sizeof(*lines));
    bool all;

    (void)state;
    connect_to(m, 1, 80);
    step(m, 1, END_CLIENT, TCP_STATE_ESTABLISHED, WITNESS_KERNEL);
    connect_to(m, 2, 80);
    for (int64_t i = 0; i < 200000; i++)
        segment(m, 2, i, 1, 0, 0);
    assert_int_equal(top_model_history(m, row_of(m, 1), lines, &all), 2);
    assert_true(all);
    assert_int_equal(top_model_history(m, row_of(m, 2), lines, &all), LIMIT_TOP_TIMELINE);
    assert_false(all);
    for (unsigned i = 1; i < LIMIT_TOP_TIMELINE; i++)
        assert_true(lines[i].n > lines[i - 1].n);
    free(lines);
    top_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_lines_are_kept),     cmocka_unit_test(states_are_the_kernels_where_it_tells),
        cmocka_unit_test(figures_are_of_packets),    cmocka_unit_test(listeners_stand_by_trouble),
        cmocka_unit_test(what_ended_makes_room),     cmocka_unit_test(what_ended_is_in_no_state),
        cmocka_unit_test(only_what_changed_is_told), cmocka_unit_test(busy_segments_leave_the_story_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
