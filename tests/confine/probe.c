/* Takes the place of the program right after it confined itself: preloaded, it stands before libseccomp's seccomp_load(), and
 * has the process's own user, rights, descriptors and filters, of the very program that is shipped. What it tries, and what
 * came of it, goes to the descriptor that PROBE_FD names, a line each: "name result", 0 or an errno. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *const kept_open[] = { "PROBE_FD", NULL };
#include "../lib/keep_open.h"

static int out;

static void tell(const char *name, long result)
{
    dprintf(out, "%s %d\n", name, result < 0 ? errno : 0);
}

static struct sockaddr_in somewhere(void)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

/* ---- the packet sockets ---- */

static const unsigned char frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45 };

/* The descriptor as the kernel takes it, with more in its upper half. */
static long disguised(int fd)
{
    return (long)((1ull << 32) | (unsigned)fd);
}

static void try_sending(int fd)
{
    struct iovec piece = { (void *)frame, sizeof(frame) };
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1, .sll_halen = 6
    };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_name = &to, .msg_namelen = sizeof(to) };

    tell("frame-write", write(fd, frame, sizeof(frame)));
    tell("frame-write-disguised", syscall(SYS_write, disguised(fd), frame, sizeof(frame)));
    tell("frame-writev", writev(fd, &piece, 1));
    tell("frame-send", send(fd, frame, sizeof(frame), 0));
    tell("frame-send-disguised", syscall(SYS_sendto, disguised(fd), frame, sizeof(frame), 0, NULL, 0));
    tell("frame-sendto", sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)));
    tell("frame-sendmsg", sendmsg(fd, &message, 0));
}

static void try_widening(int fd)
{
    struct sock_filter all = { .code = BPF_RET | BPF_K, .k = 0xffffffff };
    struct sock_fprog program = { 1, &all };
    struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1 };
    struct packet_mreq promiscuous = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
    int zero = 0;

    tell("filter-attach", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
    tell("filter-detach", setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)));
    tell("filter-unlock", setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof(zero)));
    tell("promiscuous", setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)));
    tell("rebind", bind(fd, (struct sockaddr *)&here, sizeof(here)));
    tell("dup", dup(fd));
    tell("dup2", dup2(fd, 200));
    tell("fcntl-dup", fcntl(fd, F_DUPFD, 100));
}

/* Whether it is one of packets: which getsockopt() of SOL_PACKET tells. */
static bool is_packet_socket(int fd)
{
    int version;
    socklen_t len = sizeof(version);

    return getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &len) == 0;
}

static void try_packet_sockets(void)
{
    unsigned found = 0;

    for (int fd = 3; fd < 256; fd++)
        if (is_packet_socket(fd)) {
            found++;
            try_sending(fd);
            try_widening(fd);
        }
    dprintf(out, "packet-sockets %u\n", found);
}

/* ---- maps ---- */

static long bpf(int command, union bpf_attr *attr)
{
    return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void try_maps(void)
{
    union bpf_attr attr;
    struct stat st;
    uint64_t key = 0, value[512] = { 0 };
    bool written = false;

    for (int fd = 3; fd < 256; fd++) {
        memset(&attr, 0, sizeof(attr));
        attr.map_fd = (uint32_t)fd;
        attr.key = (uint64_t)(uintptr_t)&key;
        attr.value = (uint64_t)(uintptr_t)value;
        if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
            continue;
        written |= bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0 || bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0 ||
                   mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
    }
    errno = EPERM;
    tell("map-any-descriptor", written ? 0 : -1);
    memset(&attr, 0, sizeof(attr));
    tell("map-create", bpf(BPF_MAP_CREATE, &attr));
    tell("map-get-by-id", bpf(BPF_MAP_GET_FD_BY_ID, &attr));
    tell("program-load", bpf(BPF_PROG_LOAD, &attr));
}

/* What the kernel's programs write, as this process has it mapped: shared pages of maps that are only read. */
static void try_mapped_maps(FILE *maps)
{
    char line[512], rights[8];
    unsigned long from, to;
    unsigned read_only = 0, writable = 0;

    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || !strstr(line, "bpf-map"))
            continue;
        if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) == 0)
            writable++;
        else
            read_only++;
    }
    dprintf(out, "maps-read-only %u\nmaps-writable %u\n", read_only, writable);
}

/* ---- sockets that browsers connect to ---- */

