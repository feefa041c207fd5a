/* JSON whose integers are exact. cJSON keeps numbers as double, which holds 15 digits; those of a trace have up to 20. */
#ifndef TCPLENS_TRACE_EXACT_JSON_H
#define TCPLENS_TRACE_EXACT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* A double holds every integer up to here (2^53 - 1). */
#define EXACT_JSON_MAX INT64_C(9007199254740991)

/* Nothing but blanks? */
bool json_is_blank(const char *text, size_t len);
/* One object and nothing else, its numbers as cJSON has them. NULL: no such, or no memory. For cJSON_Delete(). */
cJSON *json_object_parse(const char *text, size_t len);
/* The same, with numbers that are exact: for the two below. */
cJSON *exact_json_parse(const char *line, size_t len);
/* False: no integer, or not from min to max. Signed ones only as far as a double is exact. NULL is no integer. */
bool exact_signed(const cJSON *item, int64_t min, int64_t max, int64_t *ret_value);
bool exact_unsigned(const cJSON *item, uint64_t min, uint64_t max, uint64_t *ret_value);

#endif
