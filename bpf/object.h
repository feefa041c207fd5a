/* What the three objects of a connection (request sock, socket, minisock) say of themselves. They share struct
 * sock_common. */
#ifndef TCPLENS_BPF_OBJECT_H
#define TCPLENS_BPF_OBJECT_H

#include "filter.h"

static __always_inline void map_ipv4(__u8 out[16], __u32 addr)
{
    __u32 *words = (__u32 *)out;

    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = addr;
}

/* The beginning of a struct sock_common, in which all lies that is asked for: read at once where the verifier does not
 * know the object's type. The verifier refuses a kernel in which a field lies beyond. */
struct common {
    __u8 bytes[104] __attribute__((aligned(8)));
};

#define COMMON(c, type, field) (*(type *)((c)->bytes + bpf_core_field_offset(struct sock_common, field)))

static __always_inline void common_addrs(struct common *c, __u8 laddr[16], __u8 raddr[16])
{
    if (COMMON(c, __u16, skc_family) == AF_INET) {
        map_ipv4(laddr, COMMON(c, __u32, skc_rcv_saddr));
        map_ipv4(raddr, COMMON(c, __u32, skc_daddr));
    } else if (bpf_core_field_exists(struct sock_common, skc_v6_daddr)) {
        for (int i = 0; i < 2; i++) {
            ((__u64 *)laddr)[i] = (&COMMON(c, __u64, skc_v6_rcv_saddr))[i];
            ((__u64 *)raddr)[i] = (&COMMON(c, __u64, skc_v6_daddr))[i];
        }
    }
}

/* inet_sport still knows the port after the socket left the port table, when skc_num is 0. */
static __always_inline __u16 former_port(const struct sock *sk)
{
    return bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

/* The name of any of the three. False: filtered out, by all but its owner. */
static __always_inline bool object_named(const struct sock_common *sc, struct name *ret_name)
{
    struct tcplens_flow *flow = &ret_name->flow;
    const struct net *net;
    struct common c;

    if (bpf_probe_read_kernel(&c, sizeof(c), sc))
        return false;
    flow->lport = COMMON(&c, __u16, skc_num);
    if (!flow->lport)
        flow->lport = former_port((const struct sock *)sc);
    flow->rport = bpf_ntohs(COMMON(&c, __u16, skc_dport));
    if (!port_wanted(flow->lport, flow->rport))
        return false;
    net = COMMON(&c, const struct net *, skc_net.net);
    if (!netns_wanted(net))
        return false;
    flow->netns = netns_inode(net);
    ret_name->cookie = COMMON(&c, __u64, skc_cookie);
    common_addrs(&c, flow->laddr, flow->raddr);
    return host_wanted(flow);
}

/* The same of a socket that is a hook's argument: the verifier knows its type, and lets it be read directly. */
static __always_inline bool sock_named(const struct sock *sk, struct name *ret_name)
{
    const struct sock_common *sc = &sk->__sk_common;
    struct tcplens_flow *flow = &ret_name->flow;
    const struct net *net;

    flow->lport = sc->skc_num;
    if (!flow->lport)
        flow->lport = former_port(sk);
    flow->rport = bpf_ntohs(sc->skc_dport);
    if (!port_wanted(flow->lport, flow->rport))
        return false;
    net = sc->skc_net.net;
    if (!netns_wanted(net))
        return false;
    flow->netns = netns_inode(net);
    ret_name->cookie = sc->skc_cookie.counter;
    if (sc->skc_family == AF_INET) {
        map_ipv4(flow->laddr, sc->skc_rcv_saddr);
        map_ipv4(flow->raddr, sc->skc_daddr);
    } else if (bpf_core_field_exists(struct sock_common, skc_v6_daddr)) {
        for (int i = 0; i < 4; i++) {
            ((__u32 *)flow->laddr)[i] = sc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
            ((__u32 *)flow->raddr)[i] = sc->skc_v6_daddr.in6_u.u6_addr32[i];
        }
    }
    return host_wanted(flow);
}

static __always_inline bool object_wanted(const struct sock_common *sc, struct name *ret_name)
{
    return object_named(sc, ret_name) && cookie_wanted(ret_name->cookie);
}

static __always_inline bool is_tcp(const struct sock *sk)
{
    return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline struct sock *sock_of_fd(struct files_struct *files, long fd)
{
    struct fdtable *fdt = BPF_CORE_READ(files, fdt);
    struct file **fds, *file = NULL;
    struct socket *sock;
    struct sock *sk;

    if (fd < 0 || fd >= BPF_CORE_READ(fdt, max_fds))
        return NULL;
    fds = BPF_CORE_READ(fdt, fd);
    if (bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]) || !file)
        return NULL;
    sock = BPF_CORE_READ(file, private_data);
    /* only a socket points back to its file */
    if (!sock || BPF_CORE_READ(sock, file) != file)
        return NULL;
    sk = BPF_CORE_READ(sock, sk);
    /* of Multipath TCP, what is TCP is the subflow that it began with */
    if (sk && bpf_core_field_exists(struct mptcp_sock, first) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP)
        sk = BPF_CORE_READ((struct mptcp_sock *)sk, first);
    return sk;
}

#endif
