#include "tcplens/base/host.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tcplens/base/sha256.h"

/* Whose the hash is: drawn at random once. */
static const uint8_t app_id[16] = { 0x6b, 0x1f, 0xd4, 0x0a, 0x93, 0xc5, 0x4e, 0x72,
                                    0xa8, 0x3d, 0x50, 0xe9, 0x17, 0xbb, 0x2c, 0x64 };

/* PROC_PID_INIT_INO, include/linux/proc_ns.h */
#define PID_NAMESPACE_INIT 0xEFFFFFFC

bool host_shows_pids(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == PID_NAMESPACE_INIT;
}

const char *host_lacks_proc(void)
{
    struct statfs fs;

    if (access("/proc/self", F_OK) == 0)
        return NULL;
    return statfs("/proc", &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC
               ? "/proc is that of a PID namespace which this process is not in: mount its own (mount -t proc proc /proc)"
               : "/proc is not mounted: mount it (mount -t proc proc /proc)";
}

void host_hash_id(const uint8_t machine[static 16], const uint8_t app[static 16], char ret_id[static HOST_ID_MAX])
{
    uint8_t sum[SHA256_BYTES];

    hmac_sha256(machine, 16, app, 16, sum);
    sum[6] = (sum[6] & 0x0f) | 0x40;
    sum[8] = (sum[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < 16; i++)
        snprintf(ret_id + 2 * i, 3, "%02x", sum[i]);
}

/* The first line of a file; empty: there is none. */
static void read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");

    line[0] = '\0';
    if (!file)
        return;
    if (!fgets(line, size, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fclose(file);
}

static void read_machine_id(char ret_id[static HOST_ID_MAX])
{
    char text[64];
    uint8_t machine[16];
    unsigned count = 0;

    read_line("/etc/machine-id", text, sizeof(text));
    while (count < 16 && sscanf(text + 2 * count, "%2hhx", &machine[count]) == 1)
        count++;
    if (count < 16 || strlen(text) != 32)
        ret_id[0] = '\0';
    else
        host_hash_id(machine, app_id, ret_id);
}

static void read_clock(struct host *h)
{
    struct timex t = { .modes = 0 };

    if (adjtimex(&t) < 0)
        return;
    h->clock_known = true;
    h->clock_synchronized = !(t.status & STA_UNSYNC);
    h->clock_maxerror_us = t.maxerror;
    h->clock_esterror_us = t.esterror;
}

void host_read(struct host *h)
{
    *h = (struct host){ .name = "" };
    if (gethostname(h->name, sizeof(h->name)) < 0)
        h->name[0] = '\0';
    h->name[sizeof(h->name) - 1] = '\0';
    read_machine_id(h->machine_id);
    read_line("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof(h->boot_id));
    read_clock(h);
}
