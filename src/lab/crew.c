#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "tcplens/base/cleanup.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/log.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"

#define KEEPER_PATIENCE_MS 10000 /* it ends at once, unless somebody has stopped it */
#define REPORTS_BYTES (1 << 20)  /* of the pipe that the wire writes to */

/* Both ends of everything, before processes have their own. */
struct lines {
    int channels[LAB_ACTORS_MAX][2], ended[2], reports[2], wire[2];
    pid_t *leaders; /* shared */
    const struct lab *lab;
    const struct space *space;
    const char *echo;
    int alone; /* the tracer's, and nobody else's */
    pid_t wire_pid;
};
enum { TRACER, OTHER };

static void close_both(int ends[2])
{
    cleanup_close(&ends[TRACER]);
    cleanup_close(&ends[OTHER]);
    ends[TRACER] = ends[OTHER] = -1;
}

static void close_all(struct lines *l)
{
    for (unsigned i = 0; i < l->lab->actor_count; i++)
        close_both(l->channels[i]);
    close_both(l->ended);
    close_both(l->reports);
    close_both(l->wire);
    if (l->leaders)
        munmap(l->leaders, LAB_ACTORS_MAX * sizeof(*l->leaders));
    l->leaders = NULL;
}

static int open_line(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

static int open_reports(int ends[2])
{
    int pipe_ends[2];

    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(pipe_ends[1], F_SETPIPE_SZ,
                REPORTS_BYTES); /* an ordinary user may have less: then the wire waits earlier */
    ends[TRACER] = pipe_ends[0];
    ends[OTHER] = pipe_ends[1];
    return fcntl(ends[TRACER], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_all(struct lines *l)
{
    int r = open_line(l->ended);

    l->leaders =
        mmap(NULL, LAB_ACTORS_MAX * sizeof(*l->leaders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l->leaders == MAP_FAILED) {
        l->leaders = NULL;
        return -errno;
    }
    if (r == 0 && l->space->wire.fd >= 0)
        r = open_line(l->wire);
    if (r == 0 && l->space->wire.fd >= 0)
        r = open_reports(l->reports);
    for (unsigned i = 0; i < l->lab->actor_count && r == 0; i++)
        r = open_line(l->channels[i]);
    return r;
}

/* ---- in the processes of the lab */

/* A program finds its standard streams as a service does; what is wrong with it is told where the tracer tells it. */
static void redirect(void)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
}

/* It does what needs a right in its namespace. */
static bool needs_rights(const struct lab_actor *a)
{
    for (unsigned i = 0; i < a->action_count; i++)
        if (a->actions[i].verb == LAB_SYSCTL || a->actions[i].verb == LAB_SYNS)
            return true;
    return false;
}

static _Noreturn void become_program(const struct lines *l, const struct lab_actor *a)
{
    if (a->own)
        execv(l->echo, a->argv);
    else
        execvp(a->argv[0], a->argv);
    log_error("lab: cannot run %s: %s", a->own ? l->echo : a->argv[0], strerror(errno));
    _exit(127);
}

/* What it cannot do without, told to whoever runs the lab. */
static bool take_place(const struct lines *l, const struct lab_actor *a)
{
    char error[FILES_ERROR_MAX] = "";

    if (a->files && files_put(a->files, error) < 0)
        log_error("lab: %s: %s", a->name, error);
    return !*error && netns_enter_held(&l->space->at[a->at]) == 0 &&
           (needs_rights(a) || rights_drop_capabilities() == 0);
}

static _Noreturn void be_actor(const struct lines *l, unsigned index)
{
    const struct lab_actor *a = &l->lab->actors[index];
    const struct actor_place place = { .lab = l->lab,
                                       .index = index,
                                       .channel = l->channels[index][OTHER],
                                       .wire = l->wire[OTHER],
                                       .leaders = l->leaders };
    char name[16], go;
    bool ready;

    snprintf(name, sizeof(name), "%.15s", a->name);
    prctl(PR_SET_NAME, name);
    redirect();
    setpgid(0, 0);
    ready = take_place(l, a);
    if (recv(place.channel, &go, 1, 0) != 1)
        _exit(125); /* the tracer gave up */
    if (!ready)
        _exit(126); /* now, so that the trace tells of it */
    stop_restore();
    if (a->argv)
        become_program(l, a);
    actor_act(&place);
    _exit(0);
}

static _Noreturn void be_wire(const struct lines *l)
{
    struct wire_rules rules = l->lab->wire;

    prctl(PR_SET_NAME, "wire");
    if (rights_drop(false) < 0)
        _exit(126);
    _exit(wire_run(&rules, l->space->wire_sockets, l->reports[OTHER], l->wire[TRACER]) < 0);
}

static pid_t spawn(const struct lines *l, unsigned index)
{
    const pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (index < l->lab->actor_count)
        be_actor(l, index);
    be_wire(l);
}

static void tell_end(const struct lines *l, pid_t pid, int status)
{
    struct actor_message message = { .word = ACTOR_ENDED,
                                     .ret = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                                     .realtime_ns = clock_ns(CLOCK_REALTIME) };

    while (message.actor < l->lab->actor_count && l->leaders[message.actor] != pid)
        message.actor++;
    if (message.actor < l->lab->actor_count)
        send(l->ended[OTHER], &message, sizeof(message), MSG_NOSIGNAL);
}

/* Those that have ended by now. Without its wire a lab shows nothing. */
static void reap(const struct lines *l)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == l->wire_pid)
            _exit(1);
        tell_end(l, pid, status);
    }
}

