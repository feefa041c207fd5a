/*
 * client_ways.h - the two ways of using a connection: messages, and typed lines.
 */
#ifndef ECHO_CLIENT_WAYS_H
#define ECHO_CLIENT_WAYS_H

#include "client_common.h"

/* Both use the connected, blocking socket fd, leave closing it to the caller, and return 0 or -1. */
int client_messages_run(const struct client_config *config, int fd);
int client_typed_run(int fd);

#endif
