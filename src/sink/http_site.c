#include "tcplens/sink/http_site.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcplens/base/addr.h"

#define TOKEN_BYTES (HTTP_TOKEN_LEN / 2)
#define BACKLOG 32

static int make_token(char ret_token[static HTTP_TOKEN_LEN + 1])
{
    unsigned char bytes[TOKEN_BYTES];
    ssize_t got;

    do
        got = getrandom(bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(bytes))
        return got < 0 ? -errno : -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* Returns the listening socket or -errno, and the port it got. */
static int listen_at(const struct addr *addr, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    bool ipv4 = addr_is_ipv4(addr);
    struct sockaddr *name = ipv4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = ipv4 ? sizeof(v4) : sizeof(v6);

    memcpy(&v4.sin_addr, addr->bytes + 12, 4);
    memcpy(&v6.sin6_addr, addr->bytes, 16);
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Connections of an earlier run in TIME-WAIT shall not keep the port. */
    int one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, name, len) || listen(fd, BACKLOG) || getsockname(fd, name, &len)) {
        int error = -errno;

        close(fd);
        return error;
    }
    *ret_port = ntohs(ipv4 ? v4.sin_port : v6.sin6_port);
    return fd;
}

static void make_url(struct http_site *site, struct addr addr)
{
    static const uint8_t any4[4], loopback4[4] = { 127, 0, 0, 1 };
    static const uint8_t any6[16], loopback6[16] = { [15] = 1 };
    bool ipv4 = addr_is_ipv4(&addr);
    struct addr any = ipv4 ? addr_from_ipv4(any4) : addr_from_ipv6(any6);

    /* The wildcard is no address to go to; loopback is one of those it stands for. */
    if (addr_equal(&addr, &any))
        addr = ipv4 ? addr_from_ipv4(loopback4) : addr_from_ipv6(loopback6);
    char text[ENDPOINT_TEXT_MAX];
    snprintf(site->url, sizeof(site->url), "http://%s/?token=%s",
             endpoint_format(&(struct endpoint){ .addr = addr, .port = site->port }, text), site->token);
}

int http_site_open(const char *address, uint16_t port, struct http_site *ret_site)
{
    struct http_site site = { 0 };
    struct addr addr;
    int r = addr_parse(address, &addr);

    if (r < 0)
        return r;
    r = make_token(site.token);
    if (r < 0)
        return r;
    int fd = listen_at(&addr, port, &site.port);
    if (fd < 0)
        return fd;
    site.addr = addr;
    make_url(&site, addr);
    *ret_site = site;
    return fd;
}

bool http_site_token_valid(const struct http_site *site, const char *token, size_t len)
{
    volatile unsigned char differ = 0;

    if (!token || len != HTTP_TOKEN_LEN)
        return false;
    for (size_t i = 0; i < HTTP_TOKEN_LEN; i++)
        differ |= (unsigned char)(token[i] ^ site->token[i]);
    return !differ;
}

bool http_site_target_valid(const char *target)
{
    for (; *target; target++) {
        unsigned c = (unsigned char)*target;

        if (c == '%' && isxdigit((unsigned char)target[1]) && isxdigit((unsigned char)target[2]))
            c = (unsigned)strtoul((const char[]){ target[1], target[2], '\0' }, NULL, 16);
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

const char *http_site_path(const char *target, const char **ret_host, size_t *ret_len)
{
    static const char scheme[] = "http://";
    const size_t before = sizeof(scheme) - 1;
    size_t len;

    if (strncasecmp(target, scheme, before) != 0)
        return target;
    len = strcspn(target + before, "/");
    *ret_host = target + before;
    *ret_len = len;
    return target[before + len] ? target + before + len : "/";
}

/* name:port, and for port 80 also name alone: browsers leave that port out. */
static bool host_is(const char *host, size_t host_len, const char *name, uint16_t port)
{
    const size_t len = strlen(name);
    char rest[8];
    size_t rest_len;

    if (host_len < len || strncasecmp(host, name, len) != 0)
        return false;
    rest_len = (size_t)snprintf(rest, sizeof(rest), ":%u", port);
    return (host_len == len && port == 80) || (host_len == len + rest_len && memcmp(host + len, rest, rest_len) == 0);
}

/* The address a connection came to. With a wildcard socket it is not the bound address. */
static bool local_addr(int fd, struct addr *ret_addr)
{
    struct sockaddr_storage local = { 0 };
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&local;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&local;
    socklen_t len = sizeof(local);

    if (getsockname(fd, (struct sockaddr *)&local, &len))
        return false;
    *ret_addr = local.ss_family == AF_INET ? addr_from_ipv4((const uint8_t *)&v4->sin_addr)
                                           : addr_from_ipv6(v6->sin6_addr.s6_addr);
    return true;
}

bool http_site_is_near(int fd)
{
    struct addr addr;

    return !local_addr(fd, &addr) || addr_is_loopback(&addr);
}

/* As it stands in a URL. */
static bool local_name(int fd, char ret_name[static ENDPOINT_TEXT_MAX])
{
    char text[ADDR_TEXT_MAX];
    struct addr addr;

    if (!local_addr(fd, &addr))
        return false;
    snprintf(ret_name, ENDPOINT_TEXT_MAX, addr_is_ipv4(&addr) ? "%s" : "[%s]", addr_format(&addr, text));
    return true;
}

bool http_site_host_valid(const struct http_site *site, const char *host, size_t len, int fd)
{
    static const char *const loopback[] = { "127.0.0.1", "localhost", "[::1]" };
    char name[ENDPOINT_TEXT_MAX];

    if (!host)
        return false;
    for (size_t i = 0; i < sizeof(loopback) / sizeof(*loopback); i++)
        if (host_is(host, len, loopback[i], site->port))
            return true;
    return local_name(fd, name) && host_is(host, len, name, site->port);
}
