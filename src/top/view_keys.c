/* What a key does. */
#include <stdio.h>
#include <string.h>

#include "view_state.h"
#include "view_timeline.h"

#define SIDEWAYS 16 /* cells that a long line moves by */

static void open_page(struct top_view *v, enum page page)
{
    v->back = v->page < PAGE_LISTS ? v->page : v->back;
    v->page = page;
}

static void show_all(struct top_view *v)
{
    v->filter = (struct top_filter){ 0 };
    *v->filter_text = '\0';
    top_view_start_order_anew(v);
}

static void go_back(struct top_view *v)
{
    if (v->page >= PAGE_LISTS)
        v->page = v->back;
    else if (v->filter.count)
        show_all(v);
}

static void show_matching(struct top_view *v, const char *filter)
{
    char error[TOP_FILTER_ERROR_MAX];

    v->page = PAGE_CONNECTIONS;
    v->ended = true; /* what a finding is about has often ended */
    if (top_view_filter(v, filter, error) < 0)
        snprintf(v->message, sizeof(v->message), "%s", error);
}

static void show_connections_of(struct top_view *v, const struct top_finding *f)
{
    char text[FILTER_MAX] = "";
    size_t len = 0;

    for (unsigned i = 0; i < f->change.finding.conn_count && i < FINDING_CONNS_MAX; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%sconn:%u", i ? " or " : "", f->change.finding.conns[i]);
    if (len)
        show_matching(v, text);
}

static const struct top_row *selected_row(const struct top_view *v)
{
    const uint32_t place = order_at(&v->order, v->lists[PAGE_CONNECTIONS].selected);

    return place ? top_model_row(v->config.model, place) : NULL;
}

static void enter(struct top_view *v)
{
    const struct top_row *row = selected_row(v);
    const struct top_listener *l = top_model_listener(v->config.model, v->lists[PAGE_LISTENERS].selected);
    const struct top_finding *f = top_model_finding(v->config.model, v->lists[PAGE_FINDINGS].selected);
    char text[FILTER_MAX];

    if (v->page == PAGE_CONNECTIONS && row && row->conn) {
        v->conn = v->follow = row->conn;
        v->anchor = v->sideways = 0;
        open_page(v, PAGE_TIMELINE);
    } else if (v->page == PAGE_LISTENERS && l) {
        snprintf(text, sizeof(text), "port:%u", l->addr.port);
        show_matching(v, text);
    } else if (v->page == PAGE_FINDINGS && f) {
        v->shown_finding = v->lists[PAGE_FINDINGS].selected;
        open_page(v, PAGE_FINDING);
    } else if (v->page == PAGE_FINDING && (f = top_model_finding(v->config.model, v->shown_finding))) {
        show_connections_of(v, f);
    }
}

/* by: lines; as far as the list goes. */
static void move(struct top_view *v, int64_t by)
{
    struct list *list;
    int64_t to;
    const struct top_row *row;

    if (v->page == PAGE_TIMELINE)
        top_timeline_move(v, by > LIMIT_TOP_TIMELINE    ? LIMIT_TOP_TIMELINE
                             : by < -LIMIT_TOP_TIMELINE ? -LIMIT_TOP_TIMELINE
                                                        : (int)by);
    if (v->page >= PAGE_LISTS)
        return;
    list = &v->lists[v->page];
    to = list->selected + by;
    if (to >= (int64_t)top_view_list_count(v, v->page))
        to = (int64_t)top_view_list_count(v, v->page) - 1;
    list->selected = to > 0 ? (uint32_t)to : 0;
    row = v->page == PAGE_CONNECTIONS ? selected_row(v) : NULL;
    if (v->page == PAGE_CONNECTIONS)
        v->follow = row && list->selected ? row->conn : 0; /* at the top one sees what comes to be there */
}

/* Through the columns on the screen. */
static void sort_beside(struct top_view *v, int by)
{
    unsigned at = 0;

    while (at < v->columns.count && v->columns.shown[at] != v->sorted)
        at++;
    if (!v->columns.count)
        return;
    top_view_sort_by(v, v->columns.shown[(at + v->columns.count + (unsigned)by) % v->columns.count]);
}

static void prompt_key(struct top_view *v, int key)
{
    const size_t len = strlen(v->prompt);
    char error[TOP_FILTER_ERROR_MAX];

    if (key == TOP_KEY_ESCAPE) {
        v->prompts = false;
    } else if (key == TOP_KEY_BACKSPACE && len) {
        v->prompt[len - 1] = '\0';
    } else if (key == TOP_KEY_ENTER && top_view_filter(v, v->prompt, error) < 0) {
        v->prompts = false;
        snprintf(v->message, sizeof(v->message), "filter: %s", error);
    } else if (key == TOP_KEY_ENTER) {
        v->prompts = false;
    } else if (key == 'U' - '@') { /* Ctrl-U, as in a shell */
        *v->prompt = '\0';
    } else if (key >= ' ' && key < 0x7f && len + 1 < sizeof(v->prompt)) {
        v->prompt[len] = (char)key;
        v->prompt[len + 1] = '\0';
    }
}

static void move_sideways(struct top_view *v, int by)
{
    if (by > 0 || v->sideways >= SIDEWAYS)
        v->sideways = (unsigned)((int)v->sideways + by);
}

static void pause(struct top_view *v)
{
    v->paused = !v->paused;
    top_model_hold(v->config.model, v->paused);
}

static void command_key(struct top_view *v, int key)
{
    switch (key) {
    case 'q':
        v->quit = v->page < PAGE_LISTS;
        go_back(v);
        break;
    case TOP_KEY_ESCAPE:
    case TOP_KEY_BACKSPACE: go_back(v); break;
    case '?':
    case 'h': open_page(v, PAGE_HELP); break;
    case 'p':
    case ' ': pause(v); break;
    case 'e':
        v->ended = !v->ended;
        top_view_start_order_anew(v);
        break;
    case '/':
        v->page = PAGE_CONNECTIONS;
        v->prompts = true;
        snprintf(v->prompt, sizeof(v->prompt), "%s", v->filter_text);
        break;
    case '<': sort_beside(v, -1); break;
    case '>': sort_beside(v, 1); break;
    case 'r':
    case 'R':
        v->reversed = !v->reversed;
        top_view_start_order_anew(v);
        break;
    case TOP_KEY_TAB: v->page = v->page < PAGE_LISTS ? (v->page + 1) % PAGE_LISTS : v->back; break;
    case TOP_KEY_ENTER: enter(v); break;
    case 'k':
    case TOP_KEY_UP: move(v, -1); break;
    case 'j':
    case TOP_KEY_DOWN: move(v, 1); break;
    case TOP_KEY_PAGE_UP: move(v, -(int64_t)v->page_lines); break;
    case TOP_KEY_PAGE_DOWN: move(v, v->page_lines); break;
    case 'g':
    case TOP_KEY_HOME: move(v, -(int64_t)UINT32_MAX); break;
    case 'G':
    case TOP_KEY_END: move(v, UINT32_MAX); break;
    case TOP_KEY_LEFT: move_sideways(v, -SIDEWAYS); break;
    case TOP_KEY_RIGHT: move_sideways(v, SIDEWAYS); break;
    default: break;
    }
}

bool top_view_key(struct top_view *v, int key)
{
    *v->message = '\0';
    if (v->prompts)
        prompt_key(v, key);
    else
        command_key(v, key);
    return !v->quit;
}
