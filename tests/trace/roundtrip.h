/* A line of a trace, decoded and encoded again. */
#ifndef TCPLENS_TESTS_ROUNDTRIP_H
#define TCPLENS_TESTS_ROUNDTRIP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/trace/decode.h"

/* What a line became. *start_ns: that of the header, which sets it. *ret_again: for the caller to free(), newline included;
 * NULL where the line is of a kind that is not known. 0, or what trace_decode() or the encoder returned. */
static inline int roundtrip(struct trace_decoder *decoder, uint64_t *start_ns, const char *line, size_t len,
                            char **ret_again, char error[static TRACE_DECODE_ERROR_MAX])
{
    struct trace_line decoded;
    int r = trace_decode(decoder, line, len, &decoded, error);

    *ret_again = NULL;
    if (r < 0)
        return r;
    switch (decoded.kind) {
    case TRACE_LINE_HEADER: *start_ns = decoded.header.start_ns; return trace_encode_header(&decoded.header, ret_again);
    case TRACE_LINE_END: return trace_encode_end(&decoded.end, *start_ns, ret_again);
    case TRACE_LINE_CHANGE:
        *ret_again = malloc(TRACE_LINE_MAX + 1);
        if (!*ret_again)
            return -ENOMEM;
        (*ret_again)[trace_encode(&decoded.change, *start_ns, *ret_again)] = '\0';
        return 0;
    case TRACE_LINE_UNKNOWN: break;
    }
    return 0;
}

#endif
