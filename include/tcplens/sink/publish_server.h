/* Which NATS server records are sent to, or read from. */
#ifndef TCPLENS_SINK_PUBLISH_SERVER_H
#define TCPLENS_SINK_PUBLISH_SERVER_H

#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/options.h"

#define PUBLISH_URLS_MAX 4
#define PUBLISH_URL_MAX 64
#define PUBLISH_ERROR_MAX 512

struct publish_server {
    char host[256]; /* as it was given, without brackets; "": none was */
    uint16_t port;
    char user[128], password[128];                /* "": none */
    char urls[PUBLISH_URLS_MAX][PUBLISH_URL_MAX]; /* its addresses; as publish_server_resolve() leaves them */
    struct endpoint at[PUBLISH_URLS_MAX];         /* the same */
    unsigned url_count;
};

/* "nats://[USER:PASSWORD@]HOST[:PORT]", as an option takes it; member: a struct publish_server. */
int publish_server_take(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* Looks its name up, which needs files. 0, or -EHOSTUNREACH with one line in error. */
int publish_server_resolve(struct publish_server *server, char error[static PUBLISH_ERROR_MAX]);

#endif
