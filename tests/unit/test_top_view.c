/* What `tcplens top` shows: screens as a terminal of each size would be given them, and what keys make of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/top/view.h"
#include "top_changes.h"
#include "values.h"

#define SECOND UINT64_C(1000000000)
#define GRID_WIDTH 250
#define GRID_HEIGHT 80

struct grid {
    char lines[GRID_HEIGHT][4 * GRID_WIDTH + 1];
    bool inverse[GRID_HEIGHT];
    unsigned width, height;
};

static void into_grid(void *arg, unsigned y, unsigned x, enum line_style style, bool inverse, const char *text)
{
    struct grid *g = arg;
    unsigned cells = 0;

    (void)style;
    assert_int_equal(x, 0);
    assert_true(y < g->height);
    for (const char *p = text; *p; p++) {
        cells += ((unsigned char)*p & 0xc0) != 0x80;
        assert_true((unsigned char)*p >= ' ' && *p != 0x7f); /* nothing that a terminal would obey */
    }
    assert_true(cells <= g->width);
    g->inverse[y] = inverse;
    snprintf(g->lines[y], sizeof(g->lines[y]), "%s", text);
}

static void paint(struct top_view *v, struct grid *g, unsigned width, unsigned height)
{
    memset(g, 0, sizeof(*g));
    g->width = width;
    g->height = height;
    top_view_paint(v, &(struct top_paint){ .width = width, .height = height, .text = into_grid, .arg = g },
                   START + 90 * SECOND);
}

static bool shows(const struct grid *g, const char *text)
{
    for (unsigned y = 0; y < g->height; y++)
        if (strstr(g->lines[y], text))
            return true;
    return false;
}

static struct top_view *new_view(struct top_model *m, bool live)
{
    const struct top_view_config config = { .model = m, .what = "kernel, wire\x1b", .live = live };
    struct top_view *v;

    assert_int_equal(top_view_new(&config, &v), 0);
    return v;
}

static void press(struct top_view *v, const char *keys)
{
    for (; *keys; keys++)
        assert_true(top_view_key(v, *keys));
}

static void tell_of_some(struct top_model *m)
{
    for (uint32_t conn = 1; conn <= 40; conn++) {
        connect_to(m, conn, conn % 2 ? 80 : 443);
        step(m, conn, END_CLIENT, conn % 5 ? TCP_STATE_ESTABLISHED : TCP_STATE_CLOSE_WAIT, WITNESS_KERNEL);
        segment(m, conn, 1, conn * 100, 0, conn * 1000000);
    }
    finish(m, 40, VERDICT_RESET_BY_SERVER, CAUSE_NO_SOCKET);
    tell(m, (struct change){ .kind = CHANGE_LISTENER,
                             .listener = 1,
                             .listening = { .addr = endpoint("192.0.2.2", 80), .backlog = 4 } });
    tell(m, (struct change){ .kind = CHANGE_FINDING,
                             .finding = { .kind = FINDING_resets,
                                          .severity = SEVERITY_ERROR,
                                          .count = 3,
                                          .conns = { 7, 9 },
                                          .conn_count = 2,
                                          .text = "RSTs ended 3 connections\x1b[2J.",
                                          .remedy = { "look at the server's log" } } });
}

static void a_screen_has_what_there_is(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    paint(v, &g, 80, 24);
    assert_string_equal(g.lines[0], "tcplens top  kernel, wire\\x1b  90s  39 of 40 open  0 events/s");
    assert_string_equal(g.lines[1], "client  ESTABLISHED 32  CLOSE-WAIT 7");
    assert_non_null(strstr(g.lines[3], "192.0.2.2:80"));
    assert_non_null(strstr(g.lines[4], "error: RSTs ended 3 connections\\x1b[2J."));
    assert_non_null(strstr(g.lines[5], "CONN"));
    assert_non_null(
        strstr(g.lines[6], "    39 ESTABLISHED  192.0.2.1:20039 > 192.0.2.2:80")); /* the newest that is open */
    assert_true(g.inverse[6]);
    assert_non_null(strstr(g.lines[23], "q quit"));
    paint(v, &g, 200, 60);
    assert_true(shows(&g, "\\x1b[2Jx[7]")); /* the owner, who chose that name */
    assert_true(shows(&g, "CAUSE"));
    top_view_free(v);
    top_model_free(m);
}

