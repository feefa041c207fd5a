/* Things in an order, the nth of which is found without a look at the others: a list on a screen shows a few of many, and
 * what has changed since it was drawn last is all that has to be put in its place again. */
#ifndef TCPLENS_TOP_ORDER_H
#define TCPLENS_TOP_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_node;

struct order {
    struct order_node *nodes; /* by place */
    uint32_t max, root;
};

/* For places 1 to max. 0 or -ENOMEM. */
int order_init(struct order *order, uint32_t max) __attribute__((warn_unused_result));
void order_free(struct order *order);
/* Nothing is in it any more. */
void order_clear(struct order *order);

/* Puts what is at this place in order, or moves it: by key, of equal ones by tie. O(log n), as all that follows. */
void order_put(struct order *order, uint32_t place, uint64_t key, uint32_t tie);
/* Nothing happens where it is not in order. */
void order_drop(struct order *order, uint32_t place);
uint32_t order_count(const struct order *order);
/* The place of the nth, from 0, the least first; 0: there are not so many. */
uint32_t order_at(const struct order *order, uint32_t n);
/* The inverse. False: it is not in order. */
bool order_rank(const struct order *order, uint32_t place, uint32_t *ret_n);

#endif
