/* What varies from student to student. */
#ifndef TCPLENS_LAB_VALUES_H
#define TCPLENS_LAB_VALUES_H

#include "shape.h"
#include "tcplens/lab/lab.h"

/* Chooses a value for each of lab->tree's "vary", and puts it in wherever a text names it: "$port", "$backlog+1". Faults are told
 * in the walk, here and below. */
void values_choose(struct lab *lab, struct shape_walk *walk);
/* Puts an actor's address in where a text is "@server". */
void values_place(struct lab *lab, struct shape_walk *walk);

/* Puts the choices of each question into an order of that student, and of nothing else: the file's tends to begin with the right
 * one. The page and the terminal have it alike. */
void values_order(struct lab *lab);

/* Changes the tree as a mutation of that name says. */
void values_mutate(cJSON *tree, const char *mutation, struct shape_walk *walk);

#endif
