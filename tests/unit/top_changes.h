/* What tests of `tcplens top` tell its model: changes of connections from 192.0.2.1 to 192.0.2.2, each with the next number. */
#ifndef TCPLENS_TESTS_TOP_CHANGES_H
#define TCPLENS_TESTS_TOP_CHANGES_H

#include <stdint.h>

#include "tcplens/top/model.h"

#define START UINT64_C(1700000000000000000)

struct top_model *new_model(void);
/* Where it has no time, it is of START. */
void tell(struct top_model *m, struct change c);
void connect_to(struct top_model *m, uint32_t conn, uint16_t port);
/* The owner's name is none that a terminal may be given. */
void step(struct top_model *m, uint32_t conn, enum end end, enum tcp_state to, enum witness source);
void finish(struct top_model *m, uint32_t conn, enum verdict verdict, enum cause cause);
/* Of the client. */
void segment(struct top_model *m, uint32_t conn, int64_t seq, uint32_t len, uint32_t notes, uint64_t rtt_ns);
/* NULL: the model has none. */
const struct top_row *row_of(const struct top_model *m, uint32_t conn);

#endif
