/* Capture files that are whole, cut and damaged: what came before is always read, and a line says what is wrong. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/conn/engine.h"
#include "tcplens/source/capture.h"
#include "tcplens/trace/encode.h"

#define CORPORA "tests/corpora"
#define FILE_MAX (1u << 20)
#define VARIANTS 10000
#define CUT_STEP 97

struct result {
    int status;
    unsigned segments, changes;
    char error[SOURCE_CAPTURE_ERROR_MAX];
    struct conn_engine *table;
};

static void on_change(void *arg, const struct change *change)
{
    char line[TRACE_LINE_MAX];

    ((struct result *)arg)->changes++;
    assert_in_range(trace_encode(change, 0, line), 20, TRACE_LINE_MAX);
}

static void on_event(void *arg, const struct event *event)
{
    struct result *r = arg;

    r->segments++;
    conn_engine_event(r->table, event);
}

static struct result read_bytes(const uint8_t *data, size_t len, const char *filter)
{
    static int fd = -1;
    struct result r = { 0 };
    struct conn_config config = { .emit = on_change, .arg = &r, .conn_max = 100 };
    struct source_capture *capture;
    char path[64];

    if (fd < 0)
        fd = memfd_create("capture", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, data, len, 0), len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert_int_equal(conn_engine_new(&config, &r.table), 0);
    r.status = source_capture_open(open(path, O_RDONLY | O_CLOEXEC), filter, &capture, r.error);
    if (r.status == 0) {
        do
            r.status = source_capture_drain(capture, 64, on_event, &r, r.error);
        while (r.status > 0);
        source_capture_close(capture);
    }
    conn_engine_finish(r.table, UINT64_MAX / 2);
    conn_engine_free(r.table);
    if (r.status < 0) {
        assert_true(*r.error);
        assert_null(strchr(r.error, '\n'));
    }
    return r;
}

static size_t load(const char *name, uint8_t *buf)
{
    char path[512];
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", CORPORA, name);
    f = fopen(path, "rbe");
    assert_non_null(f);
    n = fread(buf, 1, FILE_MAX, f);
    fclose(f);
    return n;
}

static int is_capture(const struct dirent *e)
{
    return strstr(e->d_name, ".pcap") != NULL;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void whole_and_cut(void **state)
{
    static uint8_t data[FILE_MAX];
    struct dirent **entries;
    int n = scandir(CORPORA, &entries, is_capture, alphasort);

    (void)state;
    assert_true(n > 40);
    for (int i = 0; i < n; i++) {
        size_t len = load(entries[i]->d_name, data);
        struct result whole = read_bytes(data, len, NULL), cut;
        unsigned last = 0;

        assert_int_equal(whole.status, 0);
        for (size_t at = 0; at < len; at += CUT_STEP) {
            cut = read_bytes(data, at, NULL);
            assert_in_range(cut.segments, last, whole.segments);
            last = cut.segments;
        }
        free(entries[i]);
    }
    free(entries);
}

static void damaged(void **state)
{
    static uint8_t data[FILE_MAX], copy[FILE_MAX];
    uint64_t random = 0x9e3779b97f4a7c15ull;
    struct dirent **entries;
    int n = scandir(CORPORA, &entries, is_capture, alphasort);
    unsigned failed = 0, done = 0;

    (void)state;
    for (int i = 0; i < n; i++) {
        size_t len = load(entries[i]->d_name, data);

        for (unsigned v = 0; v < VARIANTS / (unsigned)n + 1; v++) {
            memcpy(copy, data, len);
            for (uint64_t flips = 1 + random_next(&random) % 16; flips; flips--)
                copy[random_next(&random) % len] = (uint8_t)random_next(&random);
            failed += read_bytes(copy, len, v % 8 ? NULL : "tcp port 80").status < 0;
            done++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_in_range(done, VARIANTS, UINT32_MAX);
    assert_in_range(failed, 1, done - 1);
}

static void compressed(void **state)
{
    static uint8_t data[FILE_MAX], packed[FILE_MAX];
    size_t len = load("zeek-ftp-ipv4.pcap", data);
    z_stream z = { .next_in = data, .avail_in = (unsigned)len, .next_out = packed, .avail_out = FILE_MAX };

    (void)state;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(read_bytes(packed, z.total_out, NULL).segments, read_bytes(data, len, NULL).segments);
    assert_true(read_bytes(packed, z.total_out / 2, NULL).status < 0);
    deflateEnd(&z);
}

static void several_link_types(void **state)
{
    static uint8_t data[FILE_MAX];
    size_t len = load("pcapplusplus-ldap.pcapng", data);
    struct result all = read_bytes(data, len, NULL), some = read_bytes(data, len, "host 192.168.86.104");

    (void)state;
    assert_int_equal(all.status, 0);
    assert_int_equal(all.segments, 25);
    assert_int_equal(some.segments, 17);
}

static void errors_say_what_is_wrong(void **state)
{
    static const uint8_t unknown_link[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0,  0,
                                              0,    0,    0,    0,    0, 0, 0, 1, 0, 147 };
    static uint8_t data[FILE_MAX];
    size_t len = load("zeek-ftp-ipv4.pcap", data);

    (void)state;
    assert_string_equal(read_bytes(data, 0, NULL).error, "the file is empty");
    assert_string_equal(read_bytes(data, 10, NULL).error, "too short for a capture file (10 bytes)");
    assert_string_equal(read_bytes((const uint8_t *)"no capture but more than 24 bytes", 33, NULL).error,
                        "neither pcap nor pcapng, nor one of them compressed by gzip");
    assert_non_null(strstr(read_bytes(unknown_link, 24, NULL).error, "(147) is not understood"));
    assert_non_null(strstr(read_bytes(data, len, "tcp prt 80").error, "filter \"tcp prt 80\""));
    assert_string_equal(read_bytes(data, 24 + 8, NULL).error, "the file breaks off at byte 24, after 0 packets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_cut),
        cmocka_unit_test(damaged),
        cmocka_unit_test(compressed),
        cmocka_unit_test(several_link_types),
        cmocka_unit_test(errors_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
