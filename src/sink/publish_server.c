#include "tcplens/sink/publish_server.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SCHEME "nats://"
#define PORT 4222

/* Copies what lies between; false: it is empty, or too long. */
static bool copy(char *to, size_t size, const char *begin, const char *end)
{
    const size_t len = (size_t)(end - begin);

    if (!len || len >= size)
        return false;
    memcpy(to, begin, len);
    to[len] = '\0';
    return true;
}

static bool take_user(struct publish_server *s, const char *begin, const char *end)
{
    const char *colon = memchr(begin, ':', (size_t)(end - begin));

    return colon && copy(s->user, sizeof(s->user), begin, colon) &&
           copy(s->password, sizeof(s->password), colon + 1, end);
}

/* "host", "host:4222", "[::1]:4222" */
static bool take_host(struct publish_server *s, const char *text)
{
    const bool bracket = *text == '[';
    const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":"), *rest;
    char *behind;
    unsigned long port;

    if (!end || !copy(s->host, sizeof(s->host), text + bracket, end))
        return false;
    rest = end + bracket;
    if (!*rest)
        return true;
    if (*rest != ':' || rest[1] < '0' || rest[1] > '9')
        return false;
    port = strtoul(rest + 1, &behind, 10);
    s->port = (uint16_t)port;
    return !*behind && port > 0 && port <= UINT16_MAX;
}

int publish_server_take(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct publish_server s = { .port = PORT };
    const char *rest = value + strlen(SCHEME), *at;

    if (strncmp(value, SCHEME, strlen(SCHEME)) == 0 && !strpbrk(rest, "/?# ")) {
        at = strrchr(rest, '@');
        if ((!at || take_user(&s, rest, at)) && take_host(&s, at ? at + 1 : rest)) {
            *(struct publish_server *)member = s;
            return 0;
        }
    }
    /* what may be a password is not told again */
    snprintf(why, OPTIONS_ERROR_MAX, " takes " SCHEME "[USER:PASSWORD@]HOST[:PORT]%s%.100s%s",
             strchr(value, '@') ? "" : ", not '", strchr(value, '@') ? "" : value, strchr(value, '@') ? "" : "'");
    return -EINVAL;
}

int publish_server_resolve(struct publish_server *s, char error[static PUBLISH_ERROR_MAX])
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int r = getaddrinfo(s->host, NULL, &hints, &found);

    if (r != 0) {
        snprintf(error, PUBLISH_ERROR_MAX, "no address of '%.200s': %s", s->host, gai_strerror(r));
        return -EHOSTUNREACH;
    }
    s->url_count = 0;
    for (const struct addrinfo *a = found; a && s->url_count < PUBLISH_URLS_MAX; a = a->ai_next) {
        char host[48];

        if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0 ||
            addr_parse(host, &s->at[s->url_count].addr) < 0)
            continue;
        s->at[s->url_count].port = s->port;
        snprintf(s->urls[s->url_count++], PUBLISH_URL_MAX, a->ai_family == AF_INET6 ? SCHEME "[%s]:%u" : SCHEME "%s:%u",
                 host, s->port);
    }
    freeaddrinfo(found);
    return 0;
}
