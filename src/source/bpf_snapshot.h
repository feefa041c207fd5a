/* What the kernel side's iterators list: every TCP object that exists, and who holds it. */
#ifndef TCPLENS_SOURCE_BPF_SNAPSHOT_H
#define TCPLENS_SOURCE_BPF_SNAPSHOT_H

#include <stdbool.h>

#include "bpf/wire.h"

/* owners, objects: links of the two iterators. all_netns: the objects of all network namespaces that can be entered,
 * else of this one. each() gets TCPLENS_SNAPSHOT events, with the task that holds the socket where one does. 0 or -errno. */
int bpf_snapshot(int owners_link, int objects_link, bool all_netns,
                 void (*each)(void *arg, const struct tcplens_event *event), void *arg)
    __attribute__((warn_unused_result));

/* What one iterator writes. 0 or -errno. */
int bpf_list(int link, void (*each)(void *arg, const struct tcplens_event *event), void *arg)
    __attribute__((warn_unused_result));

#endif
