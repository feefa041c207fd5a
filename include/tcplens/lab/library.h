/* The labs that the program brings: docs/labs, as bytes of it. */
#ifndef TCPLENS_LAB_LIBRARY_H
#define TCPLENS_LAB_LIBRARY_H

#include <stddef.h>

struct library_lab {
    const char *name;          /* of its folder */
    const char *lab, *en, *zh; /* lab.json, guide.en.md, guide.zh.md, each with a NUL at its end */
};

extern const struct library_lab library_labs[]; /* a name of NULL ends it */

#endif
