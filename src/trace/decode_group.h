/* Values of several parts, of the types that are lists and objects: as decode_value.h has it. */
#ifndef TCPLENS_TRACE_DECODE_GROUP_H
#define TCPLENS_TRACE_DECODE_GROUP_H

#include "decode_value.h"

bool take_stalled(uint64_t start_ns, const cJSON *item, struct stalled *ret_stalled);
bool take_tunnels(uint64_t start_ns, const cJSON *item, const struct tunnel **ret_tunnel);
bool take_ends(uint64_t start_ns, const cJSON *item, bool (*ret_ends)[END_N]);
bool take_call_end(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_kernel(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_owner(uint64_t start_ns, const cJSON *item, struct task *ret_owner);
bool take_flags(uint64_t start_ns, const cJSON *item, uint16_t *ret_flags);
bool take_notes(uint64_t start_ns, const cJSON *item, uint32_t *ret_notes);
bool take_poll_events(uint64_t start_ns, const cJSON *item, uint16_t *ret_events);
bool take_ready(uint64_t start_ns, const cJSON *item, struct waiting *ret_waiting);
bool take_datagram_error(uint64_t start_ns, const cJSON *item, struct datagram *ret_datagram);
bool take_header_bytes(uint64_t start_ns, const cJSON *item, struct segment_header *ret_header);
bool take_dns(uint64_t start_ns, const cJSON *item, struct datagram *ret_datagram);
bool take_options(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_args(uint64_t start_ns, const cJSON *item, struct call_arg (*ret_args)[CALL_ARGS_MAX]);
bool take_error(uint64_t start_ns, const cJSON *item, int64_t *ret_ret);
bool take_sentence(uint64_t start_ns, const cJSON *item, const struct change *c);
bool take_state_pair(uint64_t start_ns, const cJSON *item, enum tcp_state (*ret_states)[END_N]);
bool take_pair(uint64_t start_ns, const cJSON *item, uint64_t (*ret_pair)[END_N]);
bool take_wire_pair(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_state_times(uint64_t start_ns, const cJSON *item, uint64_t (*ret_ns)[END_N][TCP_STATE_N]);
bool take_conns(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_figures(uint64_t start_ns, const cJSON *item, struct change *c);
bool take_records(uint64_t start_ns, const cJSON *item, uint64_t (*ret_numbers)[FINDING_RECORDS_MAX]);
bool take_lab_values(uint64_t start_ns, const cJSON *item, struct lab_value (*ret_values)[LAB_VALUES_MAX]);
bool take_remedies(uint64_t start_ns, const cJSON *item, struct change *c);

#endif
