#include "compare_common.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "complain.h"

int compare_failed(int error, const char *action)
{
    complain("compare", "cannot %s: %s", action, strerror(error));
    return -error;
}

const struct compare_step *compare_last(const struct compare_plan *plan, const struct compare_model *model)
{
    for (int i = plan->steps - 1; i >= 0; i--)
        if (model->step[i].measured)
            return &model->step[i];
    return NULL;
}

double compare_memory(const struct compare_plan *plan, const struct compare_model *model)
{
    for (int i = plan->steps - 1; i > 0; i--) {
        const struct compare_step *step = &model->step[i];

        if (step->answered && step->pss_kb >= 0 && model->step[0].pss_kb >= 0) {
            long more = step->pss_kb - model->step[0].pss_kb;

            return more > 0 ? (double)more / plan->idle[i] : 0; /* of a few clients less than what varies anyway */
        }
    }
    return -1;
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int compare_ask(const struct compare_plan *plan, int fd, int requests, double *times_us)
{
    char message[COMPARE_MESSAGE_SIZE], answer[COMPARE_MESSAGE_SIZE];

    memset(message, 'x', sizeof message);
    for (int i = 0; i < requests; i++) {
        double start = now_us();

        if (start > (double)plan->deadline_ms * 1e3)
            return -ETIME;
        if (send(fd, message, sizeof message, MSG_NOSIGNAL) < 0)
            return -errno;
        ssize_t n = recv(fd, answer, sizeof answer, MSG_WAITALL);
        if (n != sizeof answer)
            return n < 0 ? -errno : n == 0 ? -ECONNRESET : -EAGAIN;
        if (times_us)
            times_us[i] = now_us() - start;
    }
    return 0;
}
