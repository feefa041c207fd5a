#include "tcplens/base/rights.h"

#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

/* A user namespace may map nobody but us (EINVAL) and refuse setgroups() (EPERM), and a container's root may not change
 * who it is (EPERM): then the capabilities are all there is to drop. */
static bool identity_is_fixed(int r)
{
    return r < 0 && (errno == EINVAL || errno == EPERM);
}

static int drop_identity(void)
{
    int r;

    if (geteuid() != 0)
        return 0;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return -errno;
    r = setgroups(0, NULL);
    if (r < 0 && !identity_is_fixed(r))
        return -errno;
    r = setresgid(NOBODY, NOBODY, NOBODY);
    if (r < 0 && !identity_is_fixed(r))
        return -errno;
    r = setresuid(NOBODY, NOBODY, NOBODY);
    return r < 0 && !identity_is_fixed(r) ? -errno : 0;
}

int rights_drop_capabilities(void)
{
    cap_t none = cap_init();
    int r = 0;

    if (!none)
        return -ENOMEM;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || cap_set_proc(none) < 0)
        r = -errno;
    cap_free(none);
    return r;
}

int rights_drop(bool keep_kill)
{
    const cap_value_t kill_right = CAP_KILL;
    cap_flag_value_t permitted = CAP_CLEAR;
    cap_t none, now;
    int r;

    r = drop_identity();
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    none = cap_init();
    now = cap_get_proc();
    if (!none || !now) {
        r = -ENOMEM;
    } else {
        cap_get_flag(now, CAP_KILL, CAP_PERMITTED, &permitted);
        if (keep_kill && permitted == CAP_SET &&
            (cap_set_flag(none, CAP_PERMITTED, 1, &kill_right, CAP_SET) < 0 ||
             cap_set_flag(none, CAP_EFFECTIVE, 1, &kill_right, CAP_SET) < 0))
            r = -errno;
        if (r == 0 && cap_set_proc(none) < 0)
            r = -errno;
    }
    cap_free(none);
    cap_free(now);
    return r;
}
