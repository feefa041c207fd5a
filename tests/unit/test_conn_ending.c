/* Why a socket was closed, by what it said of itself; and why a listener dropped a segment. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/conn/kernel.h"

static void causes_of_a_socket(void **state)
{
    static const struct {
        enum tcp_state from;
        struct sock_ending ending;
        bool got_reset;
        enum cause cause;
    } cases[] = {
        /* its application closed it */
        { TCP_STATE_ESTABLISHED, { .closing = true, .unread = 6 }, false, CAUSE_UNREAD_DATA },
        { TCP_STATE_ESTABLISHED, { .closing = true, .linger = true, .unread = 6 }, false, CAUSE_UNREAD_DATA },
        { TCP_STATE_CLOSE_WAIT, { .closing = true, .unread = 1 }, false, CAUSE_NONE }, /* that is the FIN */
        { TCP_STATE_CLOSE_WAIT, { .closing = true, .unread = 2 }, false, CAUSE_UNREAD_DATA },
        { TCP_STATE_ESTABLISHED, { .closing = true, .linger = true }, false, CAUSE_ABORT },
        { TCP_STATE_ESTABLISHED, { 0 }, false, CAUSE_ABORT }, /* connect(AF_UNSPEC) */
        { TCP_STATE_LAST_ACK, { .closing = true, .orphan = true }, false, CAUSE_NONE },
        { TCP_STATE_LAST_ACK, { 0 }, false, CAUSE_NONE },
        { TCP_STATE_SYN_SENT, { .closing = true }, false, CAUSE_NONE },
        { TCP_STATE_FIN_WAIT_2, { .closing = true, .orphan = true }, false, CAUSE_NONE },
        { TCP_STATE_FIN_WAIT_2, { .closing = true, .orphan = true, .linger2 = true }, false, CAUSE_ABORT },
        /* its kernel gave up */
        { TCP_STATE_SYN_SENT, { .error = ETIMEDOUT, .retransmits = 6, .queued = 1 }, false, CAUSE_SYN_TIMEOUT },
        { TCP_STATE_ESTABLISHED,
          { .error = ETIMEDOUT, .retransmits = 15, .queued = 9 },
          false,
          CAUSE_RETRANSMISSION_TIMEOUT },
        { TCP_STATE_ESTABLISHED,
          { .error = ETIMEDOUT, .retransmits = 3, .queued = 9, .user_timeout = true },
          false,
          CAUSE_USER_TIMEOUT },
        { TCP_STATE_ESTABLISHED,
          { .error = ETIMEDOUT, .probes = 15, .queued = 9, .zero_window = true },
          false,
          CAUSE_PROBE_TIMEOUT },
        { TCP_STATE_ESTABLISHED,
          { .error = ETIMEDOUT, .probes = 3, .queued = 9, .zero_window = true, .user_timeout = true },
          false,
          CAUSE_PROBE_TIMEOUT },
        { TCP_STATE_ESTABLISHED, { .error = ETIMEDOUT, .probes = 9 }, false, CAUSE_KEEP_ALIVE_TIMEOUT },
        { TCP_STATE_CLOSE_WAIT, { .error = ETIMEDOUT, .probes = 9 }, false, CAUSE_KEEP_ALIVE_TIMEOUT },
        { TCP_STATE_LAST_ACK,
          { .error = ETIMEDOUT, .retransmits = 8, .queued = 1, .orphan = true },
          false,
          CAUSE_ORPHAN_TIMEOUT },
        { TCP_STATE_FIN_WAIT_1,
          { .error = ETIMEDOUT, .probes = 8, .queued = 5, .orphan = true, .zero_window = true },
          false,
          CAUSE_ORPHAN_TIMEOUT },
        /* others did */
        { TCP_STATE_ESTABLISHED, { .error = ECONNABORTED }, false, CAUSE_KILLED },
        { TCP_STATE_ESTABLISHED, { .error = ECONNRESET, .unread = 7 }, true, CAUSE_NONE },
        { TCP_STATE_CLOSE_WAIT, { .error = EPIPE }, true, CAUSE_NONE },
        { TCP_STATE_SYN_SENT, { .error = ECONNREFUSED }, true, CAUSE_NONE },
        { TCP_STATE_SYN_SENT, { .error = ECONNREFUSED }, false, CAUSE_ICMP_PORT_UNREACHABLE },
        { TCP_STATE_SYN_SENT, { .error = EHOSTUNREACH }, false, CAUSE_ICMP_HOST_UNREACHABLE },
        { TCP_STATE_SYN_SENT, { .error = ENETUNREACH }, false, CAUSE_ICMP_NET_UNREACHABLE },
        { TCP_STATE_ESTABLISHED,
          { .error = EHOSTUNREACH, .retransmits = 15, .queued = 1 },
          false,
          CAUSE_ICMP_HOST_UNREACHABLE },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const enum cause cause = kernel_ending_cause(cases[i].from, &cases[i].ending, cases[i].got_reset);

        if (cause != cases[i].cause)
            fail_msg("case %u: %s, not %s", i, cause_name(cause), cause_name(cases[i].cause));
    }
}

static void causes_of_a_drop(void **state)
{
    static const struct {
        struct queue_depth depth;
        bool of_ack;
        enum cause cause;
    } cases[] = {
        { { .accept = 17, .backlog = 16 }, false, CAUSE_ACCEPT_QUEUE_FULL },
        { { .accept = 17, .backlog = 16, .signature = true }, false, CAUSE_SIGNATURE_REFUSED },
        { { .accept = 17, .backlog = 16, .deferred = true }, true, CAUSE_ACCEPT_QUEUE_FULL },
        { { .syn = 1, .backlog = 16, .deferred = true }, true, CAUSE_DEFERRED },
        { { .syn = 1, .backlog = 16, .deferred = true }, false, CAUSE_LISTENER_DROPPED },
        { { .syn = 16, .accept = 16, .backlog = 16 }, false, CAUSE_SYN_QUEUE_FULL },
        { { .syn = 15, .accept = 16, .backlog = 16 }, false, CAUSE_LISTENER_DROPPED },
        { { .syn = 7, .backlog = 128, .max_syn_backlog = 8 }, false, CAUSE_SYN_BACKLOG_FULL },
        { { .syn = 6, .backlog = 128, .max_syn_backlog = 8 }, false, CAUSE_LISTENER_DROPPED },
        { { .syn = 7, .backlog = 128, .max_syn_backlog = 8, .cookies = true }, false, CAUSE_LISTENER_DROPPED },
        { { .syn = 7, .backlog = 128, .max_syn_backlog = 8 }, true, CAUSE_LISTENER_DROPPED },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(queue_drop_cause(&cases[i].depth, cases[i].of_ack), cases[i].cause);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_of_a_socket),
        cmocka_unit_test(causes_of_a_drop),
    };

    return cmocka_run_group_tests_name("conn_ending", tests, NULL, NULL);
}
