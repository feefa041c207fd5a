/* What a record should be like: {"record": "state", "conn": "a", "end": "server", "to": "ESTABLISHED"}. A value is a text or a
 * number that the field should be, "a|b" one of several; of a list of words, one that is in it; a list: exactly these; or
 * {"ge": 1, "le": 5, "not": "RST"}. "conn" names an actor: the connections that it has an end of ("a#2": the second of them). */
#ifndef TCPLENS_LAB_PATTERN_H
#define TCPLENS_LAB_PATTERN_H

#include "shape.h"

/* Faults of a pattern; walk->about: the struct lab, whose actors `conn` may name, or NULL. */
void pattern_check(struct shape_walk *walk, const cJSON *pattern);
/* Faults of the fields of a header. */
void pattern_check_header(struct shape_walk *walk, const cJSON *fields);

/* Faults of a list of states. */
void pattern_check_states(struct shape_walk *walk, const cJSON *list);

extern const char pattern_schema[];

#endif
