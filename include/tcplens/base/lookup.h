/* Names of hosts and services. Asks the system, files and perhaps other hosts: before rights are dropped. */
#ifndef TCPLENS_BASE_LOOKUP_H
#define TCPLENS_BASE_LOOKUP_H

#include <stddef.h>

#include "tcplens/base/addr.h"

/* All addresses of a name, at most max. How many, or -1: why not is in *ret_why (static text). */
int lookup_host(const char *name, struct addr *ret_addrs, unsigned max, const char **ret_why);

/* The port of a service (services(5)) of "tcp" or "udp"; 0: there is none. */
uint16_t lookup_service(const char *name, const char *protocol);

/* The names of all services, at most max: how many. */
#define LOOKUP_NAME_MAX 32
size_t lookup_services(char (*ret_names)[LOOKUP_NAME_MAX], size_t max);

#endif
