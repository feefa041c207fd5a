#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "complain.h"

static _Noreturn void become(char *const argv[], int stdout_fd, pid_t parent)
{
    /* Should we be killed, our children must not live on; we may be dead already. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(STATUS_FAILED);
    if (dup2(stdout_fd, STDOUT_FILENO) >= 0)
        execv("/proc/self/exe", argv);
    complain("", "cannot run /proc/self/exe: %s", strerror(errno));
    _exit(STATUS_FAILED);
}

int program_start(struct program *program, char *const argv[], int stdout_fd)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become(argv, stdout_fd, parent);
    if (pid < 0)
        return -errno;
    program->pid = pid;
    program->end_fd = pidfd_open(pid, 0); /* closes on exec by itself */
    return program->end_fd < 0 ? -errno : 0;
}

void program_wait(struct program *program)
{
    int status;

    if (program->end_fd >= 0)
        close(program->end_fd);
    program->end_fd = -1;
    if (program->pid == 0)
        return;
    while (waitpid(program->pid, &status, 0) < 0)
        if (errno != EINTR)
            return;
    program->pid = 0;
    program->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void program_kill(struct program *program)
{
    if (program->pid > 0)
        kill(program->pid, SIGKILL);
    program_wait(program);
}
