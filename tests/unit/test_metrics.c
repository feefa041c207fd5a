/* What changes add up to, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_browser.h"
#include "tcplens/base/limits.h"
#include "tcplens/metrics/metrics.h"
#include "tcplens/sink/http.h"

#define MS 1000000ull

static struct metrics *fresh(void)
{
    struct metrics *m;

    assert_int_equal(metrics_new(&m), 0);
    return m;
}

static char *text_of(struct metrics *m, enum metrics_format format)
{
    size_t len;
    char *text = metrics_text(m, format, &len);

    assert_non_null(text);
    assert_int_equal(strlen(text), len);
    return text;
}

/* A whole line of the text. */
static void assert_line(struct metrics *m, const char *line)
{
    char *text = text_of(m, METRICS_PROMETHEUS), whole[256];
    bool found;

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    found = strstr(text, whole);
    if (!found)
        print_error("'%s' is not in:\n%s\n", line, text);
    free(text);
    assert_true(found);
}

static void tell_state(struct metrics *m, enum end end, enum tcp_state from, enum tcp_state to, enum witness source,
                       uint64_t spent_ns)
{
    const struct change c = {
        .kind = CHANGE_STATE,
        .conn = 1,
        .end = end,
        .state = { .from = from, .to = to, .source = source, .spent_ns = spent_ns },
    };

    metrics_change(m, &c);
}

static void tell_listener(struct metrics *m, uint32_t number, uint16_t port, bool closed)
{
    const struct change c = {
        .kind = CHANGE_LISTENER,
        .listener = number,
        .listening = { .addr = { addr_from_ipv4((const uint8_t[]){ 192, 0, 2, 1 }), port },
                       .backlog = 4,
                       .closed = closed },
    };

    metrics_change(m, &c);
}

static void tell_queue(struct metrics *m, uint32_t number, enum queue_why why, enum cause cause, uint32_t accept)
{
    const struct change c = {
        .kind = CHANGE_QUEUE,
        .listener = number,
        .queue = { .syn = 2, .accept = accept, .limit = 5, .why = why, .cause = cause, .waited_ns = 3 * MS },
    };

    metrics_change(m, &c);
}

static void test_states(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    struct change left = {
        .kind = CHANGE_OUTCOME,
        .conn = 1,
        .outcome = { .verdict = VERDICT_STILL_OPEN, .cause = CAUSE_NONE, .duration_ns = 2000 * MS, .forgotten = true },
    };

    tell_state(m, END_CLIENT, TCP_STATE_CLOSED, TCP_STATE_SYN_SENT, WITNESS_KERNEL, 0);
    assert_line(m, "tcplens_connection_ends{source=\"kernel\",end=\"client\",state=\"SYN-SENT\"} 1");
    tell_state(m, END_CLIENT, TCP_STATE_SYN_SENT, TCP_STATE_ESTABLISHED, WITNESS_KERNEL, 30 * MS);
    tell_state(m, END_SERVER, TCP_STATE_SYN_RECEIVED, TCP_STATE_ESTABLISHED, WITNESS_WIRE, 0);
    assert_line(m, "tcplens_connection_ends{source=\"kernel\",end=\"client\",state=\"SYN-SENT\"} 0");
    assert_line(m, "tcplens_connection_ends{source=\"kernel\",end=\"client\",state=\"ESTABLISHED\"} 1");
    assert_line(m, "tcplens_connection_ends{source=\"wire\",end=\"server\",state=\"ESTABLISHED\"} 1");
    assert_line(m, "tcplens_handshake_seconds_bucket{end=\"client\",le=\"0.02\"} 0");
    assert_line(m, "tcplens_handshake_seconds_bucket{end=\"client\",le=\"0.1\"} 1");
    assert_line(m, "tcplens_handshake_seconds_bucket{end=\"client\",le=\"+Inf\"} 1");
    assert_line(m, "tcplens_handshake_seconds_sum{end=\"client\"} 0.03");
    assert_line(m, "tcplens_handshake_seconds_count{end=\"server\"} 0"); /* nobody told how long */
    assert_line(m, "tcplens_state_seconds_count{end=\"client\",state=\"SYN-SENT\"} 1");

    left.outcome.left[END_CLIENT][0] = left.outcome.left[END_SERVER][1] = TCP_STATE_ESTABLISHED;
    metrics_change(m, &left);
    assert_line(m, "tcplens_connection_ends{source=\"kernel\",end=\"client\",state=\"ESTABLISHED\"} 0");
    assert_line(m, "tcplens_connection_ends{source=\"wire\",end=\"server\",state=\"ESTABLISHED\"} 0");
    assert_line(m, "tcplens_outcomes_total{verdict=\"still-open\"} 1");
    assert_line(m, "tcplens_outcomes_total{verdict=\"refused\"} 0");
    assert_line(m, "tcplens_connections_forgotten_total 1");
    assert_line(m, "tcplens_connection_duration_seconds_sum 2.0");
    metrics_free(m);
}

