/* UDP headers, their checksums, and DNS. */
#include "tcplens/tcp/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAW_IP 101

/* From 10.0.0.1 to 10.0.0.2, port 53: a question and its header. */
static const uint8_t question[] = {
    0x45, 0,    0,   57,  0,   1,   0x40, 0,   64, 17,  0,   0,   10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
    0xc0, 1,    0,   53,  0,   37,  0,    0,                    /* UDP, without a checksum */
    0x12, 0x34, 1,   0,   0,   1,   0,    0,   0,  0,   0,   0, /* DNS */
    7,    'e',  'x', 'a', 'm', 'p', 'l',  'e', 3,  'o', 'r', 'g', 0,  0, 1, 0, 1,
};

static struct segment_aside aside;

/* Of a copy, so that no byte beyond can be read unseen. */
static enum segment_result parse(const uint8_t *bytes, size_t caplen, size_t len)
{
    uint8_t *copy = malloc(caplen);
    struct tunnels *tunnels;
    enum segment_result result;
    struct segment segment;

    assert_non_null(copy);
    assert_int_equal(tunnels_new(&tunnels), 0);
    memcpy(copy, bytes, caplen);
    result = segment_parse(RAW_IP, copy, caplen, len, tunnels, &segment, &aside);
    tunnels_free(tunnels);
    free(copy);
    return result;
}

static void test_question(void **state)
{
    const struct datagram *d = &aside.datagram;

    (void)state;
    assert_int_equal(parse(question, sizeof(question), sizeof(question)), SEGMENT_UDP);
    assert_int_equal(d->src.port, 0xc001);
    assert_int_equal(d->dst.port, 53);
    assert_int_equal(d->len, 29);
    assert_int_equal(d->checksum, DATAGRAM_CHECKSUM_NONE);
    assert_true(d->is_dns);
    assert_int_equal(d->dns.id, 0x1234);
    assert_string_equal(d->dns.name, "example.org");
    assert_int_equal(d->dns.type, 1);
    assert_false(d->dns.response);
    assert_int_equal(aside.skip.kind, SKIP_IP); /* whom it is no matter counts it so */
}

/* 0xf2b0: the sum of the pseudo header and of the datagram, by hand. */
static uint16_t right_checksum(const uint8_t *ip, size_t len)
{
    uint32_t sum = 17 + (uint32_t)(len - 20);

    for (size_t i = 12; i < len; i += 2)
        if (i != 26)
            sum += (uint32_t)ip[i] << 8 | (i + 1 < len ? ip[i + 1] : 0);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void test_checksum(void **state)
{
    uint8_t bytes[sizeof(question)];
    uint16_t right;

    (void)state;
    memcpy(bytes, question, sizeof(bytes));
    right = right_checksum(bytes, sizeof(bytes));
    bytes[26] = (uint8_t)(right >> 8);
    bytes[27] = (uint8_t)right;
    assert_int_equal(parse(bytes, sizeof(bytes), sizeof(bytes)), SEGMENT_UDP);
    assert_int_equal(aside.datagram.checksum, DATAGRAM_CHECKSUM_OK);
    assert_int_equal(parse(bytes, sizeof(bytes) - 1, sizeof(bytes)), SEGMENT_UDP);
    assert_int_equal(aside.datagram.checksum, DATAGRAM_CHECKSUM_UNKNOWN);
    bytes[30] ^= 1;
    assert_int_equal(parse(bytes, sizeof(bytes), sizeof(bytes)), SEGMENT_UDP);
    assert_int_equal(aside.datagram.checksum, DATAGRAM_CHECKSUM_BAD);
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t len = 1; len < sizeof(question); len++) {
        const enum segment_result result = parse(question, len, sizeof(question));

        assert_int_equal(result, len < 28 ? SEGMENT_TRUNCATED : SEGMENT_UDP);
        if (result == SEGMENT_UDP)
            assert_int_equal(aside.datagram.dns.type, 0); /* of no question is told a part */
    }
}

static bool read_dns(const char *bytes, size_t len, struct dns *ret_dns)
{
    uint8_t *copy = malloc(len);
    bool read;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    read = dns_read(copy, len, ret_dns);
    free(copy);
    return read;
}
#define READ(bytes, dns) read_dns(bytes, sizeof(bytes) - 1, dns)

#define ASKED "\7example\3org\0\0\1\0\1"
#define HEAD(flags, answers) "\x12\x34" flags "\0\1\0" answers "\0\0\0\0"

static void test_answer(void **state)
{
    struct dns d;

    (void)state;
    assert_true(READ(HEAD("\x81\x80", "\3") ASKED
                     "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3www\xc0\x0c"
                     "\xc0\x29\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
                     "\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
                     &d));
    assert_true(d.response);
    assert_int_equal(d.rcode, 0);
    assert_int_equal(d.count, 3);
    assert_int_equal(d.addresses, 2);
    assert_true(addr_is_ipv4(&d.answers[0]));
    assert_int_equal(d.answers[0].bytes[15], 1);
    assert_int_equal(d.answers[1].bytes[0], 0x20);
    assert_true(READ(HEAD("\x81\x83", "\0") ASKED, &d));
    assert_int_equal(d.rcode, 3);
    assert_int_equal(d.addresses, 0);
}

static void test_hostile_names(void **state)
{
    char long_name[12 + 300] = HEAD("\1\0", "\0");
    struct dns d;

    (void)state;
    assert_true(READ(HEAD("\1\0", "\0") "\3a\"\n\0\0\1\0\1", &d)); /* nothing that could act on a terminal */
    assert_string_equal(d.name, "a\"?");
    assert_true(READ(HEAD("\1\0", "\0") "\xc0\x0c\0\1\0\1", &d)); /* points at itself */
    assert_true(READ(HEAD("\1\0", "\0") "\xc0\xff\0\1\0\1", &d)); /* and beyond */
    assert_true(READ(HEAD("\1\0", "\0") "\x40\0\1\0\1", &d));     /* of no kind */
    assert_int_equal(d.type, 0);
    assert_false(READ("\x12\x34\1", &d));
    for (size_t i = 12; i + 64 < sizeof(long_name); i += 64) {
        long_name[i] = 63;
        memset(&long_name[i + 1], 'x', 63);
    }
    assert_true(read_dns(long_name, sizeof(long_name), &d));
    assert_int_equal(strlen(d.name), DNS_NAME_MAX - 1);
}

static void test_words(void **state)
{
    char word[DNS_WORD_MAX];

    (void)state;
    for (unsigned type = 1; type <= UINT16_MAX; type++)
        assert_int_equal(dns_type_value(dns_type_name((uint16_t)type, word)), type);
    for (unsigned rcode = 0; rcode < 16; rcode++)
        assert_int_equal(dns_rcode_value(dns_rcode_name((uint8_t)rcode, word)), rcode);
    assert_int_equal(dns_type_value("TYPE"), -1);
    assert_int_equal(dns_type_value("TYPE65536"), -1);
    assert_int_equal(dns_type_value("a"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question), cmocka_unit_test(test_checksum),      cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_answer),   cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
