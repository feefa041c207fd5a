/* Packets that wait for their turn: what is put comes back as long as there is room, and else is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/event/packets.h"

#define ROOM 4096

static struct packet packet_of(uint8_t *data, uint32_t len, uint8_t mark)
{
    memset(data, mark, len);
    return (struct packet){ .ts_ns = mark, .dlt = 276, .caplen = len, .len = len + 1000, .data = data };
}

static void comes_back_as_it_was(void **state)
{
    struct packets *p;
    struct packet in, out;
    uint8_t data[100];
    uint64_t number;

    (void)state;
    assert_int_equal(packets_new(ROOM, &p), 0);
    in = packet_of(data, sizeof(data), 7);
    number = packets_put(p, &in);
    assert_true(number > 0);
    data[0] = 0; /* it was copied */
    assert_true(packets_get(p, number, &out));
    assert_int_equal(out.ts_ns, 7);
    assert_int_equal(out.dlt, 276);
    assert_int_equal(out.caplen, sizeof(data));
    assert_int_equal(out.len, sizeof(data) + 1000);
    assert_int_equal(out.data[0], 7);
    assert_int_equal(out.data[99], 7);
    assert_false(packets_get(p, 0, &out));
    assert_int_equal(packets_lost(p), 0); /* there was none to be had */
    packets_free(p);
}

/* Sizes that do not divide the room, so that every place is met. */
static void the_oldest_make_way(void **state)
{
    enum { COUNT = 5000 };
    uint64_t *numbers = malloc(COUNT * sizeof(*numbers));
    struct packets *p;
    struct packet in, out;
    uint8_t data[301];
    unsigned kept = 0;

    (void)state;
    assert_non_null(numbers);
    assert_int_equal(packets_new(ROOM, &p), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        in = packet_of(data, 1 + i * 37 % sizeof(data), (uint8_t)i);
        numbers[i] = packets_put(p, &in);
        assert_true(numbers[i] > (i ? numbers[i - 1] : 0));
        assert_true(packets_get(p, numbers[i], &out));
        assert_int_equal(out.data[out.caplen - 1], (uint8_t)i);
    }
    for (unsigned i = 0; i < COUNT; i++)
        if (packets_get(p, numbers[i], &out)) {
            assert_int_equal(out.caplen, 1 + i * 37 % sizeof(data));
            assert_int_equal(out.data[0], (uint8_t)i);
            assert_int_equal(out.data[out.caplen - 1], (uint8_t)i);
            kept++;
        }
    assert_true(kept >= ROOM / (sizeof(data) + 64) && kept < COUNT);
    assert_int_equal(packets_lost(p), COUNT - kept);
    packets_free(p);
    free(numbers);
}

static void what_is_larger_than_the_room(void **state)
{
    uint8_t *data = calloc(1, 2 * ROOM);
    struct packets *p;
    struct packet in = { .caplen = 2 * ROOM, .len = 2 * ROOM, .data = data };

    (void)state;
    assert_int_equal(packets_new(ROOM, &p), 0);
    assert_int_equal(packets_put(p, &in), 0);
    in.caplen = ROOM - sizeof(in); /* fits exactly */
    assert_true(packets_put(p, &in) > 0);
    packets_free(p);
    packets_free(NULL);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(the_oldest_make_way),
        cmocka_unit_test(what_is_larger_than_the_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
