/* The records of a trace, as checks look at them. Pure. */
#ifndef TCPLENS_LAB_RECORDS_H
#define TCPLENS_LAB_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct records;

/* 0 or -ENOMEM. */
int records_new(struct records **ret_records) __attribute__((warn_unused_result));
struct records *records_free(struct records *records);

/* Adds a line of a trace, which was checked or made by us. 0; -EINVAL: it is no JSON object; -ENOMEM; -E2BIG: more than
 * LIMIT_LAB_RECORDS. */
int records_add(struct records *records, const char *line, size_t len) __attribute__((warn_unused_result));

size_t records_count(const struct records *records);
const cJSON *records_at(const struct records *records, size_t index);
/* The first line; NULL: there is none. */
const cJSON *records_header(const struct records *records);
/* Why what is not there may have been there: events were lost, or the trace was cut. NULL: it is whole. */
const char *records_doubt(const struct records *records);
/* A line could not be read. */
void records_damage(struct records *records);
/* It ends before all was done. */
void records_interrupt(struct records *records);
/* The trace has not come to its end yet, and it is no fault that it has not. */
void records_live(struct records *records, bool live);
/* That witness took part. */
bool records_have(const struct records *records, const char *witness);

/* "record" of one. */
const char *record_kind(const cJSON *record);
double record_number(const cJSON *record, const char *key, double otherwise);
/* A text member; NULL: there is none. */
const char *record_text(const cJSON *record, const char *key);

#endif
