#include "tcplens/base/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        r = -errno;
    close(fd);
    return r;
}

/* user_namespaces(7): an unprivileged process may map just itself, and must give up setgroups() first. */
static int map_self(uid_t uid, gid_t gid)
{
    char map[64];
    int r;

    r = write_text("/proc/self/setgroups", "deny");
    if (r < 0)
        return r;
    snprintf(map, sizeof(map), "%u %u 1", uid, uid);
    r = write_text("/proc/self/uid_map", map);
    if (r < 0)
        return r;
    snprintf(map, sizeof(map), "%u %u 1", gid, gid);
    return write_text("/proc/self/gid_map", map);
}

static int loopback_up(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
        r = -errno;
    } else {
        request.ifr_flags |= IFF_UP;
        if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
            r = -errno;
    }
    close(fd);
    return r;
}

int netns_enter_new(bool *ret_user)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    bool user = false;
    int r;

    if (unshare(CLONE_NEWNET) < 0) {
        if (errno != EPERM)
            return -errno;
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
            return -errno;
        r = map_self(uid, gid);
        if (r < 0)
            return r;
        user = true;
    }
    r = loopback_up();
    if (r < 0)
        return r == -EPERM ? -ENETDOWN : r;
    *ret_user = user;
    return 0;
}

const char *netns_new_explain(int r)
{
    switch (r) {
    case -EPERM:
        return "this user may make no user namespaces, and no others: run as root, or allow them (sysctl "
               "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)";
    case -ENOSPC:
        return "there are as many namespaces as this system allows: raise sysctl user.max_user_namespaces (0: none) or "
               "user.max_net_namespaces, or run as root";
    case -ENETDOWN: return "its loopback interface may not be brought up: CAP_NET_ADMIN is needed beside CAP_SYS_ADMIN";
    default: return strerror(-r);
    }
}

int netns_enter(const char *name_or_pid)
{
    bool number = *name_or_pid != '\0';
    char path[512];
    int fd, r = 0;

    for (const char *p = name_or_pid; *p; p++)
        number = number && isdigit((unsigned char)*p);
    if (!number && strchr(name_or_pid, '/'))
        return -EINVAL;
    snprintf(path, sizeof(path), number ? "/proc/%s/ns/net" : "/run/netns/%s", name_or_pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (setns(fd, CLONE_NEWNET) < 0)
        r = -errno;
    close(fd);
    return r;
}

int netns_hold(struct netns_ref *ret_ref)
{
    struct netns_ref ref = { .fd = -1 };
    int r = netns_current(&ref.inode);

    if (r == 0)
        r = netns_cookie(&ref.cookie);
    if (r == 0)
        ref.fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (r == 0 && ref.fd < 0)
        r = -errno;
    *ret_ref = ref;
    return r;
}

int netns_enter_held(const struct netns_ref *ref)
{
    return setns(ref->fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

struct inodes {
    ino_t *items;
    size_t count;
};

/* 1: was there already. 0 or -errno. */
static int remember(struct inodes *seen, ino_t inode)
{
    ino_t *larger;

    for (size_t i = 0; i < seen->count; i++)
        if (seen->items[i] == inode)
            return 1;
    larger = realloc(seen->items, (seen->count + 1) * sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    seen->items = larger;
    larger[seen->count++] = inode;
    return 0;
}

static int visit(int dir, const char *path, struct inodes *seen, int (*fn)(void *arg), void *arg)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), r;
    struct stat st;

    if (fd < 0)
        return 0; /* it has ended, or is not to be looked at */
    r = fstat(fd, &st) < 0 ? -errno : remember(seen, st.st_ino);
    if (r == 0 && setns(fd, CLONE_NEWNET) == 0)
        r = fn(arg);
    else if (r > 0)
        r = 0;
    close(fd);
    return r;
}

/* Those of the entries of a directory that begin with a digit, or all; suffix leads on to the namespace. */
static int visit_all(const char *directory, bool digits, const char *suffix, struct inodes *seen, int (*fn)(void *arg),
                     void *arg)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    char path[300];
    int r = 0;

    while (dir && r == 0 && (entry = readdir(dir))) {
        if (digits ? !isdigit((unsigned char)*entry->d_name) : *entry->d_name == '.')
            continue;
        snprintf(path, sizeof(path), "%s%s", entry->d_name, suffix);
        r = visit(dirfd(dir), path, seen, fn, arg);
    }
    if (dir)
        closedir(dir);
    return r;
}

int netns_each(int (*fn)(void *arg), void *arg)
{
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), r;
    struct inodes seen = { NULL, 0 };
    struct stat st;

    if (own < 0)
        return -errno;
    r = fstat(own, &st) < 0 ? -errno : remember(&seen, st.st_ino);
    if (r == 0)
        r = fn(arg);
    if (r == 0)
        r = visit_all("/proc", true, "/ns/net", &seen, fn, arg);
    if (r == 0)
        r = visit_all("/run/netns", false, "", &seen, fn, arg);
    /* who may not go back could not leave either */
    if (seen.count > 1 && setns(own, CLONE_NEWNET) < 0 && errno != EPERM && r == 0)
        r = -errno;
    close(own);
    free(seen.items);
    return r;
}

static int inode_of(const char *path, uint32_t *ret_inode)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    *ret_inode = (uint32_t)st.st_ino;
    return 0;
}

int netns_current(uint32_t *ret_inode)
{
    return inode_of("/proc/self/ns/net", ret_inode);
}

int netns_of_process(uint32_t pid, uint32_t *ret_inode)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
    return inode_of(path, ret_inode);
}

int netns_cookie(uint64_t *ret_cookie)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;
    socklen_t len = sizeof(*ret_cookie);
    uint64_t cookie;

    if (fd < 0)
        return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
        r = -errno;
    else
        *ret_cookie = cookie;
    close(fd);
    return r;
}

int netns_sysctl(const char *name, char *buf, size_t size)
{
    char path[256] = "/proc/sys/";
    size_t len = strlen(path);
    ssize_t n;
    int fd;

    for (; *name && len + 1 < sizeof(path); name++)
        path[len++] = *name == '.' ? '/' : *name;
    path[len] = '\0';
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, buf, size - 1);
    close(fd);
    if (n < 0)
        return -EIO;
    buf[n] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    return 0;
}
