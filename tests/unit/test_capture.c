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

#include <pcap/pcap.h>
#include <zlib.h>

#include "tcplens/conn/engine.h"
#include "tcplens/source/capture.h"
#include "tcplens/tcp/link_name.h"
#include "tcplens/trace/encode.h"

#define CORPORA "tests/corpora"
#define FILE_MAX (1u << 20)
#ifdef __SANITIZE_ADDRESS__ /* it maps memory for each of them anew; tests/fuzz/damage.py tries more of them */
#define VARIANTS 2000
#else
#define VARIANTS 10000
#endif
#define CUT_STEP 97

struct result {
    int status;
    unsigned segments, changes;
    uint64_t hash; /* of all lines (FNV-1a) */
    char error[CAPTURE_ERROR_MAX];
    struct conn_engine *table;
};

static void on_change(void *arg, const struct change *change)
{
    char line[TRACE_LINE_MAX];
    const size_t len = trace_encode(change, 0, line);
    struct result *r = arg;

    r->changes++;
    assert_in_range(len, 20, TRACE_LINE_MAX);
    for (size_t i = 0; i < len; i++)
        r->hash = (r->hash ^ (uint8_t)line[i]) * 1099511628211ull;
}

static void on_event(void *arg, const struct event *event)
{
    struct result *r = arg;

    r->segments++;
    conn_engine_event(r->table, event);
}

/* Feeds the bytes in pieces; the reader gets each where it just fits, so that a sanitizer sees it read beyond. */
static int feed(struct capture *capture, const uint8_t *data, size_t len, size_t piece, struct result *r)
{
    int status = 0;

    for (size_t at = 0, n; at < len && status == 0; at += n) {
        uint8_t *copy;

        n = len - at < piece ? len - at : piece;
        copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, data + at, n);
        status = capture_feed(capture, copy, n, on_event, r, r->error);
        free(copy);
    }
    return status < 0 ? status : capture_end(capture, on_event, r, r->error);
}

static void begin(struct result *r)
{
    struct conn_config config = { .emit = on_change, .arg = r, .conn_max = 100 };

    assert_int_equal(conn_engine_new(&config, &r->table), 0);
}

static void end(struct result *r)
{
    conn_engine_finish(r->table, UINT64_MAX / 2);
    conn_engine_free(r->table);
    if (r->status < 0) {
        assert_true(*r->error);
        assert_null(strchr(r->error, '\n'));
    }
}

static struct result feed_bytes(const uint8_t *data, size_t len, size_t piece)
{
    const struct capture_config config = { 0 };
    struct capture *capture;
    struct result r = { .hash = 14695981039346656037ull };

    begin(&r);
    assert_int_equal(capture_new(&config, &capture), 0);
    r.status = feed(capture, data, len, piece, &r);
    capture_free(capture);
    end(&r);
    return r;
}

/* As the program reads a file. */
static struct result read_bytes(const uint8_t *data, size_t len, const char *filter)
{
    static int fd = -1;
    struct source_capture *capture;
    struct result r = { 0 };
    char path[64];

    if (fd < 0)
        fd = memfd_create("capture", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, data, len, 0), len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    begin(&r);
    r.status =
        source_capture_open(open(path, O_RDONLY | O_CLOEXEC), filter, &(struct source_context){ 0 }, &capture, r.error);
    if (r.status == 0) {
        do
            r.status = source_capture_drain(capture, on_event, &r, r.error);
        while (r.status > 0);
        source_capture_close(capture);
    }
    end(&r);
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
        struct result whole = feed_bytes(data, len, len), cut;
        unsigned last = 0;

        assert_int_equal(whole.status, 0);
        for (size_t at = 0; at < len; at += CUT_STEP) {
            cut = feed_bytes(data, at, len);
            assert_in_range(cut.segments, last, whole.segments);
            last = cut.segments;
        }
        free(entries[i]);
    }
    free(entries);
}

static void assert_same(const struct result *a, const struct result *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->segments, b->segments);
    assert_int_equal(a->changes, b->changes);
    assert_int_equal(a->hash, b->hash);
    assert_string_equal(a->error, b->error);
}

/* Where the bytes are cut changes nothing: single bytes, and two pieces parted at every byte. */
static void any_pieces(void **state)
{
    static const char *const names[] = { "pcapplusplus-nanosecs_big_endian.pcap", "pcapplusplus-ldap.pcapng",
                                         "zeek-syn-then-rst.pcap" };
    static uint8_t data[FILE_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const size_t len = load(names[i], data);
        const struct result whole = feed_bytes(data, len, len);

        assert_int_equal(whole.status, 0);
        for (size_t piece = 1; piece < len; piece += piece < 64 ? 1 : 61) {
            const struct result pieces = feed_bytes(data, len, piece);

            assert_same(&pieces, &whole);
        }
        for (size_t cut = 1; cut < len; cut += 7) { /* with the error, and its place */
            const struct result one = feed_bytes(data, cut, cut), bytes = feed_bytes(data, cut, 1);

            assert_same(&bytes, &one);
        }
    }
}

/* Blocks of no interest, longer than any piece, are passed over; one that the file ends in is told by where it begins. */
static void long_blocks_of_no_interest(void **state)
{
    enum { SECTION = 28, LONG = 3 << 20 };
    static const uint32_t section[SECTION / 4] = {
        0x0a0d0d0a, SECTION, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, SECTION
    };
    static uint8_t data[SECTION + LONG];
    const uint32_t other[2] = { 0x0bad, LONG };
    struct result r;

    (void)state;
    memcpy(data, section, SECTION);
    memcpy(data + SECTION, other, sizeof(other));
    r = feed_bytes(data, sizeof(data), 4096);
    assert_int_equal(r.status, 0);
    r = feed_bytes(data, sizeof(data) - 1, 4096);
    assert_string_equal(r.error, "the file breaks off at byte 28, after 0 packets");
}

/* A table of names of our own, so that no library is asked for them where captures are read. */
static void link_types_are_named_as_by_libpcap(void **state)
{
    unsigned named = 0;

    (void)state;
    for (int dlt = 0; dlt < 1024; dlt++) {
        const char *name = link_name(dlt), *theirs = pcap_datalink_val_to_name(dlt);

        if (!name) /* a later libpcap may know more */
            continue;
        assert_non_null(theirs);
        assert_string_equal(name, theirs);
        named++;
    }
    assert_true(named > 100);
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
            if (v % 8 == 0)
                failed += read_bytes(copy, len, "tcp port 80").status < 0;
            else
                failed += feed_bytes(copy, len, v % 8 == 1 ? 1 + random_next(&random) % 512 : len).status < 0;
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
    assert_string_equal(feed_bytes(data, 24 + 8, 24 + 8).error, "the file breaks off at byte 24, after 0 packets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_cut),
        cmocka_unit_test(any_pieces),
        cmocka_unit_test(long_blocks_of_no_interest),
        cmocka_unit_test(link_types_are_named_as_by_libpcap),
        cmocka_unit_test(damaged),
        cmocka_unit_test(compressed),
        cmocka_unit_test(several_link_types),
        cmocka_unit_test(errors_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
