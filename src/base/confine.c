/* Theory of operation. Two filters, for the kernel takes the stricter answer of all. The first lets all pass but what would
 * send, or set something, on the sockets that packets are received from: a list of allowed descriptors could be got around by
 * the upper half of the argument, which the kernel ignores, so those are compared without it. No other descriptor of such a
 * socket can be made: the second filter, a list of what is allowed, has no call for that.
 *
 * Who publishes has another that lets all pass but what would make a socket wait.
 *
 * The list is of what the program calls; what it lacks is found by the tests, which run with TCPLENS_SECCOMP=kill. */
#include "tcplens/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#define ALWAYS 0u
#define SOCKET_TYPE 0xf /* SOCK_TYPE_MASK, include/linux/net.h */
#define IF_MAX 2

/* Refused with this errno and without a word, where a library tries and does without. */
#define QUIET(number) SCMP_ACT_ERRNO(number)

struct rule {
    int call;
    unsigned may; /* one of those is needed; ALWAYS */
    uint32_t action;
    unsigned if_count;
    struct scmp_arg_cmp only_if[IF_MAX];
};

#define ALLOW(name, may)                                                                                               \
    {                                                                                                                  \
        SCMP_SYS(name), may, SCMP_ACT_ALLOW, 0,                                                                        \
        {                                                                                                              \
            {                                                                                                          \
                0                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
#define ALLOW_IF(name, may, ...)                                                                                       \
    {                                                                                                                  \
        SCMP_SYS(name), may, SCMP_ACT_ALLOW,                                                                           \
            sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp),                              \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define REFUSE_IF(name, may, number, ...)                                                                              \
    {                                                                                                                  \
        SCMP_SYS(name), may, QUIET(number),                                                                            \
            sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp),                              \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define IS(argument, value)                                                                                            \
    {                                                                                                                  \
        .arg = (argument), .op = SCMP_CMP_EQ, .datum_a = (value)                                                       \
    }
#define HAS(argument, mask, value)                                                                                     \
    {                                                                                                                  \
        .arg = (argument), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)                             \
    }

_Static_assert((CONFINE_WATCH ^ CONFINE_SERVE ^ CONFINE_HAND_OUT ^ CONFINE_FEED ^ CONFINE_PUBLISH ^ CONFINE_SCREEN ^
                CONFINE_MAKE) == (1 << 7) - 1,
               "each has a bit of its own");

static const struct rule rules[] = {
    /* memory, none of which becomes code */
    ALLOW(brk, ALWAYS),
    ALLOW_IF(mmap, ALWAYS, HAS(2, PROT_EXEC, 0)),
    ALLOW_IF(mprotect, ALWAYS, HAS(2, PROT_EXEC, 0)),
    ALLOW(munmap, ALWAYS),
    ALLOW(mremap, ALWAYS),
    ALLOW(madvise, ALWAYS),
    /* what is open: files, pipes, the terminal, timers, signals */
    ALLOW(read, ALWAYS),
    ALLOW(readv, ALWAYS),
    ALLOW(pread64, ALWAYS),
    ALLOW(write, ALWAYS),
    ALLOW(writev, ALWAYS),
    ALLOW(lseek, ALWAYS),
    ALLOW(_llseek, ALWAYS),
    ALLOW(ftruncate, ALWAYS), /* a report empties the file it replaces */
    ALLOW(close, ALWAYS),
    ALLOW(fstat, ALWAYS),
    ALLOW_IF(newfstatat, ALWAYS, IS(3, AT_EMPTY_PATH)),
    ALLOW_IF(fcntl, ALWAYS, IS(1, F_GETFL)),
    ALLOW_IF(fcntl, ALWAYS, IS(1, F_SETFL)),
    ALLOW_IF(fcntl, ALWAYS, IS(1, F_GETFD)),
    ALLOW_IF(fcntl, ALWAYS, IS(1, F_SETFD)),
    ALLOW_IF(ioctl, ALWAYS, IS(1, TCGETS)),
    ALLOW_IF(ioctl, ALWAYS, IS(1, TIOCGWINSZ)),
    ALLOW(poll, ALWAYS),
    ALLOW(ppoll, ALWAYS),
    ALLOW(epoll_wait, ALWAYS),
    ALLOW(epoll_pwait, ALWAYS),
    ALLOW(epoll_ctl, ALWAYS),
    ALLOW(timerfd_settime, ALWAYS),
    /* time and chance */
    ALLOW(clock_gettime, ALWAYS),
    ALLOW(clock_getres, ALWAYS),
    ALLOW(gettimeofday, ALWAYS),
    ALLOW(time, ALWAYS),
    ALLOW(nanosleep, ALWAYS),
    ALLOW(clock_nanosleep, ALWAYS),
    ALLOW(getrandom, ALWAYS),
    /* itself: threads that wait for each other, its own signals, its end, and that of its children */
    ALLOW(futex, ALWAYS),
    ALLOW(rseq, ALWAYS),
    ALLOW(set_robust_list, ALWAYS),
    ALLOW(sched_yield, ALWAYS),
    ALLOW(sched_getaffinity, ALWAYS),
    ALLOW(sysinfo, ALWAYS), /* qsort() asks how much memory there is */
    ALLOW(uname, ALWAYS),
    ALLOW(getpid, ALWAYS),
    ALLOW(gettid, ALWAYS),
    ALLOW(getppid, ALWAYS),
    ALLOW(getuid, ALWAYS),
    ALLOW(geteuid, ALWAYS),
    ALLOW(rt_sigaction, ALWAYS),
    ALLOW(rt_sigprocmask, ALWAYS),
    ALLOW(rt_sigreturn, ALWAYS),
    ALLOW(restart_syscall, ALWAYS),
    ALLOW(wait4, ALWAYS),
    ALLOW(exit, ALWAYS),
    ALLOW(exit_group, ALWAYS),
    /* the kernel's witnesses: listings and figures of programs that run, none of whose maps can be reached; netlink sockets
     * that are connected to the kernel; whether the process of a listener is still there */
    ALLOW_IF(bpf, CONFINE_WATCH, IS(0, BPF_ITER_CREATE)),
    ALLOW_IF(bpf, CONFINE_WATCH, IS(0, BPF_OBJ_GET_INFO_BY_FD)),
    ALLOW(recvfrom, CONFINE_WATCH | CONFINE_SERVE),
    ALLOW(recvmsg, CONFINE_WATCH),
    ALLOW_IF(sendto, CONFINE_WATCH | CONFINE_SERVE, IS(4, 0), HAS(3, MSG_FASTOPEN, 0)), /* which would connect */
    ALLOW_IF(getsockopt, CONFINE_WATCH, IS(1, SOL_PACKET)),
    ALLOW_IF(getsockopt, CONFINE_WATCH | CONFINE_SERVE, IS(1, SOL_SOCKET)),
    ALLOW_IF(ioctl, CONFINE_WATCH, IS(1, SIOCGIFFLAGS)), /* libpcap: is the interface still there? */
    ALLOW(getsockname, CONFINE_WATCH | CONFINE_SERVE),
    ALLOW_IF(kill, CONFINE_WATCH, IS(1, 0)),
    /* libpcap takes its ring down before it closes the socket, which does so too */
    REFUSE_IF(setsockopt, CONFINE_WATCH, EPERM, IS(1, SOL_PACKET), IS(2, PACKET_RX_RING)),
    /* browsers */
    ALLOW(accept4, CONFINE_SERVE),
    ALLOW_IF(sendmsg, CONFINE_SERVE, HAS(2, MSG_FASTOPEN, 0)), /* likewise, a listening socket that is shut down */
    ALLOW(sendfile, CONFINE_SERVE),
    ALLOW(shutdown, CONFINE_SERVE),
    ALLOW(getpeername, CONFINE_SERVE),
    ALLOW_IF(setsockopt, CONFINE_SERVE, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
    ALLOW_IF(setsockopt, CONFINE_SERVE, IS(1, IPPROTO_TCP), IS(2, TCP_CORK)),
    ALLOW(epoll_create1, CONFINE_SERVE),
    ALLOW(eventfd2, CONFINE_SERVE),
    /* threads: of the server, of libnats, and the one that sends what ncurses draws */
    ALLOW_IF(clone, CONFINE_SERVE | CONFINE_PUBLISH | CONFINE_SCREEN, HAS(0, CLONE_THREAD, CLONE_THREAD)),
    { SCMP_SYS(clone3),
      CONFINE_SERVE | CONFINE_FEED | CONFINE_PUBLISH | CONFINE_SCREEN,
      QUIET(ENOSYS),
      0,
      { { 0 } } }, /* its flags cannot be looked at */
    /* ncurses: modes of the terminal, who is in its foreground; it waits for the rest of a key */
    ALLOW_IF(ioctl, CONFINE_SCREEN, IS(1, TCSETS)),
    ALLOW_IF(ioctl, CONFINE_SCREEN, IS(1, TCSETSW)),
    ALLOW_IF(ioctl, CONFINE_SCREEN, IS(1, TCSETSF)),
    ALLOW_IF(ioctl, CONFINE_SCREEN, IS(1, TCFLSH)),
    ALLOW_IF(ioctl, CONFINE_SCREEN, IS(1, TIOCGPGRP)),
    ALLOW(getpgrp, CONFINE_SCREEN),
    /* a server that is connected to, again and again */
    ALLOW_IF(socket, CONFINE_PUBLISH, IS(0, AF_INET), HAS(1, SOCKET_TYPE, SOCK_STREAM)),
    ALLOW_IF(socket, CONFINE_PUBLISH, IS(0, AF_INET6), HAS(1, SOCKET_TYPE, SOCK_STREAM)),
    ALLOW(connect, CONFINE_PUBLISH),
    ALLOW(recvfrom, CONFINE_PUBLISH),
    ALLOW_IF(sendto, CONFINE_PUBLISH, IS(4, 0)),
    ALLOW(shutdown, CONFINE_PUBLISH),
    ALLOW(getpeername, CONFINE_PUBLISH),
    ALLOW_IF(getsockopt, CONFINE_PUBLISH, IS(1, SOL_SOCKET)),
    ALLOW_IF(setsockopt, CONFINE_PUBLISH, IS(1, SOL_SOCKET)),
    ALLOW_IF(setsockopt, CONFINE_PUBLISH, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
    ALLOW(pwrite64, CONFINE_PUBLISH),
    ALLOW_IF(prctl, CONFINE_PUBLISH, IS(0, PR_SET_PDEATHSIG), IS(1, 0)), /* it outlives who traces, once it has begun */
    { SCMP_SYS(openat),
      CONFINE_PUBLISH,
      QUIET(ENOENT),
      0,
      { { 0 } } }, /* the settings of libraries: they have defaults */
    REFUSE_IF(newfstatat, CONFINE_PUBLISH, ENOENT, HAS(3, AT_EMPTY_PATH, 0)), /* likewise */
    /* a file that is handed out is closed by the answer that it is in */
    ALLOW_IF(fcntl, CONFINE_HAND_OUT, IS(1, F_DUPFD_CLOEXEC)),
    /* files that are made, locked, and given to whoever called sudo(8); they are not read */
    ALLOW_IF(openat, CONFINE_MAKE, HAS(2, O_ACCMODE | O_CREAT, O_WRONLY | O_CREAT)),
    ALLOW(flock, CONFINE_MAKE),
    ALLOW(fchown, CONFINE_MAKE),
    ALLOW(sendmsg, CONFINE_MAKE),
    /* a pipe that is read again, by a process that ends with this one */
    ALLOW(pipe2, CONFINE_FEED),
    ALLOW(dup, CONFINE_FEED),
    ALLOW_IF(prctl, CONFINE_FEED, IS(0, PR_SET_PDEATHSIG)),
    ALLOW_IF(clone, CONFINE_FEED,
             HAS(0, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, 0)),
};

/* On sockets that packets are received from. */
static const int that_send[] = { SCMP_SYS(write),   SCMP_SYS(writev),   SCMP_SYS(sendto),
                                 SCMP_SYS(sendmsg), SCMP_SYS(sendfile), SCMP_SYS(setsockopt) };

/* ---- what was refused is told once ---- */

#if defined(__x86_64__)
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#endif

#ifdef RESULT
#define REFUSED SCMP_ACT_TRAP

/* A handler may do little: no stdio. */
static void on_refused(int number, siginfo_t *info, void *context)
{
    static volatile sig_atomic_t told;
    static const char before[] = "tcplens: a system call was refused that should not come from here: number ";
    char digits[12] = "", *at = digits + sizeof(digits) - 1;
    unsigned call = (unsigned)info->si_syscall;

    (void)number;
    RESULT((ucontext_t *)context) = -EPERM;
    if (told)
        return;
    told = 1;
    *at = '\n';
    do
        *--at = (char)('0' + call % 10);
    while ((call /= 10));
    if (write(STDERR_FILENO, before, sizeof(before) - 1) < 0 ||
        write(STDERR_FILENO, at, (size_t)(digits + sizeof(digits) - at)) < 0)
        return;
}

static void tell_refused(void)
{
    const struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER };

    sigaction(SIGSYS, &action, NULL);
}
#else
/* Where a handler cannot set what the call returns, it is refused without a word. */
#define REFUSED SCMP_ACT_ERRNO(EPERM)

static void tell_refused(void)
{
}
#endif

static uint32_t refused(void)
{
    const char *wanted = getenv("TCPLENS_SECCOMP");

    return wanted && strcmp(wanted, "kill") == 0 ? SCMP_ACT_KILL_PROCESS : REFUSED;
}

/* ---- the filters ---- */

/* r: of adding rules. Loads and frees it. */
static int load(scmp_filter_ctx filter, int r)
{
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not one comparison after the other */
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

static int narrow_sockets(const struct confine *c, uint32_t action)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = 0;

    if (!filter)
        return -ENOMEM;
    for (unsigned i = 0; i < c->socket_count; i++)
        for (size_t j = 0; j < sizeof(that_send) / sizeof(*that_send) && r == 0; j++) {
            const struct scmp_arg_cmp its = HAS(0, 0xffffffff, (scmp_datum_t)c->sockets[i]);

            /* the list says which options are refused without a word */
            r = seccomp_rule_add_array(filter, that_send[j] == SCMP_SYS(setsockopt) ? QUIET(EPERM) : action,
                                       that_send[j], 1, &its);
        }
    return load(filter, r);
}

/* None of its descriptors may be made to wait: a server that asks for TLS and then is silent would hold libnats for ever, which
 * has no timeout for that. */
static int keep_from_waiting(void)
{
    const struct scmp_arg_cmp waits[] = { IS(1, F_SETFL), HAS(2, O_NONBLOCK, 0) };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter)
        return -ENOMEM;
    return load(filter, seccomp_rule_add_array(filter, QUIET(EPERM), SCMP_SYS(fcntl), 2, waits));
}

/* Itself, and no other process. */
static int allow_to_stop(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp itself[] = { IS(0, (scmp_datum_t)getpid()), IS(1, SIGTSTP) };

    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 2, itself);
}

static int allow_listed(unsigned may, uint32_t action)
{
    scmp_filter_ctx filter = seccomp_init(action);
    int r = 0;

    if (!filter)
        return -ENOMEM;
    for (const struct rule *rule = rules; rule < rules + sizeof(rules) / sizeof(*rules) && r == 0; rule++)
        if (rule->may == ALWAYS || (rule->may & may))
            r = seccomp_rule_add_array(filter, rule->action, rule->call, rule->if_count, rule->only_if);
    if (r == 0 && (may & CONFINE_SCREEN))
        r = allow_to_stop(filter);
    return load(filter, r);
}

int confine(const struct confine *c)
{
    const uint32_t action = refused();
    int r = 0;

#ifdef __SANITIZE_ADDRESS__
    /* The sanitizers' runtime stops and traces the process when it looks for leaks at the end. Such a build is for tests. */
    return 0;
#endif
#ifdef __GLIBC__
    /* where a thread has memory of its own, giving some back reads a setting of the kernel: opens a file */
    mallopt(M_ARENA_MAX, 1);
#endif
    tell_refused();
    if (c->socket_count)
        r = narrow_sockets(c, action);
    if (r == 0 && (c->may & CONFINE_PUBLISH))
        r = keep_from_waiting();
    return r < 0 ? r : allow_listed(c->may, action);
}

int confine_to_signals(int channel, int pidfd)
{
    const struct scmp_arg_cmp on_channel = HAS(0, 0xffffffff, (scmp_datum_t)channel);
    const struct scmp_arg_cmp to_process = HAS(0, 0xffffffff, (scmp_datum_t)pidfd);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r;

    if (!filter)
        return -ENOMEM;
    r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, &on_channel);
    if (r == 0)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, &on_channel);
    if (r == 0)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(pidfd_send_signal), 1, &to_process);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0);
    return load(filter, r);
}

bool confine_is_possible(void)
{
    /* with no filter given it fails for that (EFAULT), or for want of all (seccomp(2)) */
    return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, NULL) < 0 && errno == EFAULT;
}