/* Shut down, it is a closed one, which can be connected by what is sent. */
static void try_connecting(int fd)
{
    struct sockaddr_in to = somewhere();
    struct iovec piece = { "secret", 6 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_name = &to, .msg_namelen = sizeof(to) };

    shutdown(fd, SHUT_RDWR);
    tell("listener-connect", connect(fd, (struct sockaddr *)&to, sizeof(to)));
    tell("listener-sendto", sendto(fd, "secret", 6, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
    tell("listener-send", send(fd, "secret", 6, MSG_FASTOPEN));
    tell("listener-sendmsg", sendmsg(fd, &message, MSG_FASTOPEN));
    tell("listener-sendmmsg", sendmmsg(fd, &(struct mmsghdr){ .msg_hdr = message }, 1, MSG_FASTOPEN));
    tell("listener-fast-open", setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){ 1 }, sizeof(int)));
}

static void try_listeners(void)
{
    unsigned found = 0;

    for (int fd = 3; fd < 256; fd++) {
        int listens = 0;
        socklen_t len = sizeof(listens);

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens)
            continue;
        found++;
        try_connecting(fd);
    }
    dprintf(out, "listeners %u\n", found);
}

/* ---- anything else ---- */

static void try_the_rest(void)
{
    char *const argv[] = { "true", NULL }, *const none[] = { NULL };
    struct sockaddr_in to = somewhere();
    long child;
    static _Alignas(4096) char data[4096];
    int ends[2], victim = getenv("PROBE_VICTIM") ? atoi(getenv("PROBE_VICTIM")) : 1;

    tell("exec", execve("/bin/true", argv, none));
    tell("exec-at", syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, none, 0));
    tell("open-to-write", open("/tmp/tcplens-probe", O_WRONLY | O_CREAT, 0600));
    tell("open-to-read", open("/etc/passwd", O_RDONLY));
    tell("open-itself", open("/proc/self/fd/0", O_RDWR));
    tell("unlink", unlink("/tmp/tcplens-probe"));
    tell("socket-tcp", socket(AF_INET, SOCK_STREAM, 0));
    tell("socket-raw", socket(AF_INET, SOCK_RAW, IPPROTO_RAW)); /* to spoof IP */
    tell("socket-packet", socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
    tell("socket-netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    tell("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    tell("connect", connect(0, (struct sockaddr *)&to, sizeof(to)));
    tell("kill", kill(victim, SIGTERM));
    tell("kill-all", kill(-1, SIGTERM));
    tell("pidfd-open", syscall(SYS_pidfd_open, victim, 0));
    tell("ptrace", ptrace(PTRACE_ATTACH, victim, NULL, NULL));
    tell("namespace", syscall(SYS_unshare, 0x10000000)); /* CLONE_NEWUSER */
    child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    tell("fork", child);
    tell("code", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                     ? -1
                     : 0);
    tell("code-of-data", mprotect(data, sizeof(data), PROT_READ | PROT_EXEC));
    tell("setuid", syscall(SYS_setuid, 0));
    tell("io-uring", syscall(SYS_io_uring_setup, 1, NULL));
}

/* ---- the guard ---- */

static bool is_guard(void)
{
    char name[16] = "";

    return prctl(PR_GET_NAME, name) == 0 && strcmp(name, "tcplens-guard") == 0;
}

/* It has nowhere to tell what came of it: a call that it may not make ends it. On its channel it may only read and write, and
 * its child's descriptor it may only signal. */
static void try_as_guard(const char *what)
{
    char byte;

    if (strcmp(what, "open") == 0)
        (void)!open("/dev/null", O_RDONLY);
    else if (strcmp(what, "kill") == 0)
        kill(getppid(), 0);
    else if (strcmp(what, "read-other") == 0)
        (void)!read(1, &byte, 0);
    else if (strcmp(what, "write-other") == 0)
        (void)!write(1, "", 0);
    else if (strcmp(what, "signal-other") == 0)
        syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0);
}

/* In place of libseccomp's. */
int seccomp_load(void *filter);

int seccomp_load(void *filter)
{
    static int (*load)(void *);
    const char *name = getenv("PROBE_FD");
    cap_t now = cap_get_proc();
    FILE *maps;
    int r;

    if (!load)
        *(void **)&load = dlsym(RTLD_NEXT, "seccomp_load");
    out = name ? atoi(name) : -1;
    if (out < 0 || fcntl(out, F_GETFD) < 0) {
        /* the guard, which has closed it; later it may not ask who it is */
        name = is_guard() ? getenv("PROBE_GUARD") : NULL;
        r = load(filter);
        if (r == 0 && name)
            try_as_guard(name);
        return r;
    }
    maps = fopen("/proc/thread-self/maps", "r");
    r = load(filter);
    /* the first of two filters refuses little */
    if (r < 0 || !now || !maps || open("/dev/null", O_RDONLY) >= 0)
        return r;
    dprintf(out, "user %u\ncapabilities %d\n", geteuid(), cap_compare(cap_init(), now) != 0);
    try_packet_sockets();
    try_maps();
    try_mapped_maps(maps);
    try_listeners();
    try_the_rest();
    if (getenv("PROBE_END"))
        _exit(0);
    return r;
}
