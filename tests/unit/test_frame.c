/* The first and the last line of a trace, through hostile strings and empty memory. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "tcplens/base/limits.h"
#include "tcplens/trace/encode.h"
#include "values.h"

#define START 1800000000123456789ULL

static char *header_line(const struct trace_header *h)
{
    char *line = NULL;

    assert_int_equal(trace_encode_header(h, &line), 0);
    assert_in_range(strlen(line), 1, TRACE_LINE_MAX);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    for (const char *s = line; *s != '\n'; s++)
        assert_in_range(*s, 0x20, 0x7e);
    line[strlen(line) - 1] = '\0';
    cJSON_Delete(parse(line));
    return line;
}

static void test_header(void **state)
{
    char *command[] = { "tcplens-echo", "demo", NULL };
    struct trace_header h = { .start_ns = 1795230000123456789,
                              .kernel = "Linux 6.18.44 x86_64",
                              .sources = { [WITNESS_KERNEL] = true, [WITNESS_WIRE] = true },
                              .missing = { [WITNESS_DIAG] = "no right" },
                              .netns = "new",
                              .interfaces = { "lo", "eth0" },
                              .interface_count = 2,
                              .filter = { .ports = { { 7007, 7007 }, { 8000, 8010 }, { 65535, 65535 } },
                                          .port_count = 3,
                                          .hosts = { { addr_from_ipv4((const uint8_t[]){ 10, 0, 0, 0 }), 104 },
                                                     { addr_from_ipv6((const uint8_t[16]){ [15] = 1 }), 128 } },
                                          .host_count = 2,
                                          .pids = { 4711 },
                                          .pid_count = 1,
                                          .expression = "not port 22" },
                              .command = command,
                              .sysctl_count = 6,
                              .sysctl = { { "net.core.somaxconn", "4096\n" },
                                          { "net.ipv4.tcp_fin_timeout", "-1" },
                                          { "a", "4096\t131072" },
                                          { "b", "cubic" },
                                          { "c", "007" },
                                          { "d", "99999999999999999999" } } };
    char *line = header_line(&h);

    (void)state;
    assert_string_equal(
        line, "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1,"
              "\"tool\":\"tcplens " TCPLENS_VERSION "\",\"start\":\"2026-11-21T03:00:00.123456789Z\","
              "\"kernel\":\"Linux 6.18.44 x86_64\",\"sources\":[\"kernel\",\"wire\"],"
              "\"missing\":[{\"source\":\"diag\",\"why\":\"no right\"}],\"netns\":\"new\","
              "\"interfaces\":[\"lo\",\"eth0\"],\"filter\":{\"ports\":[7007,65535],\"port_ranges\":[[8000,8010]],"
              "\"hosts\":[\"10.0.0.0/8\",\"::1\"],\"pids\":[4711],\"expression\":\"not port 22\"},"
              "\"command\":[\"tcplens-echo\",\"demo\"],\"sysctl\":{\"net.core.somaxconn\":4096,"
              "\"net.ipv4.tcp_fin_timeout\":-1,\"a\":\"4096\\u0009131072\",\"b\":\"cubic\","
              "\"c\":\"007\",\"d\":\"99999999999999999999\"}}");
    free(line);
    h = (struct trace_header){ .sources = { [WITNESS_WIRE] = true }, .input = "-", .part = 3 };
    line = header_line(&h);
    assert_string_equal(line, "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1,"
                              "\"tool\":\"tcplens " TCPLENS_VERSION "\",\"start\":\"1970-01-01T00:00:00.000000000Z\","
                              "\"sources\":[\"wire\"],\"input\":\"-\",\"part\":3}");
    free(line);
    h = (struct trace_header){ .start_ns = UINT64_MAX };
    line = header_line(&h);
    assert_non_null(strstr(line, "\"start\":\"2554-07-21T23:34:33.709551615Z\",\"sources\":[]}"));
    free(line);
}

static const char *argument(const cJSON *root, int i)
{
    return cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "command"), i));
}

static void test_header_hostile(void **state)
{
    static char huge[20000];
    char *command[101], *line;
    struct trace_header h = { .command = command };
    cJSON *root;

    (void)state;
    command[0] = "</script>\xff\u2028\u202e\"\\\x1b\x7f\U0001f600";
    command[1] = NULL;
    line = header_line(&h);
    assert_null(strchr(line, '<'));
    root = parse(line);
    assert_string_equal(argument(root, 0), "</script>\ufffd\u2028\u202e\"\\\x1b\x7f\U0001f600");
    cJSON_Delete(root);
    free(line);

    /* A long argument is cut at the edge of a character, and says so. */
    for (size_t i = 0; i + 3 < sizeof(huge); i += 3)
        memcpy(huge + i, "中", 3);
    command[0] = huge;
    line = header_line(&h);
    root = parse(line);
    assert_int_equal(strlen(argument(root, 0)), 510 + 3);
    assert_string_equal(argument(root, 0) + 507, "中…");
    cJSON_Delete(root);
    free(line);

    /* The worst of everything still fits: texts are cut shorter. */
    memset(huge, 1, sizeof(huge) - 1);
    for (int i = 0; i < 100; i++)
        command[i] = huge;
    command[100] = NULL;
    h.kernel = h.netns = h.input = huge;
    for (int i = 0; i < WITNESS_N; i++)
        h.missing[i] = huge;
    h.interface_count = LIMIT_INTERFACES;
    for (int i = 0; i < LIMIT_INTERFACES; i++)
        h.interfaces[i] = huge;
    memset(&h.filter, 0xff, sizeof(h.filter));
    for (int i = 0; i < LIMIT_FILTER_HOSTS; i++)
        h.filter.hosts[i].len = 127;
    for (int i = 0; i < LIMIT_FILTER_PORTS / 2; i++)
        h.filter.ports[i].first--;
    h.filter.expression = huge;
    h.filter.port_count = LIMIT_FILTER_PORTS;
    h.filter.host_count = LIMIT_FILTER_HOSTS;
    h.filter.pid_count = LIMIT_FILTER_PIDS;
    h.sysctl_count = TRACE_SYSCTL_MAX;
    for (int i = 0; i < TRACE_SYSCTL_MAX; i++) {
        h.sysctl[i].name = "net.ipv4.a_sysctl_of_a_long_name";
        memset(h.sysctl[i].value, 1, sizeof(h.sysctl[i].value));
    }
    line = header_line(&h);
    root = parse(line);
    assert_string_equal(argument(root, cJSON_GetArraySize(cJSON_GetObjectItem(root, "command")) - 1), "…");
    cJSON_Delete(root);
    free(line);

    for (int i = 0; i < TRACE_SYSCTL_MAX; i++)
        h.sysctl[i].name = huge;
    line = (char *)0x1;
    assert_int_equal(trace_encode_header(&h, &line), -EMSGSIZE);
    assert_ptr_equal(line, (char *)0x1);
}

