/* The tables of a lab file. */
#ifndef TCPLENS_LAB_SHAPES_H
#define TCPLENS_LAB_SHAPES_H

#include "shape.h"

extern const struct field lab_fields[];

/* Words of the file, by the enums that they stand for; NULL ends each. */
extern const char *const lab_topology_words[], *const lab_side_words[], *const lab_match_words[],
                                                                            *const lab_deed_words[];

#endif
