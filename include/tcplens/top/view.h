/* What stands on the screen, and what a key does: no terminal here, it is painted onto whatever takes texts. */
#ifndef TCPLENS_TOP_VIEW_H
#define TCPLENS_TOP_VIEW_H

#include "tcplens/base/line.h"
#include "tcplens/top/filter.h"
#include "tcplens/top/model.h"

/* Where to. Whatever is not painted is blank. */
struct top_paint {
    unsigned width, height; /* cells */
    /* text: UTF-8, every character one cell, that ends before the edge. */
    void (*text)(void *arg, unsigned y, unsigned x, enum line_style style, bool inverse, const char *text);
    void *arg;
};

/* Keys that are no characters. */
enum top_key {
    TOP_KEY_UP = 256,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_BACKSPACE,
    TOP_KEY_ESCAPE,
    TOP_KEY_TAB,
};

struct top_view_config {
    struct top_model *model; /* borrowed */
    const char *what;        /* that is looked at: "kernel, wire", or a file's name; borrowed */
    bool live;               /* it goes on: what has ended is not shown unasked */
};

struct top_view;

/* 0 or -ENOMEM. */
int top_view_new(const struct top_view_config *config, struct top_view **ret_view) __attribute__((warn_unused_result));
struct top_view *top_view_free(struct top_view *view);

/* As top_filter_parse(); text: what the user wrote. */
int top_view_filter(struct top_view *view, const char *text, char error[static TOP_FILTER_ERROR_MAX])
    __attribute__((warn_unused_result));
/* Sorts by the column of this title, in any case. 0, or -EINVAL: there is none, which error says. */
int top_view_sort(struct top_view *view, const char *title, char error[static TOP_FILTER_ERROR_MAX])
    __attribute__((warn_unused_result));
/* What is said of the input besides: "reading"; borrowed. NULL: nothing. */
void top_view_status(struct top_view *view, const char *status);

/* A character or enum top_key. False: the user wants to quit. */
bool top_view_key(struct top_view *view, int key);
bool top_view_is_paused(const struct top_view *view);

/* now_ns: UNIX time, by which the age of what is open counts. */
void top_view_paint(struct top_view *view, const struct top_paint *paint, uint64_t now_ns);
/* The same all at once, without end of the screen: one line after the other to `line`, without newline. */
void top_view_print(struct top_view *view, unsigned width, uint64_t now_ns, void (*line)(void *arg, const char *text),
                    void *arg);

#endif
