/* What a view is between frames and keys: the pages, what is selected in each, and the order of the connections. */
#ifndef TCPLENS_TOP_VIEW_STATE_H
#define TCPLENS_TOP_VIEW_STATE_H

#include "columns.h"
#include "tcplens/top/view.h"
#include "tcplens/trace/decode.h"

#define FILTER_MAX 192 /* bytes of a filter that can be typed */

enum page {
    PAGE_CONNECTIONS,
    PAGE_LISTENERS,
    PAGE_FINDINGS,
    PAGE_LISTS,
    PAGE_TIMELINE = PAGE_LISTS,
    PAGE_FINDING,
    PAGE_HELP
};

struct list {
    uint32_t selected, offset;
};

struct top_view {
    struct top_view_config config;
    struct order order;
    enum column sorted;
    bool reversed, ended, paused, quit;
    struct top_filter filter;
    char filter_text[FILTER_MAX];
    enum page page, back; /* back: where the page that is open came from */
    struct list lists[PAGE_LISTS];
    uint32_t follow; /* connection that the selection stays with; 0: none was chosen */
    bool prompts;
    char prompt[FILTER_MAX], message[TOP_FILTER_ERROR_MAX + 32];
    const char *status;
    unsigned page_lines; /* of the list, as painted last */
    struct columns columns;
    uint64_t rate_ns, rate_changes, rate; /* changes a second */
    /* of the timeline */
    struct trace_decoder *decoder;
    bool decodes;
    uint32_t conn;
    uint64_t anchor;          /* number of the record in its first line; 0: the newest are shown */
    unsigned sideways, width; /* width: of the screen */
    uint32_t shown_finding;
    struct history_line lines[LIMIT_TOP_TIMELINE];
};

/* After order or filter have changed: the next frame puts all rows in again. */
void top_view_start_order_anew(struct top_view *v);
/* Puts the rows that have changed in their places. */
void top_view_put_in_order(struct top_view *v);
void top_view_sort_by(struct top_view *v, enum column column);
/* Lines of this list; page: before PAGE_LISTS. */
uint32_t top_view_list_count(const struct top_view *v, enum page page);

#endif
