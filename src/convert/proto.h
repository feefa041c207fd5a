/* Protocol Buffers as they are on the wire (protobuf.dev, "Encoding"): what is written of a message, field by field, in a
 * buffer of one size. What does not fit is left out whole. */
#ifndef TCPLENS_CONVERT_PROTO_H
#define TCPLENS_CONVERT_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define PROTO_MAX 4096

struct proto {
    size_t len;
    uint8_t data[PROTO_MAX];
};

void proto_number(struct proto *message, unsigned field, uint64_t value);  /* uint64, int64, enum, bool */
void proto_fixed64(struct proto *message, unsigned field, uint64_t value); /* fixed64 */
void proto_text(struct proto *message, unsigned field, const char *text);
void proto_message(struct proto *message, unsigned field, const struct proto *inner);

#endif
