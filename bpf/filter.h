/* Which connections are wanted: by port, address, network namespace, process. Every hook asks before it does anything
 * else for a socket. */
#ifndef TCPLENS_BPF_FILTER_H
#define TCPLENS_BPF_FILTER_H

#include "event.h"

/* Set before load: what is not asked for is no code at all on its way through the verifier. */
const volatile __u32 netns_count = 0;               /* 0: all; and so for the others */
const volatile __u64 only_netns[TCPLENS_NETNS_MAX]; /* cookies of network namespaces */
const volatile __u32 only_inode[TCPLENS_NETNS_MAX]; /* their inode numbers */
const volatile __u32 port_count = 0;
const volatile struct tcplens_ports ports[TCPLENS_PORTS_MAX];
const volatile __u32 host_count = 0;
const volatile struct tcplens_prefix hosts[TCPLENS_HOSTS_MAX];
const volatile __u32 pid_count = 0;
const volatile __u32 pids[TCPLENS_PIDS_MAX];

static __always_inline bool port_wanted(__u16 lport, __u16 rport)
{
    if (!port_count)
        return true;
    for (__u32 i = 0; i < TCPLENS_PORTS_MAX; i++) {
        if (i >= port_count)
            break;
        if ((ports[i].first <= lport && lport <= ports[i].last) || (ports[i].first <= rport && rport <= ports[i].last))
            return true;
    }
    return false;
}

static __u64 net_address[TCPLENS_NETNS_MAX]; /* where the struct net of each lies, once it has been seen */

/* By cookie: the inode number of a namespace that is still being torn down may be another one's already. Its address
 * says as much while it exists, and the tracer holds it. */
static __always_inline bool netns_wanted(const struct net *net)
{
    __u64 cookie;

    if (!netns_count)
        return true;
    for (__u32 i = 0; i < TCPLENS_NETNS_MAX && i < netns_count; i++)
        if ((__u64)net == net_address[i])
            return true;
    cookie = READ(net, net_cookie);
    for (__u32 i = 0; i < TCPLENS_NETNS_MAX && i < netns_count; i++) {
        if (cookie != only_netns[i])
            continue;
        net_address[i] = (__u64)net;
        return true;
    }
    return false;
}

static __always_inline __u32 netns_inode(const struct net *net)
{
    for (__u32 i = 0; i < TCPLENS_NETNS_MAX && i < netns_count; i++)
        if ((__u64)net == net_address[i])
            return only_inode[i];
    return READ(net, ns.inum);
}

static __always_inline bool prefix_has(__u32 i, const __u64 addr[2], bool ipv4)
{
    return (addr[0] & hosts[i].mask[0]) == hosts[i].value[0] && (addr[1] & hosts[i].mask[1]) == hosts[i].value[1] &&
           (hosts[i].ipv4 || !ipv4);
}

/* What listens on all addresses listens on each host. */
static __always_inline bool host_wanted(const struct tcplens_flow *flow)
{
    const __u64 *laddr = (const __u64 *)flow->laddr, *raddr = (const __u64 *)flow->raddr;
    const __u64 mapped = bpf_cpu_to_be64(0xffff00000000);
    bool ipv4;

    if (!host_count)
        return true;
    ipv4 = !laddr[0] && (laddr[1] & bpf_cpu_to_be64(0xffffffff00000000)) == mapped;
    if (!laddr[0] && (!laddr[1] || laddr[1] == mapped))
        return true;
    for (__u32 i = 0; i < TCPLENS_HOSTS_MAX; i++) {
        if (i >= host_count)
            break;
        if (prefix_has(i, laddr, ipv4) || prefix_has(i, raddr, ipv4))
            return true;
    }
    return false;
}

/* Sockets of the processes that are wanted, by cookie, which a minisock has from its socket. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TCPLENS_OWNED_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, __u8); /* enum owned */
} owned SEC(".maps");

enum owned { OWNED_SOCK, OWNED_MINISOCK };

static __always_inline bool cookie_wanted(__u64 cookie)
{
    return !pid_count || bpf_map_lookup_elem(&owned, &cookie);
}

static __always_inline void own(__u64 cookie, __u8 as)
{
    if (cookie && bpf_map_update_elem(&owned, &cookie, &as, BPF_ANY))
        count_lost(TCPLENS_HOOK_OWNER);
}

static __always_inline void disown(__u64 cookie)
{
    bpf_map_delete_elem(&owned, &cookie);
}

/* Whether a process is wanted: it, or one it descends from. Who lost its parent descends from process 1. */
static __always_inline bool process_wanted(const struct task_struct *task)
{
    for (int generation = 0; generation < 16; generation++) {
        __u32 tgid = READ(task, tgid);

        for (__u32 i = 0; i < TCPLENS_PIDS_MAX && i < pid_count; i++)
            if (pids[i] == tgid)
                return true;
        if (tgid <= 1)
            return false;
        task = READ(task, real_parent);
    }
    return false;
}

/* Marks a socket that the running process connects, listens with or has accepted. */
static __always_inline void own_by_process(__u64 cookie)
{
    if (pid_count && process_wanted(bpf_get_current_task_btf()))
        own(cookie, OWNED_SOCK);
}

#endif
