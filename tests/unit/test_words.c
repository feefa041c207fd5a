/* The words of the trace, and the verdict as a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "tcplens/trace/sentence.h"

static void test_verdicts(void **state)
{
    struct change c = { .kind = CHANGE_OUTCOME };
    char text[256], small[10];
    int len;

    (void)state;
    for (unsigned v = 0; v < VERDICT_N; v++) {
        for (unsigned closed_by = 0; closed_by <= END_UNKNOWN; closed_by++) {
            c.outcome.verdict = (enum verdict)v;
            c.outcome.closed_by = (enum end)closed_by;
            len = verdict_format(&c, text, sizeof(text));
            assert_in_range(len, 10, 150);
            assert_int_equal(len, strlen(text));
            assert_int_equal(text[len - 1], '.');
            /* Only the length tells of what did not fit. */
            assert_int_equal(verdict_format(&c, small, sizeof(small)), len);
            assert_int_equal(strlen(small), sizeof(small) - 1);
        }
    }
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_CLOSED_NORMALLY, .closed_by = END_SERVER };
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text, "Closed normally: the server closed first.");
    c.outcome.state_ns[END_SERVER][TCP_STATE_TIME_WAIT] = 1;
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text, "Closed normally: the server closed first and has been through TIME-WAIT.");
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_HALF_CLOSED,
                                     .closed_by = END_CLIENT,
                                     .final = { TCP_STATE_FIN_WAIT_2, TCP_STATE_CLOSE_WAIT } };
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text,
                        "Half closed: the client sent its FIN, the server has not sent its own yet (CLOSE-WAIT).");
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_CLOSING,
                                     .closed_by = END_CLIENT,
                                     .final = { TCP_STATE_FIN_WAIT_2, TCP_STATE_LAST_ACK } };
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text, "Closing when last seen: both ends have sent a FIN "
                              "(client FIN-WAIT-2, server LAST-ACK).");
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_RESET_BY_SERVER, .closed_by = END_CLIENT };
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text, "Reset: the server sent a RST after the client's FIN. Why was not seen.");
}

