#include "tcplens/base/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

static bool addr_of(const struct sockaddr *sa, struct addr *ret_addr)
{
    if (sa->sa_family == AF_INET6)
        *ret_addr = addr_from_ipv6(((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr);
    else if (sa->sa_family == AF_INET)
        *ret_addr = addr_from_ipv4((const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr);
    return sa->sa_family == AF_INET6 || sa->sa_family == AF_INET;
}

int lookup_host(const char *name, struct addr *ret_addrs, unsigned max, const char **ret_why)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list;
    int code = getaddrinfo(name, NULL, &hints, &list);
    unsigned count = 0;

    if (code != 0) {
        *ret_why = gai_strerror(code);
        return -1;
    }
    for (const struct addrinfo *at = list; at && count < max; at = at->ai_next)
        count += addr_of(at->ai_addr, &ret_addrs[count]);
    freeaddrinfo(list);
    return (int)count;
}

uint16_t lookup_service(const char *name, const char *protocol)
{
    const struct servent *service = getservbyname(name, protocol);

    return service ? ntohs((uint16_t)service->s_port) : 0;
}

size_t lookup_services(char (*ret_names)[LOOKUP_NAME_MAX], size_t max)
{
    const struct servent *service;
    size_t count = 0;

    setservent(true);
    while (count < max && (service = getservent()))
        snprintf(ret_names[count++], LOOKUP_NAME_MAX, "%s", service->s_name);
    endservent();
    return count;
}
