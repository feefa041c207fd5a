#include "process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void process_open(struct process *p)
{
    p->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    p->page = (uint64_t)sysconf(_SC_PAGESIZE);
    p->began_s = (int64_t)time(NULL);
}

void process_close(struct process *p)
{
    if (p->statm >= 0)
        close(p->statm);
}

uint64_t process_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* proc(5): size, then resident, in pages. */
uint64_t process_memory(const struct process *p)
{
    char text[128];
    const ssize_t len = p->statm < 0 ? -1 : pread(p->statm, text, sizeof(text) - 1, 0);
    char *resident;

    if (len <= 0)
        return 0;
    text[len] = '\0';
    strtoull(text, &resident, 10);
    return strtoull(resident, NULL, 10) * p->page;
}
