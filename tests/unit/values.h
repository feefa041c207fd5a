/* What tests of records are written with. Whatever cannot be made fails the test. */
#ifndef TCPLENS_TESTS_VALUES_H
#define TCPLENS_TESTS_VALUES_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "tcplens/base/addr.h"
#include "tcplens/trace/change.h"

struct endpoint endpoint(const char *addr, uint16_t port);
/* One JSON text, with nothing behind it. For cJSON_Delete(). */
cJSON *parse(const char *text);
/* Makes a change of this kind of the bytes that *c is filled with: what not every byte is, bool, states and pointers, is set;
 * texts all to this one, which outlives the change. */
void any_change(struct change *c, enum change_kind kind, const char *text);

#endif