static void no_size_is_too_small(void **state)
{
    static const char *const keys[] = { "", "?", "\x1b", "G", "/x", "" };
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        for (const char *k = keys[i]; *k; k++)
            assert_true(top_view_key(v, *k == '\x1b' ? TOP_KEY_ESCAPE : *k));
        for (unsigned width = 1; width <= GRID_WIDTH; width += 13)
            for (unsigned height = 1; height <= GRID_HEIGHT; height += 7)
                paint(v, &g, width, height);
    }
    top_view_free(v);
    top_model_free(m);
}

static void columns_sort(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    char error[TOP_FILTER_ERROR_MAX];
    struct grid g;

    (void)state;
    tell_of_some(m);
    assert_int_equal(top_view_sort(v, "bytes", error), 0);
    assert_int_equal(top_view_sort(v, "bites", error), -EINVAL);
    assert_string_equal(error, "no column 'bites' (did you mean 'bytes'?)");
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[5], "vBYTES"));
    assert_non_null(strstr(g.lines[6], "  39 "));
    press(v, "r");
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[5], "^BYTES"));
    assert_non_null(strstr(g.lines[6], "   1 "));
    press(v, "<"); /* AGE, all alike: by their numbers */
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[5], "vAGE"));
    segment(m, 2, 10, 60000, 0, 0);
    assert_int_equal(top_view_sort(v, "BYTES", error), 0);
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[6], "   2 "));
    top_view_free(v);
    top_model_free(m);
}

/* Two ends of IPv4 need 45 cells at most: both are there as soon as there is room, and both ports before. */
static void both_ports_are_told(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell(m, (struct change){ .kind = CHANGE_CONNECTION,
                             .conn = 1,
                             .connection = { .client = endpoint("192.168.178.123", 54212),
                                             .server = endpoint("142.250.185.178", 443) } });
    for (unsigned width = 50; width <= GRID_WIDTH; width++) {
        paint(v, &g, width, 24);
        if (!strstr(g.lines[6], ":54212 > 142.250.185.178:443"))
            fail_msg("%u cells: %s", width, g.lines[6]);
        if (width >= 130 && width < 140 && !strstr(g.lines[6], "192.168.178.123:54212"))
            fail_msg("%u cells: %s", width, g.lines[6]);
    }
    top_view_free(v);
    top_model_free(m);
}

static void the_selection_stays_with_its_connection(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    paint(v, &g, 80, 24);
    press(v, "jj"); /* 37 */
    connect_to(m, 41, 80);
    connect_to(m, 42, 80);
    paint(v, &g, 80, 24);
    assert_true(g.inverse[10]);
    assert_non_null(strstr(g.lines[10], "  37 "));
    press(v, "G");
    paint(v, &g, 80, 24);
    assert_true(g.inverse[22]);
    assert_non_null(strstr(g.lines[22], "   1 "));
    top_view_free(v);
    top_model_free(m);
}

static void a_pause_holds_the_list(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    paint(v, &g, 80, 24);
    press(v, "p");
    connect_to(m, 41, 80);
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[0], "PAUSED"));
    assert_non_null(strstr(g.lines[6], "  39 "));
    press(v, "p");
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[6], "  41 "));
    top_view_free(v);
    top_model_free(m);
}

