/*
 * server_models.h - the ways to serve many clients: a file server_NAME.c each, and a row in models.def.
 */
#ifndef ECHO_SERVER_MODELS_H
#define ECHO_SERVER_MODELS_H

#include "server_common.h"

/*
 * Each serves until SIGTERM or SIGINT, has SIGPIPE ignored by its caller, and returns
 * 0, or -errno with the error printed.
 */
#define MODEL(name, description) int server_##name##_run(const struct server_config *config);
#include "models.def"
#undef MODEL

#endif
