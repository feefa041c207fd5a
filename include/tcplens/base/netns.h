/* Network namespaces: which one this process is in, another one, a new one. */
#ifndef TCPLENS_BASE_NETNS_H
#define TCPLENS_BASE_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moves this process, for good, into a network namespace of its own with lo up. Without the right to do that
 * (CAP_SYS_ADMIN) a user namespace is made around it, in which user and group stay what they are; *ret_user says so.
 * 0 or -errno: -EPERM or -ENOSPC where the system allows no user namespaces, -ENETDOWN where lo may not be brought up. */
int netns_enter_new(bool *ret_user) __attribute__((warn_unused_result));
/* Why that failed with r, and what helps; static, or strerror()'s. */
const char *netns_new_explain(int r);

/* Moves this process into the namespace of a process (a number) or of that name (ip-netns(8)).
 * 0 or -errno: -ENOENT no such name or process, -EPERM. */
int netns_enter(const char *name_or_pid) __attribute__((warn_unused_result));

/* Calls fn in every network namespace that a process is in or ip-netns(8) lists, in this one first, until it returns
 * other than 0, and returns that. Those that may not be entered are passed over; the process comes back to its own:
 * if it cannot, -errno. */
int netns_each(int (*fn)(void *arg), void *arg) __attribute__((warn_unused_result));

/* A namespace that is held: it stays while fd is open. */
struct netns_ref {
    int fd;
    uint32_t inode;  /* as /proc/self/ns/net shows it */
    uint64_t cookie; /* never used again */
};

/* Some namespaces that are watched together. */
#define NETNS_SCOPE_MAX 4
struct netns_scope {
    struct netns_ref in[NETNS_SCOPE_MAX];
    unsigned count;
};

/* Holds the namespace this process is in. 0 or -errno. */
int netns_hold(struct netns_ref *ret_ref) __attribute__((warn_unused_result));
/* Moves this process into one that is held. 0 or -errno. */
int netns_enter_held(const struct netns_ref *ref) __attribute__((warn_unused_result));

/* Inode number of the namespace this process is in, as /proc/self/ns/net shows it. 0 or -errno. */
int netns_current(uint32_t *ret_inode) __attribute__((warn_unused_result));

/* Likewise, of that a process is in. 0 or -errno. */
int netns_of_process(uint32_t pid, uint32_t *ret_inode) __attribute__((warn_unused_result));

/* The same as a number that is never used again (SO_NETNS_COOKIE, Linux 5.14). 0 or -errno. */
int netns_cookie(uint64_t *ret_cookie) __attribute__((warn_unused_result));

/* A setting of this namespace, or a global one, by its sysctl name; without the newline. 0 or -errno. */
int netns_sysctl(const char *name, char *buf, size_t size) __attribute__((warn_unused_result));

#endif
