/* From what the engine says to one line of the trace (docs/trace-format.md). */
#ifndef TCPLENS_TRACE_ENCODE_H
#define TCPLENS_TRACE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/filter.h"
#include "tcplens/base/host.h"
#include "tcplens/base/limits.h"
#include "tcplens/trace/change.h"

/* No line is longer, newline included; what could be (names, texts) is cut to fit its field. */
#define TRACE_LINE_MAX 9216

/* Where a trace writes UNIX time, it is nanoseconds since its start: 0 for what came before. The cap (104 days) is what
 * a reader that has only doubles holds exactly. A record that happened outside says so, in a field of its own. */
#define TRACE_TIME_MAX ((UINT64_C(1) << 53) - 1)

static inline bool trace_time_fits(uint64_t ts_ns, uint64_t start_ns)
{
    return ts_ns - start_ns <= TRACE_TIME_MAX;
}

static inline uint64_t trace_time(uint64_t ts_ns, uint64_t start_ns)
{
    uint64_t t = ts_ns > start_ns ? ts_ns - start_ns : 0;

    return t < TRACE_TIME_MAX ? t : TRACE_TIME_MAX;
}

#define TRACE_SYSCTL_MAX SYSCTL_N
#define TRACE_SKIPPED_NAME_MAX 128
#define TRACE_SKIPPED_MAX (LIMIT_SKIPPED_KINDS + LIMIT_STRAY_RESETS + 6)

/* One of the files that a trace was merged of, and its clock beside that of the first. */
struct trace_merged {
    const char *input, *host; /* host: NULL where it says none */
    enum clock_fit_kind clock;
    int64_t offset_ns, skew_ppb; /* ahead of the first one's, as the trace begins; and fast */
    uint64_t band_ns;
    uint64_t segments; /* it follows from; 0: offset, skew and band are not known, or none */
    uint64_t steps;    /* times it was set */
};

/* First line of a trace. All strings are borrowed; NULL where they do not apply. */
struct trace_header {
    uint64_t start_ns; /* UNIX time of t = 0 */
    const char *kernel, *netns, *input;
    const char *missing[WITNESS_N]; /* why this witness could not take part; NULL: was not wanted, or takes part */
    bool sources[WITNESS_N];
    struct filter filter;
    const char *interfaces[LIMIT_INTERFACES];
    unsigned interface_count;
    char *const *command; /* NULL-terminated */
    struct {
        const char *name;
        char value[32]; /* as /proc/sys shows it; written as a number where it is one */
    } sysctl[TRACE_SYSCTL_MAX];
    unsigned sysctl_count;
    struct host host; /* all zeros: of a capture file */
    struct trace_merged merged[LIMIT_MERGED_FILES];
    unsigned merged_count;
    uint32_t part; /* of a trace in several files, which of them, from 1; 0: it is in one */
};

/* Packets that told of no connection, for one reason. */
struct trace_skipped {
    char what[TRACE_SKIPPED_NAME_MAX];
    uint64_t count;
};

/* Last line of a trace. */
struct trace_end {
    uint64_t n, ts_ns;
    enum end_reason reason;
    int status; /* of the command; < 0: there was none */
    uint64_t counts[CHANGE_KIND_N], lost[WITNESS_N], late, beyond[BEYOND_N];
    struct {
        uint64_t set, suspended_ns;
        int64_t set_by_ns;
    } clock; /* all 0: nothing to say */
    struct trace_skipped skipped[TRACE_SKIPPED_MAX];
    unsigned skipped_count;
};

/* There is room for all that are counted; what is not, is passed over. count 0: nothing to say. */
void trace_end_skipped(struct trace_end *end, const char *what, uint64_t count);

/* Writes one line, newline included, without NUL, straight into buf (TRACE_LINE_MAX bytes at least): this is the hot
 * path. start_ns is the header's. Returns the length; what then stands behind the line means nothing. */
size_t trace_encode(const struct change *change, uint64_t start_ns, char buf[static TRACE_LINE_MAX]);

/* What is written for an error number: its name; that of what a system call which a signal interrupted returns to a tracer
 * alone (linux/errno.h: the application never sees it); or digits, in buf. */
#define TRACE_ERRNO_NAME_MAX 16
#define TRACE_ERRNO_MAX 4096 /* MAX_ERRNO of linux/err.h, and one more */
const char *trace_errno_name(unsigned code, char buf[static TRACE_ERRNO_NAME_MAX]);
/* A signal interrupted the call: it is made again, or its application gets EINTR. */
bool trace_errno_is_restart(unsigned code);

/* The cold lines. *ret_line is for the caller to free(), newline included. 0, -ENOMEM, or
 * -EMSGSIZE (names of sysctls that are no names). Many or long arguments of the command end in an ellipsis. */
int trace_encode_header(const struct trace_header *header, char **ret_line) __attribute__((warn_unused_result));
int trace_encode_end(const struct trace_end *end, uint64_t start_ns, char **ret_line)
    __attribute__((warn_unused_result));

#endif