static void test_queues(void **state)
{
    (void)state;
    struct metrics *m = fresh();

    tell_listener(m, 1, 80, false);
    tell_listener(m, 2, 80, false); /* SO_REUSEPORT */
    tell_queue(m, 1, QUEUE_JOINED, CAUSE_NONE, 3);
    tell_queue(m, 2, QUEUE_OVERFLOW, CAUSE_ACCEPT_QUEUE_FULL, 5);
    assert_line(m, "tcplens_listener_queue_length{listener=\"192.0.2.1:80\",queue=\"accept\"} 8");
    assert_line(m, "tcplens_listener_queue_length{listener=\"192.0.2.1:80\",queue=\"syn\"} 4");
    assert_line(m, "tcplens_listener_queue_limit{listener=\"192.0.2.1:80\",queue=\"accept\"} 10");
    assert_line(m, "tcplens_listener_drops_total{listener=\"192.0.2.1:80\",cause=\"accept-queue-full\"} 1");
    assert_line(m, "tcplens_listener_drops_total{listener=\"192.0.2.1:80\",cause=\"syn-queue-full\"} 0");
    assert_line(m, "tcplens_listener_events_total{listener=\"192.0.2.1:80\",event=\"queued\"} 1");
    assert_line(m, "tcplens_accept_wait_seconds_bucket{listener=\"192.0.2.1:80\",le=\"0.005\"} 2");
    tell_listener(m, 2, 80, true);
    assert_line(m, "tcplens_listener_queue_length{listener=\"192.0.2.1:80\",queue=\"accept\"} 3");
    assert_line(m, "tcplens_listener_sockets{listener=\"192.0.2.1:80\"} 1");
    metrics_free(m);
}

/* Whoever opens listeners without end costs no more, and no sum goes back. */
static void test_many_listeners(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    uint32_t number = 0;

    tell_listener(m, ++number, 1, false);
    for (unsigned i = 0; i < 3 * LIMIT_METRICS_ADDRESSES; i++) {
        tell_listener(m, ++number, (uint16_t)(1000 + i), false);
        tell_queue(m, number, QUEUE_OVERFLOW, CAUSE_SYN_QUEUE_FULL, 0);
        tell_listener(m, number, (uint16_t)(1000 + i), true);
    }
    /* the newest of those that are gone are kept, and the one where somebody listens */
    assert_line(m, "tcplens_listener_drops_total{listener=\"192.0.2.1:1383\",cause=\"syn-queue-full\"} 1");
    assert_line(m, "tcplens_listener_drops_total{listener=\"other\",cause=\"syn-queue-full\"} 257");
    assert_line(m, "tcplens_listener_sockets{listener=\"192.0.2.1:1\"} 1");
    assert_line(m, "tcplens_listener_addresses_folded_total 257");
    assert_line(m, "tcplens_listeners_beyond_total 0");

    for (unsigned i = 0; i < LIMIT_METRICS_LISTENERS + 10; i++)
        tell_listener(m, ++number, (uint16_t)(20000 + i), false);
    tell_queue(m, number, QUEUE_OVERFLOW, CAUSE_SYN_QUEUE_FULL, 0);
    /* 128 have a place, one of them from before; 4096 are known */
    assert_line(m, "tcplens_listeners_beyond_total 3979");
    assert_line(m, "tcplens_listener_drops_total{listener=\"other\",cause=\"syn-queue-full\"} 385");
    for (uint32_t i = 1; i <= number; i++)
        tell_listener(m, i, 1, true);
    assert_line(m, "tcplens_listener_sockets{listener=\"other\"} 0");
    assert_line(m, "tcplens_listener_sockets{listener=\"192.0.2.1:1\"} 0");
    metrics_free(m);
}

