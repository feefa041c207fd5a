/* The newest lines of a trace, in a fixed number of bytes; each knows the one before it that is about the same. */
#ifndef TCPLENS_TOP_HISTORY_H
#define TCPLENS_TOP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history {
    char *bytes;
    uint64_t size, head; /* head: how many were ever written; a line is known by where it was */
};

struct history_line {
    uint64_t before; /* the line before it that is about the same; 0: none */
    uint64_t n;      /* record number */
    uint32_t len;
    const char *text; /* until the next line is added */
};

/* 0 or -ENOMEM. */
int history_init(struct history *history, size_t size) __attribute__((warn_unused_result));
void history_free(struct history *history);

/* Keeps a line, and forgets the oldest ones for it. Returns what it is known by; 0: it is too long. */
uint64_t history_add(struct history *history, uint64_t before, uint64_t n, const char *text, size_t len);
/* False: it is forgotten, or 0. */
bool history_find(const struct history *history, uint64_t line, struct history_line *ret_line);

#endif
