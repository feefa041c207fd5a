#include "apart.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/log.h"
#include "tcplens/base/stop.h"

static volatile sig_atomic_t worker; /* 0: it has ended */

static void pass_on(int number)
{
    if (worker)
        kill(worker, number);
}

/* What ends this process ends the worker first, so that nothing is written any more when this has ended. What was ignored, as
 * under nohup(1), still is. */
static void pass_on_signals(pid_t child)
{
    const struct sigaction passes = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
    struct sigaction now;

    worker = child;
    for (unsigned i = 0; stop_signals[i]; i++)
        if (sigaction(stop_signals[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            (void)sigaction(stop_signals[i], &passes, NULL);
}

static _Noreturn void be_worker(const struct apart *a, pid_t parent, const sigset_t *mask)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(EXIT_FAILED);
    sigprocmask(SIG_SETMASK, mask, NULL);
    _exit(a->work(a->arg));
}

static bool is_ending(int number)
{
    for (unsigned i = 0; stop_signals[i]; i++)
        if (stop_signals[i] == number)
            return true;
    return false;
}

/* *ret_signal: what ended both; 0: nothing did. */
static int run(const struct apart *a, int *ret_signal)
{
    const pid_t parent = getpid();
    int wait_status = 0;
    sigset_t all, mask;
    pid_t child;

    sigfillset(&all);
    stop_let_through();
    sigprocmask(SIG_SETMASK, &all, &mask); /* none comes before it can be passed on */
    child = fork();
    if (child == 0)
        be_worker(a, parent, &mask);
    if (child > 0)
        pass_on_signals(child);
    else
        log_error("cannot start a process: %s", strerror(errno));
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (child < 0 || waitpid(child, &wait_status, 0) != child)
        return EXIT_FAILED;
    worker = 0; /* its number may be another's from here on */
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    *ret_signal = is_ending(WTERMSIG(wait_status)) ? WTERMSIG(wait_status) : 0;
    if (!*ret_signal)
        log_error("%s could not be read: its reader broke down (signal %d)", a->input, WTERMSIG(wait_status));
    return EXIT_FAILED;
}

int apart_run(const struct apart *a)
{
    int number = 0;
    const int status = run(a, &number);

    if (status != EXIT_DONE)
        command_remove_empty(a->io);
    if (number) { /* a shell gives 130 for SIGINT */
        signal(number, SIG_DFL);
        raise(number);
    }
    return status;
}