static void test_end(void **state)
{
    struct trace_end e = { .n = 45,
                           .ts_ns = START + 5112003311,
                           .reason = END_REASON_COMMAND,
                           .late = 2,
                           .counts = { [CHANGE_CONNECTION] = 1, [CHANGE_STATE] = 20, [CHANGE_SEGMENT] = 11 },
                           .lost = { [WITNESS_DIAG] = 3 },
                           .beyond = { [BEYOND_LISTENERS] = 7 } };
    char *line;

    (void)state;
    assert_int_equal(trace_encode_end(&e, START, &line), 0);
    assert_string_equal(line,
                        "{\"record\":\"end\",\"n\":45,\"t\":5112003311,\"reason\":\"command\",\"status\":0,"
                        "\"counts\":{\"connection\":1,\"state\":20,\"segment\":11},"
                        "\"lost\":{\"kernel\":0,\"diag\":3,\"wire\":0},\"late\":2,\"beyond\":{\"listeners\":7}}\n");
    cJSON_Delete(cJSON_Parse(line));
    free(line);
    e = (struct trace_end){
        .n = UINT64_MAX, .ts_ns = UINT64_MAX, .reason = END_REASON_INPUT, .status = -1, .late = 1ULL << 53
    };
    for (unsigned i = 0; i < CHANGE_KIND_N; i++)
        e.counts[i] = 1000000000000000;
    assert_int_equal(trace_encode_end(&e, START, &line), 0);
    assert_non_null(strstr(line, "\"n\":18446744073709551615,\"t\":9007199254740991,"
                                 "\"at\":\"2554-07-21T23:34:33.709551615Z\",\"reason\":\"input\",\"counts\""));
    assert_non_null(strstr(line, "\"connection\":1000000000000000,"));
    assert_non_null(strstr(line, "\"late\":9007199254740992}\n"));
    cJSON_Delete(cJSON_Parse(line));
    free(line);
}

/* Every power of ten and its neighbour, as printf writes them: no "1e+15". */
static void test_numbers(void **state)
{
    struct trace_end e = { .status = -1 };
    char expected[64], *line;

    (void)state;
    for (uint64_t power = 1, i = 0; i < 20; power *= 10, i++) {
        for (uint64_t value = power - 1; value <= power; value++) {
            e.lost[WITNESS_WIRE] = value;
            assert_int_equal(trace_encode_end(&e, 0, &line), 0);
            snprintf(expected, sizeof(expected), "\"wire\":%" PRIu64 "}", value);
            assert_non_null(strstr(line, expected));
            free(line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_hostile),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