/* The first process of the namespace: starts the others, and reaps them and what they leave behind. When all have ended their
 * sockets may still have something to say: it ends when the tracer closes its end of the line or is no more, which needs no
 * right to signal it, and all others with it. */
static _Noreturn void keep(struct lines *l)
{
    struct pollfd events[] = { { .fd = l->ended[OTHER], .events = POLLIN }, { .events = POLLIN } };
    sigset_t child;
    char go;

    prctl(PR_SET_NAME, "lab");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should somebody have stopped it, and where the tracer may */
    setsid();                         /* Ctrl-C is the tracer's */
    cleanup_close(&l->alone);
    cleanup_close(&l->ended[TRACER]);
    l->ended[TRACER] = -1;
    for (unsigned i = 0; i < l->lab->actor_count; i++)
        if ((l->leaders[i] = spawn(l, i)) < 0)
            _exit(1);
    if (l->space->wire.fd >= 0 && (l->wire_pid = spawn(l, l->lab->actor_count)) < 0)
        _exit(1);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    events[1].fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    send(l->ended[OTHER], "", 1, MSG_NOSIGNAL);
    if (events[1].fd < 0 || recv(l->ended[OTHER], &go, 1, 0) != 1)
        _exit(1);
    for (;;) {
        struct signalfd_siginfo told;

        reap(l);
        if (poll(events, 2, -1) < 0 && errno != EINTR)
            _exit(1);
        if (events[0].revents)
            _exit(0);
        if (events[1].revents)
            (void)!read(events[1].fd, &told, sizeof(told));
    }
}

/* ---- in the tracer */

static pid_t clone_into_namespace(int *ret_pidfd)
{
    return (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_PIDFD | SIGCHLD, NULL, ret_pidfd, NULL, NULL);
}

/* What is the tracer's becomes the crew's; the rest is closed. */
static int hand_over(struct crew *crew, struct lines *l)
{
    char ready;

    crew->count = l->lab->actor_count;
    for (unsigned i = 0; i < crew->count; i++) {
        crew->channels[i] = cleanup_keep(&l->channels[i][TRACER]);
        (void)fcntl(crew->channels[i], F_SETFL, O_NONBLOCK);
    }
    crew->ended = cleanup_keep(&l->ended[TRACER]);
    crew->reports = cleanup_keep(&l->reports[TRACER]);
    close_all(l);
    if (recv(crew->ended, &ready, 1, 0) != 1 || send(crew->ended, "", 1, MSG_NOSIGNAL) != 1)
        return -ECHILD;
    (void)fcntl(crew->ended, F_SETFL, O_NONBLOCK);
    return 0;
}

int crew_start(struct crew *crew, const struct lab *lab, const struct space *space, const char *echo, int alone)
{
    struct lines l = { .ended = { -1, -1 },
                       .reports = { -1, -1 },
                       .wire = { -1, -1 },
                       .lab = lab,
                       .space = space,
                       .echo = echo,
                       .alone = alone };
    int r;

    *crew = CREW_NONE;
    memset(l.channels, 0xff, sizeof(l.channels));
    r = open_all(&l);
    if (r == 0 && (crew->keeper = clone_into_namespace(&crew->keeper_fd)) < 0)
        r = -errno;
    if (r < 0) {
        crew->keeper = 0;
        close_all(&l);
        return r;
    }
    if (crew->keeper == 0)
        keep(&l);
    r = hand_over(crew, &l);
    if (r < 0)
        (void)!crew_stop(crew);
    return r;
}

void crew_let_go(struct crew *crew, unsigned actor)
{
    send(crew->channels[actor], "", 1, MSG_NOSIGNAL);
}

int crew_stop(struct crew *crew)
{
    struct pollfd keeper = { .fd = crew->keeper_fd, .events = POLLIN };
    int n = 1;

    cleanup_close(&crew->ended); /* which ends it */
    if (crew->keeper > 0) {
        do
            n = poll(&keeper, 1, KEEPER_PATIENCE_MS);
        while (n < 0 && errno == EINTR);
        waitpid(crew->keeper, NULL, WNOHANG);
    }
    for (unsigned i = 0; i < crew->count; i++)
        cleanup_close(&crew->channels[i]);
    cleanup_close(&crew->reports);
    cleanup_close(&crew->keeper_fd);
    *crew = CREW_NONE;
    return n > 0 ? 0 : -ETIMEDOUT;
}
