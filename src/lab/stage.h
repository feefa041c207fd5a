/* The lab as a source of events: what its actors did, and, where there is a wire, what was sent, lost and arrived. */
#ifndef TCPLENS_LAB_STAGE_H
#define TCPLENS_LAB_STAGE_H

#include "crew.h"
#include "match.h"
#include "tcplens/source/source.h"

struct stage;

/* Everything is borrowed. 0 or -ENOMEM. */
int stage_new(const struct lab *lab, struct crew *crew, struct stage **ret_stage) __attribute__((warn_unused_result));
struct stage *stage_free(struct stage *stage);

/* Lets the actors begin. */
void stage_begin(struct stage *stage);
/* Lets those go on that wait for what the records have by now. 0 or -ENOMEM. */
int stage_go_on(struct stage *stage, const struct records *records) __attribute__((warn_unused_result));
/* All actors that the lab waits for have ended. */
bool stage_is_over(const struct stage *stage);
/* The lab's time was over: that is told. */
void stage_time_out(struct stage *stage);
/* The crew has ended, and was not told to. */
bool stage_is_deserted(const struct stage *stage);

/* config: a struct stage *. */
extern const struct source_ops stage_ops;

#endif
