/* What tests of records are written with. Whatever cannot be made fails the test. */
#ifndef TCPLENS_TESTS_VALUES_H
#define TCPLENS_TESTS_VALUES_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "tcplens/base/addr.h"

struct endpoint endpoint(const char *addr, uint16_t port);
/* One JSON text, with nothing behind it. For cJSON_Delete(). */
cJSON *parse(const char *text);

#endif
