/* The options of a socket that a step can set, by their names. */
#ifndef TCPLENS_LAB_SOCKOPT_H
#define TCPLENS_LAB_SOCKOPT_H

#include <stddef.h>

/* Names, NULL at the end. */
extern const char *const sockopt_names[];
/* Times (SO_RCVTIMEO, SO_SNDTIMEO) are in milliseconds; SO_LINGER in seconds, and on. 0 or -errno; -ENOPROTOOPT: no such name. */
int sockopt_set(int fd, const char *name, long value);

#endif
