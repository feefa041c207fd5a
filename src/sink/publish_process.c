#include "publish_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/inherited.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"

#define PIPE_SIZE (1 << 20) /* /proc/sys/fs/pipe-max-size, unless somebody changed it */

#define PATIENCE_MS 3000 /* before it is said what is being waited for */
#define LEAVING_MS 10000 /* to leave what it does: a connection that it makes has its own time */
#define START_MS 30000   /* to connect: more than all timeouts of it together */

enum { STATUS_STORED = 0, STATUS_NOT_ALL = 1 };

/* Of what the parent has open, these three stay: standard error, the pipe, and where they talk. */
static int keep_only(int *frames, int *talk)
{
    enum { FRAMES = STDERR_FILENO + 1, TALK, REST };
    inherited_close();
    const int f = fcntl(*frames, F_DUPFD_CLOEXEC, REST), t = fcntl(*talk, F_DUPFD_CLOEXEC, REST);

    if (f < 0 || t < 0 || dup2(f, FRAMES) < 0 || dup2(t, TALK) < 0 || syscall(SYS_close_range, REST, ~0u, 0) < 0)
        return -errno;
    *frames = FRAMES;
    *talk = TALK;
    return 0;
}

/* It ends with its pipe, and not by what a terminal sends to all. SIGSYS, blocked, would end it. */
static void leave_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigdelset(&all, SIGSYS);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "tcplens-publish");
}

static int begin(const struct sender_config *config, const char *folder, uint64_t spool_size, struct spool *spool,
                 struct sender **ret_sender, char error[static PUBLISH_ERROR_MAX])
{
    int r = spool_open(spool, folder, spool_size);
    if (r < 0) {
        snprintf(error, PUBLISH_ERROR_MAX, "cannot make a spool in %.300s: %s", folder, strerror(-r));
        return r;
    }
    r = rights_give_up(&(struct confine){ .may = CONFINE_PUBLISH });
    if (r < 0) {
        snprintf(error, PUBLISH_ERROR_MAX, "cannot drop rights: %s", strerror(-r));
        return r;
    }
    return sender_new(config, spool, ret_sender, error);
}

/* Until it has begun, it ends with who started it: it would not hear of that from its pipe. Then what waits in the spool is
 * still sent. */
static _Noreturn void be_publisher(struct sender_config *config, const char *folder, uint64_t spool_size, pid_t parent)
{
    char error[PUBLISH_ERROR_MAX] = "";
    struct sender *sender = NULL;
    struct spool spool;

    leave_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(STATUS_NOT_ALL);
    if (keep_only(&config->frames, &config->talk) < 0)
        _exit(STATUS_NOT_ALL);
    if (begin(config, folder, spool_size, &spool, &sender, error) < 0) {
        if (write(config->talk, error, strlen(error)) < 0)
            _exit(STATUS_NOT_ALL);
        _exit(STATUS_NOT_ALL);
    }
    if (prctl(PR_SET_PDEATHSIG, 0) < 0 || write(config->talk, "", 1) != 1)
        _exit(STATUS_NOT_ALL);
    _exit(sender_run(sender) ? STATUS_NOT_ALL : STATUS_STORED);
}

