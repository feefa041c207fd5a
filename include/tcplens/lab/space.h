/* Where a lab takes place: network namespaces of its own, wired up, with pinned settings. Nothing of the host is touched, and
 * all is gone with the last process and descriptor in it. */
#ifndef TCPLENS_LAB_SPACE_H
#define TCPLENS_LAB_SPACE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/netns.h"

#define SPACE_ERROR_MAX 256

enum space_topology {
    SPACE_LO,   /* one namespace, client and server talk over its loopback interface */
    SPACE_WIRE, /* client, wire, server */
};

enum space_side { SPACE_CLIENT, SPACE_SERVER, SPACE_SIDES };

/* A setting, by its sysctl name. */
struct space_setting {
    const char *name, *value;
};

struct space_config {
    enum space_topology topology;
    const enum space_side *hosts; /* where each actor is: its address is made there */
    unsigned host_count;
    const struct space_setting *settings; /* besides those that every lab has */
    unsigned setting_count;
};

struct space {
    struct netns_ref at[SPACE_SIDES]; /* over loopback, both the same */
    struct netns_ref wire;            /* fd -1: there is none */
    struct netns_scope scope;         /* what is to be traced; this process is in the last */
    int wire_sockets[SPACE_SIDES];    /* of the wire (lab/wire.h); -1: there is none */
    bool user;                        /* in a user namespace, for want of rights */
};

/* The address of the index-th actor of a lab. */
struct in_addr space_address(enum space_topology topology, unsigned index);
#define SPACE_HOSTS_MAX 240
/* Over a wire, this address is on its other side as far as either side knows: no host has it. */
#define SPACE_NOBODY SPACE_HOSTS_MAX

/* Makes the namespaces and moves this process into them for good. 0; -EPERM: not allowed here; -ENOTSUP: a setting that was asked
 * for is not here, or may not be set; else -errno; with one line in error. */
int space_enter(const struct space_config *config, struct space *ret_space, char error[static SPACE_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Writes a setting of the namespace this process is in. 0 or -errno. */
int space_set(const char *name, const char *value) __attribute__((warn_unused_result));
/* Whether that is possible: 0 or -ENOTSUP, with one line in error. Where a user namespace owns the network namespace, older kernels
 * have less of it: nothing below net.core on Linux 6.1. */
int space_can_set(const char *name, char error[static SPACE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Closes the wire's sockets, which another process has by then. */
void space_hand_over_wire(struct space *space);
/* Forgets the namespaces; this process stays where it is. */
void space_leave(struct space *space);

#endif
