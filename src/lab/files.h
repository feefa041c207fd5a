/* Files that a program of a lab finds in place of the host's. */
#ifndef TCPLENS_LAB_FILES_H
#define TCPLENS_LAB_FILES_H

#include <cjson/cJSON.h>

#define FILES_ERROR_MAX 256

/* Texts by their paths. This process gets a mount namespace of its own, where each stands in place of the host's file, which must
 * be there. 0, or -errno with one line in error. */
int files_put(const cJSON *files, char error[static FILES_ERROR_MAX]) __attribute__((warn_unused_result));

#endif