static void test_resets(void **state)
{
    (void)state;
    struct metrics *m = fresh();

    for (unsigned i = 0; i < LIMIT_METRICS_REASONS + 7; i++) {
        struct change c = { .kind = CHANGE_RESET, .conn = 1, .reset = { .sent = i == 0 } };

        snprintf(c.reset.reason, sizeof(c.reset.reason), "R%u \"\\\n", i);
        metrics_change(m, &c);
        metrics_change(m, &c);
    }
    assert_line(m, "tcplens_resets_total{direction=\"sent\",reason=\"R0 \\\"\\\\_\"} 2");
    assert_line(m, "tcplens_resets_total{direction=\"received\",reason=\"R47 \\\"\\\\_\"} 2");
    assert_line(m, "tcplens_resets_total{direction=\"received\",reason=\"other\"} 14");
    metrics_free(m);
}

static void test_losses_and_findings(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    struct change finding = { .kind = CHANGE_FINDING,
                              .finding = { .kind = FINDING_accept_queue, .severity = SEVERITY_ERROR } };
    const struct change gap = { .kind = CHANGE_GAP, .gap = { .source = WITNESS_WIRE, .lost = 17 } };
    const struct change segment = { .kind = CHANGE_SEGMENT, .segment = { .notes = NOTE_RETRANSMISSION | NOTE_COPY } };

    metrics_change(m, &finding);
    finding.finding.told_before = true;
    metrics_change(m, &finding);
    metrics_change(m, &gap);
    metrics_change(m, &segment);
    assert_line(m, "tcplens_findings_by_severity_total{severity=\"error\"} 1");
    assert_line(m, "tcplens_records_total{record=\"finding\"} 2");
    assert_line(m, "tcplens_lost_events_total{source=\"wire\"} 17");
    assert_line(m, "tcplens_segment_notes_total{note=\"copy\"} 1");
    assert_line(m, "tcplens_segment_notes_total{note=\"retransmission\"} 1");
    metrics_free(m);
}

/* OpenMetrics: a counter's family without _total, and a mark at the end. */
static void test_formats(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    char *plain = text_of(m, METRICS_PROMETHEUS), *open = text_of(m, METRICS_OPENMETRICS);

    assert_non_null(strstr(plain, "# TYPE tcplens_connections_total counter\n"));
    assert_null(strstr(plain, "# EOF"));
    assert_non_null(strstr(open, "# TYPE tcplens_connections counter\n"));
    assert_non_null(strstr(open, "\ntcplens_connections_total 0\n"));
    assert_string_equal(open + strlen(open) - 6, "# EOF\n");
    free(plain);
    free(open);
    metrics_free(m);
}

/* alone: as `tcplens export` shows them. */
static struct http *serve(struct metrics *m, bool alone)
{
    struct http *http;

    assert_int_equal(http_open(NULL, 0, alone ? NULL : PAGE, alone ? 0 : strlen(PAGE), 0, &http), 0);
    http_show_metrics(http, m, alone);
    assert_int_equal(http_start(http), 0);
    return http;
}

static int status_of(struct http *http, const char *path, const char *headers, const char *expected)
{
    struct browser b;
    int status;

    browser_get(&b, http, path, headers);
    browser_receive_all(&b);
    status = browser_status(&b);
    if (expected && !strstr(b.head, expected))
        fail_msg("'%s' is not in %s", expected, b.head);
    browser_close(&b);
    return status;
}

static void test_alone(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    struct http *http = serve(m, true);
    static const char *const nothing[] = { "/events", "/trace", "/files", "/file?n=0", "/metrics/" };

    assert_int_equal(status_of(http, "/metrics", "", "text/plain; version=0.0.4"), 200);
    assert_int_equal(status_of(http, "/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n",
                               "application/openmetrics-text; version=1.0.0"),
                     200);
    assert_int_equal(status_of(http, "/metrics", "Accept: application/openmetrics-text;q=0,text/plain\r\n",
                               "text/plain; version=0.0.4"),
                     200);
    assert_int_equal(status_of(http, "/", "", "text/html"), 200); /* which says where the metrics are */
    for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
        assert_int_equal(status_of(http, nothing[i], "", "text/plain"), 404);
    http_close(http);
    metrics_free(m);
}

static void test_beside_the_page(void **state)
{
    (void)state;
    struct metrics *m = fresh();
    struct http *http = serve(m, false);
    char path[128];

    assert_int_equal(status_of(http, "/metrics", "", NULL), 403);
    snprintf(path, sizeof(path), "/metrics?token=%s", server_token(http));
    assert_int_equal(status_of(http, path, "", "text/plain; version=0.0.4"), 200);
    http_close(http);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_many_listeners),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_losses_and_findings),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_beside_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
