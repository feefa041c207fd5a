/* Reads a lab from its file. Pure. */
#ifndef TCPLENS_LAB_LOAD_H
#define TCPLENS_LAB_LOAD_H

#include "tcplens/lab/lab.h"

#define LAB_ERROR_MAX 768

/* text: of the file, with a NUL at its end. student: chooses what varies, NULL: the first of each. mutation: what is changed
 * before, NULL: nothing. 0, or -EINVAL, -ENOMEM with one line in error: the line of the file, the field, and what it should be. */
int lab_load(const char *text, const char *student, const char *mutation, struct lab **ret_lab,
             char error[static LAB_ERROR_MAX]) __attribute__((warn_unused_result));

/* The JSON Schema of a lab file, for the caller to free(). NULL: no memory. */
char *lab_schema(void);

#endif
