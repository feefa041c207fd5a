/* A value of each type (types.def), the inverse of encode.c's put_name(): take_name() is false where the item is none. Texts
 * stay where cJSON has them. start_ns: UNIX time of t = 0. Here are the types of one value, in decode_group.h those of several. */
#ifndef TCPLENS_TRACE_DECODE_VALUE_H
#define TCPLENS_TRACE_DECODE_VALUE_H

#include <cjson/cJSON.h>

#include "tcplens/trace/encode.h"

/* What is wrong: a field, and what it should be. */
struct decode_error {
    const char *record, *key, *meaning;
};
/* Returns -EINVAL. */
int decode_wrong(struct decode_error *error, const char *record, const char *key, const char *meaning);

/* NULL: it has none. */
const cJSON *json_member(const cJSON *object, const char *key);
bool json_is_word(const cJSON *item, const char *word);
/* The value of a word in a list of words.h; -1: it is none of it. */
int json_value_of(const cJSON *item, const char *list);
/* Printable ASCII. */
bool json_is_plain(const char *text);

bool take_id(uint64_t start_ns, const cJSON *item, uint32_t *ret_value);
bool take_number(uint64_t start_ns, const cJSON *item, uint64_t *ret_value);
bool take_count(uint64_t start_ns, const cJSON *item, uint64_t *ret_value);
bool take_u8(uint64_t start_ns, const cJSON *item, uint8_t *ret_value);
bool take_u16(uint64_t start_ns, const cJSON *item, uint16_t *ret_value);
bool take_u32(uint64_t start_ns, const cJSON *item, uint32_t *ret_value);
bool take_end(uint64_t start_ns, const cJSON *item, enum end *ret_value);
bool take_how(uint64_t start_ns, const cJSON *item, enum how *ret_value);
bool take_witness(uint64_t start_ns, const cJSON *item, enum witness *ret_value);
bool take_object(uint64_t start_ns, const cJSON *item, enum object *ret_value);
bool take_timer_name(uint64_t start_ns, const cJSON *item, enum timer_name *ret_value);
bool take_timer_why(uint64_t start_ns, const cJSON *item, enum timer_why *ret_value);
bool take_queue_why(uint64_t start_ns, const cJSON *item, enum queue_why *ret_value);
bool take_verdict(uint64_t start_ns, const cJSON *item, enum verdict *ret_value);
bool take_cause(uint64_t start_ns, const cJSON *item, enum cause *ret_value);
bool take_stall(uint64_t start_ns, const cJSON *item, enum stall *ret_value);
bool take_known(uint64_t start_ns, const cJSON *item, enum known *ret_value);
bool take_clock_fit(uint64_t start_ns, const cJSON *item, enum clock_fit_kind *ret_value);
bool take_end_reason(uint64_t start_ns, const cJSON *item, enum end_reason *ret_value);
bool take_finding_kind(uint64_t start_ns, const cJSON *item, enum finding_kind *ret_value);
bool take_severity(uint64_t start_ns, const cJSON *item, enum severity *ret_value);
bool take_icmp_error(uint64_t start_ns, const cJSON *item, enum icmp_error *ret_value);
bool take_tunnel_type(uint64_t start_ns, const cJSON *item, enum tunnel_type *ret_value);
bool take_int32(uint64_t start_ns, const cJSON *item, int *ret_value);
bool take_offset(uint64_t start_ns, const cJSON *item, int64_t *ret_value);
bool take_result(uint64_t start_ns, const cJSON *item, int64_t *ret_value);
bool take_one_more(uint64_t start_ns, const cJSON *item, const uint32_t *backlog);
bool take_time(uint64_t start_ns, const cJSON *item, uint64_t *ret_ts_ns);
bool take_start(uint64_t start_ns, const cJSON *item, uint64_t *ret_ns);
bool take_tcp_state(uint64_t start_ns, const cJSON *item, enum tcp_state *ret_state);
bool take_yes(uint64_t start_ns, const cJSON *item, bool *ret_value);
bool take_before_trace(uint64_t start_ns, const cJSON *item, bool *ret_value);
bool take_assumed(uint64_t start_ns, const cJSON *item, bool *ret_value);
bool take_fired(uint64_t start_ns, const cJSON *item, enum timer_phase *ret_phase);
bool take_cancelled(uint64_t start_ns, const cJSON *item, enum timer_phase *ret_phase);
bool take_direction(uint64_t start_ns, const cJSON *item, bool *ret_sent);
bool take_who(uint64_t start_ns, const cJSON *item, const bool *sent);
bool take_text(uint64_t start_ns, const cJSON *item, const char **ret_text);
/* A word of our own, of printable ASCII: lines have it as it is, where a text from outside is escaped. */
bool take_word(uint64_t start_ns, const cJSON *item, const char **ret_word);
bool take_family(uint64_t start_ns, const cJSON *item, const struct addr *addr);
bool take_addr(uint64_t start_ns, const cJSON *item, struct addr *ret_addr);
bool take_endpoint(uint64_t start_ns, const cJSON *item, struct endpoint *ret_endpoint);
bool take_process_event(uint64_t start_ns, const cJSON *item, enum process_event *ret_value);
bool take_datagram_checksum(uint64_t start_ns, const cJSON *item, enum datagram_checksum *ret_value);
bool take_check_result(uint64_t start_ns, const cJSON *item, enum check_result *ret_value);

/* Into an array of size bytes; a full one has no NUL of its own. */
bool take_chars_of(const cJSON *item, char *to, size_t size);
#define take_chars(start_ns, item, value) ((void)(start_ns), take_chars_of(item, *(value), sizeof(*(value))))
/* The same of words of our own. */
bool take_letters_of(const cJSON *item, char *to, size_t size);
#define take_letters(start_ns, item, value) ((void)(start_ns), take_letters_of(item, *(value), sizeof(*(value))))
#define take_name take_word
#define take_slug take_word
#define take_phrase take_text
#define take_label take_word
#define take_counter_name take_word
#define take_line take_text
#define take_comm take_chars
#define take_reason take_chars
#define take_hook take_chars
#define take_interface take_chars
#define take_zeek_state take_letters
#define take_zeek_history take_letters

#endif
