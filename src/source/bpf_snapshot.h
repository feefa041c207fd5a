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

/* A listing that is read a part at a time: of sockets there can be a million. */
struct bpf_survey {
    bool is; /* it is under way */
    int fd;
    size_t part; /* bytes of an item that was read so far, at the beginning of items */
    struct tcplens_event items[512];
};

/* 0 or -errno. */
int bpf_survey_begin(struct bpf_survey *v, int link) __attribute__((warn_unused_result));
/* Reads on. 1: there is more; 0: it was complete; -errno. After the last two it is over. */
int bpf_survey_read(struct bpf_survey *v, void (*each)(void *arg, const struct tcplens_event *event), void *arg)
    __attribute__((warn_unused_result));
void bpf_survey_end(struct bpf_survey *v);

#endif
