/* TIME-WAIT minisocks: a connection that is closed, in FIN-WAIT-2 or TIME-WAIT. */
#ifndef TCPLENS_BPF_MINISOCK_H
#define TCPLENS_BPF_MINISOCK_H

#include "moment.h"
#include "object.h"

/* Minisocks in FIN-WAIT-2, by connection. Their step to TIME-WAIT re-arms the timer, and when the new deadline falls
 * into the same bucket of the timer wheel no tracepoint fires; but the FIN that caused it is then freed by the same
 * code path, which is seen. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TCPLENS_FIN_WAIT_2_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct tcplens_flow);
    __type(value, __u64); /* address of the inet_timewait_sock */
} fin_wait_2 SEC(".maps");

static __always_inline void fin_wait_2_add(const struct tcplens_flow *flow, const struct inet_timewait_sock *tw)
{
    __u64 address = (__u64)tw;

    if (bpf_map_update_elem(&fin_wait_2, flow, &address, BPF_ANY))
        count_lost(TCPLENS_HOOK_FIN_WAIT_2);
}

/* Whether a minisock's socket was of a process that is wanted. When its timer expires or is armed again, it is cancelled
 * first. */
static __always_inline bool minisock_owned(enum tcplens_kind kind, __u64 cookie)
{
    struct moment *moment = moment_now();

    if (!moment)
        return false;
    if (kind != TCPLENS_TIMEWAIT_KILLED && moment->killed == cookie) {
        moment->killed = 0;
        if (kind == TCPLENS_TIMEWAIT_START)
            own(cookie, OWNED_MINISOCK);
        return true;
    }
    if (!cookie_wanted(cookie))
        return false;
    if (kind == TCPLENS_TIMEWAIT_START) {
        own(cookie, OWNED_MINISOCK);
        return true;
    }
    moment->killed = kind == TCPLENS_TIMEWAIT_KILLED ? cookie : 0;
    disown(cookie);
    return true;
}

static __always_inline int timewait_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct inet_timewait_sock *tw = (void *)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
    struct tcplens_event *e;
    struct name name;
    __u8 substate;

    if (!object_named(&tw->__tw_common, &name) || (pid_count && !minisock_owned(kind, name.cookie)))
        return 0;
    substate = READ(tw, tw_substate);
    if (kind != TCPLENS_TIMEWAIT_START)
        bpf_map_delete_elem(&fin_wait_2, &name.flow);
    else if (substate == TCP_FIN_WAIT2) {
        /* From Linux 6.12 on the minisock can be found before its timer is started: the FIN may come in on another processor
         * meanwhile. Who looks into the map after this finds it; what happened before shows now. */
        fin_wait_2_add(&name.flow, tw);
        substate = READ(tw, tw_substate);
    }
    e = event_new(hook, kind, &name);
    if (!e)
        return 0;
    e->to = substate;
    e->timewait.jiffies = bpf_jiffies64();
    e->timewait.expires = READ(timer, expires);
    event_submit(e);
    return 0;
}

/* A FIN was dropped, as it is when a minisock has taken it: perhaps it has changed its state. */
static __always_inline void fin_dropped(const struct tcplens_flow *flow)
{
    __u64 *address = bpf_map_lookup_elem(&fin_wait_2, flow);
    struct inet_timewait_sock *tw;
    struct tcplens_event *e;
    struct name name;

    if (!address)
        return;
    tw = (void *)*address;
    if (READ(tw, tw_substate) != TCP_TIME_WAIT)
        return;
    if (object_wanted(&tw->__tw_common, &name)) {
        e = event_new(TCPLENS_HOOK_KFREE_SKB, TCPLENS_TIMEWAIT_CHANGE, &name);
        if (e) {
            e->to = TCP_TIME_WAIT;
            e->timewait.jiffies = bpf_jiffies64();
            e->timewait.expires = READ(tw, tw_timer.expires);
            event_submit(e);
        }
    }
    bpf_map_delete_elem(&fin_wait_2, flow);
}

#endif
