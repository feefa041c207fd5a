#include "tcplens/base/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/inherited.h"
#include "tcplens/base/log.h"

#define NOBODY 65534

/* A user namespace may map nobody but us (EINVAL) and refuse setgroups() (EPERM), and a container's root may not change
 * who it is (EPERM): then the capabilities are all there is to drop. */
static bool identity_is_fixed(void)
{
    return errno == EINVAL || errno == EPERM;
}

static void find_account(uid_t *ret_uid, gid_t *ret_gid)
{
    const struct passwd *account = getpwnam(RIGHTS_ACCOUNT);

    *ret_uid = account ? account->pw_uid : NOBODY;
    *ret_gid = account ? account->pw_gid : NOBODY;
}

bool rights_has_account(void)
{
    return getpwnam(RIGHTS_ACCOUNT) != NULL;
}

static int drop_identity(void)
{
    uid_t uid;
    gid_t gid;

    if (geteuid() != 0)
        return 0;
    find_account(&uid, &gid);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return -errno;
    if (setgroups(0, NULL) < 0 && !identity_is_fixed())
        return -errno;
    if (setresgid(gid, gid, gid) < 0 && !identity_is_fixed())
        return -errno;
    return setresuid(uid, uid, uid) < 0 && !identity_is_fixed() ? -errno : 0;
}

/* Of those, what is held. */
static int keep_capabilities(const cap_value_t *kept, size_t count)
{
    cap_t fewer = cap_init(), now = cap_get_proc();
    cap_flag_value_t held;
    int r = 0;

    if (!fewer || !now)
        r = -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++)
        if (cap_get_flag(now, kept[i], CAP_PERMITTED, &held) < 0 ||
            (held == CAP_SET && (cap_set_flag(fewer, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
                                 cap_set_flag(fewer, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0)))
            r = -errno;
    if (r == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || cap_set_proc(fewer) < 0))
        r = -errno;
    cap_free(fewer);
    cap_free(now);
    return r;
}

int rights_drop_capabilities(void)
{
    return keep_capabilities(NULL, 0);
}

int rights_keep_for_files(void)
{
    static const cap_value_t files[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH };

    return keep_capabilities(files, sizeof(files) / sizeof(*files));
}

int rights_drop(bool keep_kill)
{
    const cap_value_t kill_right = CAP_KILL;
    const int r = drop_identity();

    return r < 0 ? r : keep_capabilities(&kill_right, keep_kill);
}

/* What of root's identity could not be left: it opens files all the same. */
static void tell_what_stays(void)
{
    const char *const stays[] = { geteuid() == 0 ? "user 0" : NULL, getegid() == 0 ? "group 0" : NULL,
                                  getgroups(0, NULL) > 0 ? "supplementary groups" : NULL };
    char text[64] = "";

    for (size_t i = 0, len = 0; i < sizeof(stays) / sizeof(*stays); i++)
        if (stays[i])
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? ", " : "", stays[i]);
    if (*text)
        log_note("goes on without capabilities, but keeps %s: this environment lets nobody become another "
                 "(CAP_SETUID, CAP_SETGID)",
                 text);
}

int rights_give_up(const struct confine *c)
{
    const bool was_root = geteuid() == 0;
    int at_end = 0, r;

    inherited_close();
    (void)prctl(PR_GET_PDEATHSIG, &at_end);
    r = rights_drop(false);
    if (r < 0)
        return r;
    if (at_end && prctl(PR_SET_PDEATHSIG, at_end) < 0) /* the kernel forgets it with the rights */
        return -errno;
    if (was_root)
        tell_what_stays();
    tzset(); /* the time zone is in a file */
    r = confine(c);
    if (r < 0)
        log_note("goes on without a list of allowed system calls: %s (seccomp)", strerror(-r));
    return 0;
}