static void a_filter_is_typed(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    press(v, "/state:close port:80x");
    assert_true(top_view_key(v, TOP_KEY_BACKSPACE));
    paint(v, &g, 80, 24);
    assert_string_equal(g.lines[23], "filter: state:close port:80_");
    assert_true(top_view_key(v, TOP_KEY_ENTER));
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[23], "4 match"));
    assert_true(top_view_key(v, TOP_KEY_ESCAPE));
    press(v, "/prt:80");
    assert_true(top_view_key(v, TOP_KEY_ENTER));
    paint(v, &g, 80, 24);
    assert_string_equal(g.lines[23], "filter: no key 'prt' (did you mean 'port'?)");
    press(v, "e");
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[6], "  40 ")); /* which has ended */
    top_view_free(v);
    top_model_free(m);
}

static void a_connection_has_its_timeline(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    paint(v, &g, 80, 24);
    assert_true(top_view_key(v, TOP_KEY_ENTER));
    for (int64_t i = 0; i < 50; i++)
        segment(m, 39, 4000 + i, 1, 0, 0);
    paint(v, &g, 80, 24);
    assert_true(shows(&g, "seq=4049"));
    assert_false(shows(&g, "CLOSED → ESTABLISHED"));
    assert_true(top_view_key(v, TOP_KEY_HOME));
    paint(v, &g, 80, 24);
    assert_true(shows(&g, "client CLOSED → ESTABLISHED"));
    assert_false(shows(&g, "seq=4049"));
    segment(m, 39, 5000, 1, 0, 0); /* what comes does not move what is read */
    paint(v, &g, 80, 24);
    assert_true(shows(&g, "client CLOSED → ESTABLISHED"));
    assert_true(top_view_key(v, TOP_KEY_PAGE_DOWN));
    paint(v, &g, 80, 24);
    assert_false(shows(&g, "client CLOSED → ESTABLISHED"));
    assert_true(shows(&g, "seq=4016"));
    assert_true(top_view_key(v, TOP_KEY_END));
    paint(v, &g, 80, 24);
    assert_true(shows(&g, "seq=5000"));
    assert_true(top_view_key(v, 'q')); /* back */
    assert_false(top_view_key(v, 'q'));
    top_view_free(v);
    top_model_free(m);
}

static void a_finding_leads_to_its_connections(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, true);
    struct grid g;

    (void)state;
    tell_of_some(m);
    assert_true(top_view_key(v, TOP_KEY_TAB));
    assert_true(top_view_key(v, TOP_KEY_TAB));
    assert_true(top_view_key(v, TOP_KEY_ENTER));
    paint(v, &g, 80, 24);
    assert_true(shows(&g, "look at the server's log"));
    assert_true(top_view_key(v, TOP_KEY_ENTER));
    paint(v, &g, 80, 24);
    assert_non_null(strstr(g.lines[23], "filter: conn:7 or conn:9  (2 match"));
    top_view_free(v);
    top_model_free(m);
}

static void count_line(void *arg, const char *text)
{
    unsigned *n = arg;

    assert_true(strlen(text) <= 100);
    ++*n;
}

static void all_is_printed_once(void **state)
{
    struct top_model *m = new_model();
    struct top_view *v = new_view(m, false);
    unsigned n = 0;

    (void)state;
    tell_of_some(m);
    top_view_print(v, 100, START, count_line, &n);
    assert_int_equal(n, 1 + 2 + 1 + 1 + 1 + 40);
    top_view_free(v);
    top_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_screen_has_what_there_is),
        cmocka_unit_test(no_size_is_too_small),
        cmocka_unit_test(columns_sort),
        cmocka_unit_test(both_ports_are_told),
        cmocka_unit_test(the_selection_stays_with_its_connection),
        cmocka_unit_test(a_pause_holds_the_list),
        cmocka_unit_test(a_filter_is_typed),
        cmocka_unit_test(a_connection_has_its_timeline),
        cmocka_unit_test(a_finding_leads_to_its_connections),
        cmocka_unit_test(all_is_printed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