static void test_causes(void **state)
{
    static const struct {
        enum verdict verdict;
        enum cause cause;
        uint32_t drops;
        const char *text;
    } cases[] = {
        { VERDICT_NO_ANSWER, CAUSE_ACCEPT_QUEUE_FULL, 3,
          "No answer: no SYN,ACK came back to the client's SYN. "
          "The accept queue of L7 was full, its SYN was dropped 3 times." },
        { VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_SYN_QUEUE_FULL, 1,
          "Handshake not completed: the server answered the SYN and took no ACK for that. "
          "The SYN queue of L7 was full, its ACK was dropped 1 time." },
        { VERDICT_NO_ANSWER, CAUSE_LISTENER_DROPPED, 2,
          "No answer: no SYN,ACK came back to the client's SYN. L7 dropped its SYN 2 times." },
        { VERDICT_RESET_BY_SERVER, CAUSE_LISTENER_CLOSED, 0,
          "Reset: the server aborted the connection with a RST. "
          "The listener L7 was closed before accept() took the connection." },
        { VERDICT_REFUSED, CAUSE_NO_LISTENER, 0,
          "Refused: a RST answered the client's SYN. Nobody listens on that port." },
        { VERDICT_REFUSED, CAUSE_FILTER_RESET, 0,
          "Refused: a RST answered the client's SYN. The client's TCP did not send it: a packet filter did, or it is "
          "forged." },
        { VERDICT_RESET_BY_SERVER, CAUSE_FILTER_RESET, 0,
          "Reset: a RST in the server's name ended the connection. "
          "The client's TCP did not send it: a packet filter did, or it is forged." },
        { VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_NO_ACK, 0,
          "Handshake not completed: the server answered the SYN and took no ACK for that. "
          "None is among the packets: the client did not get the SYN,ACK, or is not there." },
        { VERDICT_NO_ANSWER, CAUSE_SUPERSEDED, 0,
          "No answer: no SYN,ACK came back to the client's SYN. "
          "The client gave it up, and began another connection from the same port." },
        { VERDICT_NO_ANSWER, CAUSE_SIGNATURE_REFUSED, 2,
          "No answer: no SYN,ACK came back to the client's SYN. L7 dropped its SYN 2 times for its signature: TCP-MD5 or "
          "TCP-AO is missing, wrong, or not asked for." },
        { VERDICT_REFUSED, CAUSE_NONE, 0, "Refused: a RST answered the client's SYN. Why was not seen." },
        { VERDICT_STILL_OPEN, CAUSE_NONE, 0, "Open when last seen: client UNKNOWN, server UNKNOWN." },
        { VERDICT_NO_ANSWER, CAUSE_SYN_BACKLOG_FULL, 1,
          "No answer: no SYN,ACK came back to the client's SYN. L7 had as many requests as "
          "net.ipv4.tcp_max_syn_backlog leaves without cookies, its SYN was dropped 1 time." },
        { VERDICT_RESET_BY_CLIENT, CAUSE_UNREAD_DATA, 0,
          "Reset: the client aborted the connection with a RST. The client closed with 5 bytes unread." },
        { VERDICT_TIMED_OUT, CAUSE_KEEP_ALIVE_TIMEOUT, 0,
          "Timed out: an end waited in vain for the other (client UNKNOWN, server UNKNOWN). "
          "The client gave up: its keep-alive probes were never answered." },
        { VERDICT_NO_ANSWER, CAUSE_ICMP_ADMIN_PROHIBITED, 0,
          "No answer: no SYN,ACK came back to the client's SYN. "
          "An ICMP error came: admin-prohibited (a filter refuses it)." },
    };
    char text[VERDICT_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct change c = { .kind = CHANGE_OUTCOME, .listener = 7, .outcome = { .closed_by = END_UNKNOWN } };
        char small[8];
        int len;

        c.outcome.verdict = cases[i].verdict;
        c.outcome.cause = cases[i].cause;
        c.outcome.drops = cases[i].drops;
        c.outcome.cause_end = END_CLIENT;
        c.outcome.unread = 5;
        len = verdict_format(&c, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
        assert_int_equal(verdict_format(&c, small, sizeof(small)), len);
    }
    for (unsigned cause = CAUSE_NONE + 1; cause < CAUSE_N; cause++) {
        struct change c = { .kind = CHANGE_OUTCOME, .outcome = { .verdict = VERDICT_STILL_OPEN, .cause = cause } };

        assert_in_range(verdict_format(&c, text, sizeof(text)), 70, sizeof(text) - 1);
    }
}

/* The same cause, or none, where more is known. */
static void test_more_of_a_cause(void **state)
{
    struct change c = { .kind = CHANGE_OUTCOME, .listener = 7, .outcome = { .closed_by = END_UNKNOWN } };
    char text[VERDICT_TEXT_MAX];

    (void)state;
    c.outcome.verdict = VERDICT_NO_ANSWER;
    c.outcome.final[END_CLIENT] = TCP_STATE_SYN_SENT;
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(
        text, "No answer: no SYN,ACK came back to the client's SYN. The client still waited for one when last seen.");
    c.outcome.verdict = VERDICT_RESET_BY_SERVER;
    c.outcome.cause = CAUSE_ACCEPT_QUEUE_FULL;
    c.outcome.abort_on_overflow = true;
    verdict_format(&c, text, sizeof(text));
    assert_string_equal(text,
                        "Reset: the server aborted the connection with a RST. The accept queue of L7 was full, and a "
                        "RST answered its ACK: net.ipv4.tcp_abort_on_overflow is set.");
}

/* What was done in vain when it was last seen. */
static void test_stalled(void **state)
{
    static const struct {
        struct stalled stalled;
        const char *text;
    } cases[] = {
        { { STALL_RETRANSMISSIONS, END_SERVER, 8, 76460000000 },
          " What the server sent was sent again 8 times in 76.5 s, and never acknowledged." },
        { { STALL_KEEP_ALIVES, END_CLIENT, 1, 2000000000 },
          " The client sent 1 keep-alive probe in 2 s, and no answer came." },
        { { STALL_ZERO_WINDOW, END_CLIENT, 0, 1500000000 },
          " The client could send nothing for 1.5 s: its peer's window was zero." },
    };
    char text[VERDICT_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct change c = { .kind = CHANGE_OUTCOME,
                                  .outcome = { .verdict = VERDICT_NO_ANSWER, .stalled = cases[i].stalled } };

        verdict_format(&c, text, sizeof(text));
        assert_string_equal(text + strlen("No answer: no SYN,ACK came back to the client's SYN."), cases[i].text);
    }
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    if (!f || !text)
        fail_msg("%s cannot be read: tests run in the top directory", path);
    assert_in_range(fread(text, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
    fclose(f);
    return text;
}

static const char *word_of_kind(unsigned i)
{
    return change_kind_name((enum change_kind)i);
}
static const char *word_of_end(unsigned i)
{
    return end_name((enum end)i);
}
static const char *word_of_how(unsigned i)
{
    return how_name((enum how)i);
}
static const char *word_of_object(unsigned i)
{
    return object_name((enum object)i);
}
static const char *word_of_timer(unsigned i)
{
    return timer_name((enum timer_name)i);
}
static const char *word_of_queue(unsigned i)
{
    return queue_why_name((enum queue_why)i);
}
static const char *word_of_verdict(unsigned i)
{
    return verdict_name((enum verdict)i);
}
static const char *word_of_witness(unsigned i)
{
    return witness_name((enum witness)i);
}
static const char *word_of_known(unsigned i)
{
    return known_name((enum known)(i + 1));
}
static const char *word_of_cause(unsigned i)
{
    return cause_name((enum cause)(i + 1));
}
static const char *word_of_state(unsigned i)
{
    return tcp_state_name((enum tcp_state)i);
}

static bool has_word(const cJSON *array, const char *word)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, array)
        if (strcmp(cJSON_GetStringValue(item), word) == 0)
            return true;
    return false;
}

/* The schema names each word that can be written, and no other. */
static void test_schema_has_the_words(void **state)
{
    static const struct {
        const char *path; /* within $defs */
        const char *(*word)(unsigned);
        unsigned count;
    } lists[] = {
        { "end/properties/counts/propertyNames", word_of_kind, CHANGE_KIND_N },
        { "side", word_of_end, END_N },
        { "state/properties/how", word_of_how, HOW_N },
        { "kernel_object", word_of_object, OBJECT_N },
        { "timer/properties/name", word_of_timer, TIMER_NAME_N },
        { "queue/properties/why", word_of_queue, QUEUE_WHY_N },
        { "segment/properties/notes/items", segment_note_name, NOTE_N },
        { "outcome/properties/verdict", word_of_verdict, VERDICT_N },
        { "outcome/properties/cause", word_of_cause, CAUSE_N - 1 },
        { "disagreement/properties/known", word_of_known, KNOWN_N - 1 },
        { "witness", word_of_witness, WITNESS_N },
        { "tcp_state", word_of_state, TCP_STATE_N },
    };
    char *text = read_file("docs/trace.schema.json");
    cJSON *schema = cJSON_Parse(text);

    (void)state;
    assert_non_null(schema);
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char path[128], *save = NULL;
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(schema, "$defs"), *item;

        strcpy(path, lists[i].path);
        for (char *step = strtok_r(path, "/", &save); step; step = strtok_r(NULL, "/", &save))
            node = cJSON_GetObjectItemCaseSensitive(node, step);
        node = cJSON_GetObjectItemCaseSensitive(node, "enum");
        assert_true(cJSON_GetArraySize(node) > 0);
        for (unsigned word = 0; word < lists[i].count; word++)
            if (!has_word(node, lists[i].word(word)))
                fail_msg("%s: the schema lacks %s", lists[i].path, lists[i].word(word));
        cJSON_ArrayForEach (item, node) {
            unsigned word = 0;

            while (word < lists[i].count && strcmp(cJSON_GetStringValue(item), lists[i].word(word)) != 0)
                word++;
            if (word == lists[i].count)
                fail_msg("%s: %s is never written", lists[i].path, cJSON_GetStringValue(item));
        }
    }
    cJSON_Delete(schema);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_more_of_a_cause),
        cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_schema_has_the_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
