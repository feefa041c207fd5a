#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/stop.h"

static int check_program(const char *path)
{
    struct stat st;

    if (access(path, X_OK) < 0)
        return -errno;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? -EACCES : 0;
}

int child_find(const char *name)
{
    const char *path = getenv("PATH");
    char at[4096];
    int r = -ENOENT;

    if (!*name || strchr(name, '/'))
        return check_program(name);
    for (path = path ? path : "/bin:/usr/bin";; path++) {
        const size_t len = strcspn(path, ":");
        int here;

        snprintf(at, sizeof(at), "%.*s%s%s", (int)len, path, len ? "/" : "", name);
        here = check_program(at);
        if (here == 0)
            return 0;
        r = here == -EACCES ? here : r;
        path += len;
        if (!*path)
            return r;
    }
}

int child_status_of(int error)
{
    return error == -ENOENT ? 127 : 126;
}

/* In the child. gate: the parent lets go by a byte; report: gets errno of exec(), and closes by itself when it succeeds. */
static void become(char *const argv[], int gate, int report, enum child_stdout stdout_is)
{
    char go;
    int r;

    stop_restore();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (read(gate, &go, 1) != 1)
        _exit(125); /* the tracer gave up */
    if (stdout_is == CHILD_STDOUT_TAKEN)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    else if (stdout_is == CHILD_STDOUT_SHARED)
        setenv("TCPLENS_TIMELINE", "1", true);
    execvp(argv[0], argv);
    r = errno;
    if (write(report, &r, sizeof(r)) < 0)
        _exit(125);
    _exit(child_status_of(-r));
}

int child_start(struct child *c, char *const argv[], enum child_stdout stdout_is)
{
    int gate[2], report[2];
    pid_t pid;
    int r;

    c->release = c->exec_report = -1;
    if (pipe2(gate, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP_CLOSE int gate_read = gate[0], gate_write = gate[1];
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP_CLOSE int report_read = report[0], report_write = report[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(gate_write);
        become(argv, gate_read, report_write, stdout_is);
    }
    *c = (struct child){ .argv = argv, .pid = pid, .release = -1, .exec_report = -1 };
    r = guard_start(&c->guard, pid);
    if (r < 0)
        return r; /* the child ends with its gate */
    c->release = cleanup_keep(&gate_write);
    c->exec_report = cleanup_keep(&report_read);
    return 0;
}

int child_release(struct child *c)
{
    int error = 0;

    if (c->release < 0)
        return 0;
    if (write(c->release, "", 1) != 1 || read(c->exec_report, &error, sizeof(error)) != sizeof(error))
        error = 0;
    close(c->release);
    c->release = -1;
    return -error;
}

void child_ask_to_end(struct child *c)
{
    /* what hinders it is told when the command is to be killed, because it does not end */
    (void)!guard_signal(&c->guard, SIGTERM);
}

void child_ended(struct child *c)
{
    c->pid = 0;
    guard_stop(&c->guard);
}

int child_stop(struct child *c, unsigned grace_ms)
{
    static const struct timespec pause = { .tv_nsec = 10000000 };
    pid_t ended;
    int r = 0;

    if (grace_ms)
        child_ask_to_end(c);
    while ((ended = waitpid(c->pid, NULL, WNOHANG)) == 0 && grace_ms) {
        nanosleep(&pause, NULL);
        grace_ms -= grace_ms < 10 ? grace_ms : 10;
    }
    if (ended == 0) {
        r = guard_signal(&c->guard, SIGKILL);
        if (r == 0)
            r = waitpid(c->pid, NULL, 0) > 0;
    }
    child_ended(c);
    return r;
}

void child_done(struct child *c)
{
    cleanup_close(&c->release);
    cleanup_close(&c->exec_report);
    guard_stop(&c->guard);
}
