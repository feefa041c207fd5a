/* Any bytes as a trace: what is found in it must not depend on where reads cut it, and the counts must fit together. A line
 * that can be decoded is written such that it is decoded and written alike. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/roundtrip.h"
#include "tcplens/trace/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In pieces of 1 to longest bytes; longest 0: in one. Returns what trace_check_finish() or a refusal did. */
static int check(const uint8_t *data, size_t size, unsigned longest, struct trace_check_result *ret_result)
{
    struct trace_check *c;
    unsigned pseudo_random = longest;
    size_t len;
    int r = 0;

    if (trace_check_new(&c) < 0)
        abort();
    for (size_t at = 0; r == 0 && at < size; at += len) {
        pseudo_random = pseudo_random * 1103515245 + 12345;
        len = longest ? 1 + (pseudo_random >> 16) % longest : size;
        if (len > size - at)
            len = size - at;
        r = trace_check_feed(c, (const char *)data + at, len);
    }
    if (r == 0)
        r = trace_check_finish(c);
    *ret_result = *trace_check_result(c);
    trace_check_free(c);
    return r;
}

static bool same(const struct trace_check_result *a, const struct trace_check_result *b)
{
    return a->refusal == b->refusal && a->version == b->version && a->header == b->header && a->ended == b->ended &&
           a->records == b->records && a->broken == b->broken && a->first_broken == b->first_broken;
}

/* What was decoded and encoded once stays as it is. */
static void decode_lines(const uint8_t *data, size_t size)
{
    struct trace_decoder *decoder, *second;
    uint64_t start_ns = 0;

    if (trace_decoder_new(&decoder) < 0 || trace_decoder_new(&second) < 0)
        abort();
    for (size_t at = 0; at < size;) {
        const char *line = (const char *)data + at;
        const char *newline = memchr(line, '\n', size - at);
        const size_t len = newline ? (size_t)(newline - line) + 1 : size - at;
        char *once, *twice, error[TRACE_DECODE_ERROR_MAX];

        at += len;
        if (roundtrip(decoder, &start_ns, line, len, &once, error) < 0 || !once)
            continue;
        if (roundtrip(second, &start_ns, once, strlen(once), &twice, error) < 0 || strcmp(once, twice) != 0)
            abort();
        free(once);
        free(twice);
    }
    trace_decoder_free(decoder);
    trace_decoder_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned pieces[] = { 1, 7, 300 };
    struct trace_check_result whole, cut;
    uint64_t lines = 1;
    int r = check(data, size, 0, &whole);

    for (unsigned i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        if (check(data, size, pieces[i], &cut) != r || !same(&whole, &cut))
            abort();
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if ((r == 0) != (whole.refusal == TRACE_IS_TRACE) || (r == 0) != whole.header || (whole.header && !whole.records) ||
        whole.records + whole.broken > lines || !whole.broken != !whole.first_broken || whole.first_broken > lines)
        abort();
    decode_lines(data, size);
    return 0;
}
