/* Which host this is, and how far its clock can be trusted: what it takes to put traces of several hosts beside each other. */
#ifndef TCPLENS_BASE_HOST_H
#define TCPLENS_BASE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_ID_MAX 37 /* a UUID as text */
#define HOST_NAME_MAX_BYTES 65

struct host {
    char name[HOST_NAME_MAX_BYTES]; /* each is empty where it is not known */
    /* Not /etc/machine-id itself, which is a secret, but a hash of it for this program alone */
    char machine_id[HOST_ID_MAX];
    char boot_id[HOST_ID_MAX];
    bool clock_known, clock_synchronized; /* with a time server, as the kernel was told (adjtimex(2)) */
    int64_t clock_maxerror_us, clock_esterror_us;
};

void host_read(struct host *ret_host);

/* Whether process ids here are those of the machine, which the kernel's witness knows: not so in a PID namespace of its own. */
bool host_shows_pids(void);

/* Why this process does not see itself in /proc, and what helps; static. NULL: it does. Without, neither its namespaces nor the
 * kernel's symbols are known, and descriptors cannot be named. */
const char *host_lacks_proc(void);

/* As sd_id128_get_machine_app_specific(3) makes it: HMAC-SHA256 of `app` (16 bytes) keyed with `machine` (16 bytes), its
 * beginning made a UUID of version 4, as 32 hexadecimal digits. */
void host_hash_id(const uint8_t machine[static 16], const uint8_t app[static 16], char ret_id[static HOST_ID_MAX]);

#endif
