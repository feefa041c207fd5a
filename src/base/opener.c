/* Theory of operation. The process holds one end of a socket pair. A byte comes, a descriptor goes back, or an error; another
 * byte, or the end of who asks, ends it. It is told no name: it knows what comes next. Somebody may have stopped it, and a file
 * system can hold an open() for ever, so it is waited for no longer than who asks may take to end. */
#include "tcplens/base/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/confine.h"
#include "tcplens/base/output.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"

enum request { NEXT = 'n', END = 'e' };

enum { CHANNEL = 0, REST = 1 };

void opener_name(const char *path, unsigned part, char *buf, size_t size)
{
    static const char *const ends[] = { ".ndjson.gz", ".json.gz", ".ndjson", ".json", ".gz" };
    const size_t len = strlen(path);

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        const size_t end = strlen(ends[i]);

        if (len > end && strcmp(path + len - end, ends[i]) == 0) {
            snprintf(buf, size, "%.*s.%u%s", (int)(len - end), path, part, ends[i]);
            return;
        }
    }
    snprintf(buf, size, "%s.%u", path, part);
}

/* What comes beside the descriptor. */
struct reply {
    int error; /* 0, or why there is none */
    unsigned number;
};

static bool answer(int fd, struct reply reply)
{
    char room[CMSG_SPACE(sizeof(fd))] = { 0 };
    struct iovec data = { .iov_base = &reply, .iov_len = sizeof(reply) };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

    if (fd >= 0) {
        message.msg_control = room;
        message.msg_controllen = sizeof(room);
        *CMSG_FIRSTHDR(&message) =
            (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd)) };
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof(fd));
    }
    return sendmsg(CHANNEL, &message, MSG_NOSIGNAL) == sizeof(reply);
}

/* Names that somebody has are passed over: what is in those files is kept. */
static int open_next(const char *path, bool force, unsigned *number)
{
    char name[PATH_MAX];
    int fd;

    do {
        opener_name(path, *number, name, sizeof(name));
        fd = output_open(name, O_WRONLY | (force ? O_TRUNC : O_EXCL));
    } while (fd == -EEXIST && ++*number);
    return fd;
}

/* Who asked may have ended meanwhile: a file that nobody writes is not made, nor one that is there emptied. */
static bool is_wanted(void)
{
    struct pollfd p = { .fd = CHANNEL };

    return poll(&p, 1, 0) == 0;
}

static void serve(const char *path, bool force)
{
    unsigned number = 2;
    char request;

    while (read(CHANNEL, &request, 1) == 1 && request == NEXT && is_wanted()) {
        const int fd = open_next(path, force, &number);

        if (!answer(fd, (struct reply){ fd < 0 ? fd : 0, number }))
            return;
        if (fd >= 0) {
            close(fd);
            number++;
        }
    }
}

/* What a terminal sends to all is not for it: the trace goes on for a moment. */
static _Noreturn void be_opener(int channel, const char *path, bool force)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "tcplens-opener");
    if (dup2(channel, CHANNEL) < 0 || syscall(SYS_close_range, REST, ~0u, 0) < 0 || rights_keep_for_files() < 0)
        _exit(1);
    /* a kernel without filters: it parses nothing all the same */
    (void)!confine(&(struct confine){ .may = CONFINE_MAKE });
    serve(path, force);
    _exit(0);
}

int opener_start(struct opener *opener, const char *path, bool force)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    CLEANUP_CLOSE int own = ends[0], other = ends[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        be_opener(other, path, force);
    *opener = (struct opener){ .pid = pid, .channel = cleanup_keep(&own) };
    return 0;
}

static bool ask(const struct opener *opener, enum request request)
{
    const char byte = (char)request;

    return write(opener->channel, &byte, 1) == 1;
}

/* What it answers within ms. 0; -EPIPE: it has ended; -ETIMEDOUT. *ret_fd: -1 where none came. */
static int hear(const struct opener *opener, int ms, struct reply *ret_reply, int *ret_fd)
{
    char room[CMSG_SPACE(sizeof(int))];
    struct iovec data = { .iov_base = ret_reply, .iov_len = sizeof(*ret_reply) };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    struct pollfd p = { .fd = opener->channel, .events = POLLIN };
    const struct cmsghdr *header;
    int n;

    *ret_fd = -1;
    do
        n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return -ETIMEDOUT;
    if (recvmsg(opener->channel, &message, MSG_CMSG_CLOEXEC) != sizeof(*ret_reply))
        return -EPIPE;
    header = CMSG_FIRSTHDR(&message);
    if (ret_reply->error == 0 && header && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
    return 0;
}

/* Once is enough: what kept it may keep it for ever. */
static int patience(const struct opener *opener)
{
    return opener->late ? 0 : STOP_PATIENCE_MS;
}

int opener_next(struct opener *opener, unsigned *ret_number)
{
    struct reply reply;
    int fd, r;

    if (!opener->late && !ask(opener, NEXT))
        return -EPIPE;
    r = hear(opener, patience(opener), &reply, &fd);
    opener->late = r == -ETIMEDOUT;
    if (r < 0)
        return r;
    if (reply.error < 0 || fd < 0)
        return reply.error < 0 ? reply.error : -EPIPE;
    *ret_number = reply.number;
    return fd;
}

const char *opener_explain(int r)
{
    switch (r) {
    case -EPIPE: return "tcplens-opener, which makes it, has ended";
    case -ETIMEDOUT: return "tcplens-opener, which makes it, does not answer";
    default: return output_explain(r);
    }
}

void opener_stop(struct opener *opener)
{
    struct reply reply;
    int fd, r;

    if (!opener->pid)
        return;
    (void)ask(opener, END);
    while ((r = hear(opener, patience(opener), &reply, &fd)) == 0)
        cleanup_close(&fd);
    close(opener->channel);
    waitpid(opener->pid, NULL, r == -EPIPE ? 0 : WNOHANG);
    opener->pid = 0;
}
