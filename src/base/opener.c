/* The process holds one end of a socket pair. A byte comes, a descriptor goes back, or an error; the end of who asks ends it. It
 * is told no name: it knows what comes next. */
#include "tcplens/base/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "tcplens/base/output.h"

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

/* What a terminal sends to all is not for it: the trace goes on for a moment. */
static _Noreturn void serve(int channel, const char *path, bool force)
{
    unsigned number = 2;
    char request;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "tcplens-opener");
    if (dup2(channel, CHANNEL) < 0 || syscall(SYS_close_range, REST, ~0u, 0) < 0)
        _exit(1);
    while (read(CHANNEL, &request, 1) == 1) {
        const int fd = open_next(path, force, &number);

        if (!answer(fd, (struct reply){ fd < 0 ? fd : 0, number }))
            break;
        if (fd >= 0) {
            close(fd);
            number++;
        }
    }
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
        serve(other, path, force);
    *opener = (struct opener){ .pid = pid, .channel = cleanup_keep(&own) };
    return 0;
}

int opener_next(const struct opener *opener, unsigned *ret_number)
{
    char room[CMSG_SPACE(sizeof(int))];
    struct reply reply;
    struct iovec data = { .iov_base = &reply, .iov_len = sizeof(reply) };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    const struct cmsghdr *header;
    int fd = -1;

    if (write(opener->channel, "n", 1) != 1 || recvmsg(opener->channel, &message, MSG_CMSG_CLOEXEC) != sizeof(reply))
        return -EPIPE;
    header = CMSG_FIRSTHDR(&message);
    if (reply.error == 0 && header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    if (reply.error < 0 || fd < 0)
        return reply.error < 0 ? reply.error : -EPIPE;
    *ret_number = reply.number;
    return fd;
}

void opener_stop(struct opener *opener)
{
    if (!opener->pid)
        return;
    close(opener->channel);
    waitpid(opener->pid, NULL, 0);
    opener->pid = 0;
}
