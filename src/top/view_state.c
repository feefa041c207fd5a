/* The state of a view, and the order of its connections.
 *
 * Theory of operation. The list of connections is an order that stands between frames: a frame puts the rows that have
 * changed since the last one in their places and asks for those that are shown, so that it costs what there is to see, not
 * what there is. Only a key that changes order or filter puts all rows in again. */
#include "view_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "hint.h"

int top_view_new(const struct top_view_config *config, struct top_view **ret_view)
{
    struct top_view *v = calloc(1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    v->config = *config;
    v->sorted = COLUMN_CONN;
    v->reversed = config->live; /* the newest first */
    v->ended = !config->live;
    if (order_init(&v->order, LIMIT_TOP_CONNECTIONS) < 0 || trace_decoder_new(&v->decoder) < 0) {
        top_view_free(v);
        return -ENOMEM;
    }
    *ret_view = v;
    return 0;
}

struct top_view *top_view_free(struct top_view *v)
{
    if (!v)
        return NULL;
    order_free(&v->order);
    trace_decoder_free(v->decoder);
    free(v);
    return NULL;
}

bool top_view_is_paused(const struct top_view *v)
{
    return v->paused;
}

void top_view_status(struct top_view *v, const char *status)
{
    v->status = status;
}

void top_view_start_order_anew(struct top_view *v)
{
    order_clear(&v->order);
    top_model_touch(v->config.model);
}

void top_view_put_in_order(struct top_view *v)
{
    uint32_t place;

    while ((place = top_model_next_changed(v->config.model))) {
        const struct top_row *row = top_model_row(v->config.model, place);
        const uint64_t key = column_key(v->sorted, row);

        if (row->conn && (v->ended || !row->ended) && top_filter_matches(&v->filter, row))
            order_put(&v->order, place, v->reversed ? ~key : key, v->reversed ? ~row->conn : row->conn);
        else
            order_drop(&v->order, place);
    }
}

int top_view_filter(struct top_view *v, const char *text, char error[static TOP_FILTER_ERROR_MAX])
{
    struct top_filter filter;

    if (top_filter_parse(text, &filter, error) < 0)
        return -EINVAL;
    v->filter = filter;
    snprintf(v->filter_text, sizeof(v->filter_text), "%s", text);
    top_view_start_order_anew(v);
    return 0;
}

void top_view_sort_by(struct top_view *v, enum column column)
{
    v->sorted = column;
    v->reversed = false;
    top_view_start_order_anew(v);
}

int top_view_sort(struct top_view *v, const char *title, char error[static TOP_FILTER_ERROR_MAX])
{
    const char *names[COLUMN_N];
    char hint[96];

    for (enum column column = 0; column < COLUMN_N; column++) {
        if (strcasecmp(title, column_title(column)) == 0) {
            top_view_sort_by(v, column);
            return 0;
        }
        names[column] = column_title(column);
    }
    snprintf(error, TOP_FILTER_ERROR_MAX, "no column '%.100s'%s", title, top_hint(title, names, COLUMN_N, hint));
    return -EINVAL;
}

uint32_t top_view_list_count(const struct top_view *v, enum page page)
{
    uint32_t n = 0;

    switch (page) {
    case PAGE_CONNECTIONS: return order_count(&v->order);
    case PAGE_LISTENERS: return top_model_totals(v->config.model).listeners;
    default:
        while (top_model_finding(v->config.model, n))
            n++;
        return n;
    }
}
