/*
 * client_ways.h - the two ways of using a connection: messages, and typed lines.
 */
#ifndef ECHO_CLIENT_WAYS_H
#define ECHO_CLIENT_WAYS_H

#include "client_common.h"

/* Connects, by the options. Returns a blocking socket for the caller to close, or -1, the error printed. */
int client_connect(const struct client_config *config);

/* Both open and close their connections, and return 0 or -1. */
int client_messages_run(const struct client_config *config);
int client_typed_run(const struct client_config *config);

#endif
