/* Numbers with a unit, as they are typed. */
#ifndef TCPLENS_BASE_UNITS_H
#define TCPLENS_BASE_UNITS_H

#include <stdint.h>

/* "10" (seconds), "0.5s", "500ms", "5m", "1h": more than nothing, up to 1000 hours. 0 or -EINVAL. */
int units_duration(const char *text, uint64_t *ret_ns) __attribute__((warn_unused_result));
#define UNITS_DURATION "seconds, or a number with ms, s, m or h, up to 1000 hours"

/* "1000000" (bytes), "64k", "100M", "1.5G": of 1024; up to 2^60. 0 or -EINVAL. */
int units_size(const char *text, uint64_t *ret_bytes) __attribute__((warn_unused_result));
#define UNITS_SIZE "bytes, or a number with k, M or G"

#endif
