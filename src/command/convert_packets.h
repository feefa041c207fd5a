/* The capture beside a trace (--packets): its bytes, as a join asks for them. */
#ifndef TCPLENS_COMMAND_CONVERT_PACKETS_H
#define TCPLENS_COMMAND_CONVERT_PACKETS_H

#include <stdbool.h>

#include "tcplens/convert/join.h"

struct convert_packets;

/* fd: of the capture, taken over. The process may be confined already. 0 or -ENOMEM. */
int convert_packets_new(int fd, const char *path, struct convert_packets **ret_packets)
    __attribute__((warn_unused_result));
void convert_packets_free(struct convert_packets *packets); /* NULL is fine */

/* Where what is read goes; before the first piece. */
void convert_packets_into(struct convert_packets *packets, struct join *join);
/* As join_more_fn. What is wrong is told once. */
bool convert_packets_more(void *packets);
/* It was no capture, or broke off. */
bool convert_packets_failed(const struct convert_packets *packets);

#endif
