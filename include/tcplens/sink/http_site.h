/* Where the viewer is served and who may ask: listening address, URL, token, Host. */
#ifndef TCPLENS_SINK_HTTP_SITE_H
#define TCPLENS_SINK_HTTP_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"

#define HTTP_TOKEN_LEN 32 /* 128 bits in hexadecimal */
#define HTTP_URL_MAX 128

struct http_site {
    struct addr addr; /* as given: unspecified is any */
    uint16_t port;    /* the real one, also where any was asked for */
    char token[HTTP_TOKEN_LEN + 1];
    char url[HTTP_URL_MAX];
};

/* Listens at address (text) and port (0: any), draws a token and makes the URL. Returns the socket (nonblocking), which
 * is the caller's, or -errno: -EINVAL for the address, or that of socket(), bind(), listen(), getrandom(). */
int http_site_open(const char *address, uint16_t port, struct http_site *ret_site) __attribute__((warn_unused_result));

/* Whether the len bytes of token (NULL: none) are the one of the site. Takes the same time however much of it is right. */
bool http_site_token_valid(const struct http_site *site, const char *token, size_t len);

/* Whether a request's target, as it was sent, has no control character, escaped or not: what stands behind a zero would be
 * looked at by nobody (RFC 3986, 7.3). */
bool http_site_target_valid(const char *target);
/* What a request asks for, in one of two forms (RFC 9112, 3.2): the path alone, or the whole URL, which then names the host
 * and not the Host header. Returns the path; *ret_host: len bytes of the URL, unchanged where it has none. */
const char *http_site_path(const char *target, const char **ret_host, size_t *ret_len);

/* Whether the len bytes of a Host header (NULL: none) name this server: a name of loopback or the address to which the connection
 * fd came, with the port. Any other name may be one that was rebound to this address (DNS rebinding). */
bool http_site_host_valid(const struct http_site *site, const char *host, size_t len, int fd);

/* The connection fd came by loopback. */
bool http_site_is_near(int fd);

#endif
