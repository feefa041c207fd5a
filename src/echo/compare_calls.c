/*
 * compare_calls.c - how many system calls a server makes for a request, counted by ptrace(2).
 *
 * All tasks of the server stop at each call, so that it becomes slow: nothing else is measured
 * here. The requests come from a process of their own, as we must wait for the server's stops.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare_calls.h"

enum { KINDS_MAX = 64, TASKS_MAX = 16 };

/* Threads that are traced; there is one client, so they are few. */
struct tasks {
    pid_t ids[TASKS_MAX];
    size_t count;
};

struct count {
    long number;
    unsigned long times;
};

struct counts {
    unsigned long all;
    struct count kind[KINDS_MAX];
    size_t kinds;
};

const char *compare_call_name(long number)
{
    static const struct {
        long number;
        const char *name;
    } names[] = {
        { SYS_read, "read" },
        { SYS_write, "write" },
        { SYS_close, "close" },
        { SYS_accept4, "accept4" },
        { SYS_recvfrom, "recvfrom" },
        { SYS_sendto, "sendto" },
        { SYS_epoll_ctl, "epoll_ctl" },
        { SYS_epoll_pwait, "epoll_pwait" },
        { SYS_ppoll, "ppoll" },
        { SYS_pselect6, "pselect6" },
#ifdef SYS_epoll_wait /* newer architectures have only those above */
        { SYS_epoll_wait, "epoll_wait" },
        { SYS_poll, "poll" },
        { SYS_select, "select" },
#endif
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

static void count_call(struct counts *counts, long number)
{
    size_t i = 0;

    counts->all++;
    while (i < counts->kinds && counts->kind[i].number != number)
        i++;
    if (i == KINDS_MAX)
        return;
    if (i == counts->kinds)
        counts->kind[counts->kinds++] = (struct count){ .number = number };
    counts->kind[i].times++;
}

static int seize(struct tasks *tasks, pid_t task)
{
    if (tasks->count == TASKS_MAX)
        return -E2BIG;
    if (ptrace(PTRACE_SEIZE, task, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
        return -errno;
    tasks->ids[tasks->count++] = task;
    return ptrace(PTRACE_INTERRUPT, task, NULL, NULL) == 0 ? 0 : -errno;
}

/* The tasks of a process, and of its children. */
static int seize_all(struct tasks *tasks, pid_t pid)
{
    char path[64];
    int child, r = 0;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return -errno;
    for (struct dirent *entry; r == 0 && (entry = readdir(folder));) {
        pid_t task = atoi(entry->d_name);
        if (task <= 0)
            continue;
        r = seize(tasks, task);
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, task);
        FILE *file = fopen(path, "re");
        while (r == 0 && file && fscanf(file, "%d", &child) == 1)
            r = seize_all(tasks, child);
        if (file)
            fclose(file);
    }
    closedir(folder);
    return r;
}

/* A process is not gone before its traced threads are waited for. The server itself is left to who has started it. */
static void kill_all(const struct tasks *tasks, pid_t server)
{
    for (size_t i = 0; i < tasks->count; i++)
        kill(tasks->ids[i], SIGKILL);
    for (size_t i = 0; i < tasks->count; i++)
        while (tasks->ids[i] != server && waitpid(tasks->ids[i], NULL, __WALL) < 0 && errno == EINTR)
            ;
}

/* One stop of a task: counted if a call begins there, and the task goes on. */
static void pass_stop(int task, int status, struct counts *counts)
{
    struct __ptrace_syscall_info info = { 0 };
    int number = WSTOPSIG(status);

    if (number == (SIGTRAP | 0x80) && ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, &info) > 0 &&
        info.op == PTRACE_SYSCALL_INFO_ENTRY)
        count_call(counts, (long)info.entry.nr);
    /* A signal that is meant for it is handed on; stops of ptrace's own making are none. */
    ptrace(PTRACE_SYSCALL, task, NULL, number == (SIGTRAP | 0x80) || status >> 16 ? 0 : number);
}

static int watch(pid_t client, struct counts *counts)
{
    for (;;) {
        int status;
        pid_t task = waitpid(-1, &status, __WALL);

        if (task < 0 && errno != EINTR)
            return -errno;
        if (task == client && (WIFEXITED(status) || WIFSIGNALED(status)))
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
        if (task > 0 && WIFSTOPPED(status))
            pass_stop(task, status, counts);
    }
}

static int by_number(const void *a, const void *b)
{
    const struct count *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static void store(struct counts *counts, int requests, struct compare_model *model)
{
    /* Which came first goes by where the server was when it was seized. */
    qsort(counts->kind, counts->kinds, sizeof *counts->kind, by_number);
    model->calls = (double)counts->all / requests;
    for (size_t i = 0; i < COMPARE_CALLS_MAX; i++)
        model->call[i] = i < counts->kinds
                             ? (struct compare_call){ counts->kind[i].number, (double)counts->kind[i].times / requests }
                             : (struct compare_call){ .number = -1 };
}

int compare_calls(const struct compare_plan *plan, int pid, int fd, struct compare_model *model)
{
    struct counts counts = { 0 };
    struct tasks tasks = { .count = 0 };

    int r = seize_all(&tasks, pid);
    pid_t client = r < 0 ? r : fork();
    if (client == 0)
        _exit(compare_ask(plan, fd, plan->requests, NULL) == 0 ? 0 : 1);
    if (r == 0)
        r = client < 0 ? -errno : watch(client, &counts);
    if (r == 0)
        store(&counts, plan->requests, model);
    kill_all(&tasks, pid);
    return r;
}