/* Waits for a word, or the end, of it. 0; -ECANCELED: the program was asked to end, which stays for who asks next; -ETIMEDOUT. */
static int await_word(int talk, const struct timespec *begun)
{
    struct pollfd news[] = { { .fd = talk, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
    struct timespec now;
    int64_t left_ms;
    int n;

    if (stop_is_watched()) /* else signals act as they do */
        news[1].fd = stop_watch();
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        left_ms = START_MS - (now.tv_sec - begun->tv_sec) * 1000 - (now.tv_nsec - begun->tv_nsec) / 1000000;
        n = poll(news, 2, left_ms > 0 ? (int)left_ms : 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (news[0].revents)
        return 0;
    return n > 0 ? -ECANCELED : -ETIMEDOUT;
}

/* An empty word: it goes on (0). */
static int has_begun(int talk, char error[static PUBLISH_ERROR_MAX])
{
    struct timespec begun;
    size_t len = 0;
    ssize_t n;
    int r;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while ((r = await_word(talk, &begun)) == 0 && len < PUBLISH_ERROR_MAX - 1 &&
           (n = read(talk, error + len, PUBLISH_ERROR_MAX - 1 - len)) > 0) {
        len += (size_t)n;
        if (!error[0])
            return 0;
    }
    error[len] = '\0';
    if (r == -ECANCELED)
        snprintf(error, PUBLISH_ERROR_MAX, "asked to end before it was connected");
    else if (r < 0)
        snprintf(error, PUBLISH_ERROR_MAX, "the process that publishes does not begin: %s", strerror(-r));
    else if (!len)
        snprintf(error, PUBLISH_ERROR_MAX, "the process that publishes ended at once");
    return r < 0 ? r : -EPROTO;
}

/* It ends by itself once it has said why. Otherwise it is made to, here, or where that is not allowed when this process ends. */
static void end_unbegun(pid_t pid, int r)
{
    const bool ends = r == -EPROTO || kill(pid, SIGKILL) == 0;

    waitpid(pid, NULL, ends ? 0 : WNOHANG);
}

int publish_process_start(struct publish_process *p, struct sender_config *config, const char *folder,
                          uint64_t spool_size, char error[static PUBLISH_ERROR_MAX])
{
    const pid_t parent = getpid();
    int frames[2], talk[2], r;
    pid_t pid;

    snprintf(error, PUBLISH_ERROR_MAX, "cannot start the process that publishes: out of descriptors or memory");
    if (pipe2(frames, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP_CLOSE int frames_read = frames[0], frames_write = frames[1];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0)
        return -errno;
    CLEANUP_CLOSE int ours = talk[0], theirs = talk[1];
    (void)fcntl(frames_write, F_SETPIPE_SZ, PIPE_SIZE); /* as large as may be: what finds no room there is kept here */
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        config->frames = frames_read;
        config->talk = theirs;
        be_publisher(config, folder, spool_size, parent);
    }
    close(cleanup_keep(&theirs));
    r = has_begun(ours, error);
    if (r < 0) {
        end_unbegun(pid, r);
        return r;
    }
    if (fcntl(frames_write, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    *p = (struct publish_process){ .pid = pid, .frames = cleanup_keep(&frames_write), .talk = cleanup_keep(&ours) };
    return 0;
}

/* Until it has ended. Who does not want to wait says so with a signal. False: it does not answer to that. */
static bool await_end(const struct publish_process *p)
{
    struct pollfd news[] = { { .fd = p->talk, .events = POLLIN }, { .fd = stop_watch(), .events = POLLIN } };
    int n, patience_ms = PATIENCE_MS;
    bool told = false;

    while ((n = poll(news, 2, patience_ms)) >= 0 || errno == EINTR) {
        if (n > 0 && news[0].revents)
            return true;
        if (n == 0 && told)
            return false;
        if (n > 0 && stop_take() && !told) {
            told = true;
            patience_ms = LEAVING_MS;
            if (write(p->talk, "", 1) < 0)
                return true;
        } else if (n == 0) {
            log_note("publish: what waits in the spool is still being sent; another Ctrl-C (or signal) leaves it");
            patience_ms = -1;
        }
    }
    return true;
}

int publish_process_end(struct publish_process *p)
{
    bool answers;
    int status;

    cleanup_close(&p->frames);
    answers = await_end(p);
    cleanup_close(&p->talk);
    if (!answers)
        log_note("publish: tcplens-publish does not answer, and is left to itself: what waits may not be stored");
    if (waitpid(p->pid, &status, answers ? 0 : WNOHANG) != p->pid)
        return answers ? -errno : -ENODATA;
    return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_STORED ? 0 : -ENODATA;
}
