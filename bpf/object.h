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

static __always_inline void common_addrs(const struct sock_common *sc, __u8 laddr[16], __u8 raddr[16])
{
    if (sc->skc_family == AF_INET) {
        map_ipv4(laddr, sc->skc_rcv_saddr);
        map_ipv4(raddr, sc->skc_daddr);
    } else if (bpf_core_field_exists(struct sock_common, skc_v6_daddr)) {
        for (int i = 0; i < 4; i++) {
            ((__u32 *)laddr)[i] = sc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
            ((__u32 *)raddr)[i] = sc->skc_v6_daddr.in6_u.u6_addr32[i];
        }
    }
}

/* inet_sport still knows the port after the socket left the port table, when skc_num is 0. */
static __always_inline __u16 former_port(const struct sock *sk)
{
    return bpf_ntohs(READ((const struct inet_sock *)sk, inet_sport));
}

/* readable: what the verifier lets be read directly of the object at the address sc. */
static __always_inline bool common_named(const struct sock_common *readable, const struct sock_common *sc,
                                         struct name *ret_name)
{
    struct tcplens_flow *flow = &ret_name->flow;
    const struct net *net;

    flow->lport = readable->skc_num;
    if (!flow->lport)
        flow->lport = former_port((const struct sock *)sc);
    flow->rport = bpf_ntohs(readable->skc_dport);
    if (!port_wanted(flow->lport, flow->rport))
        return false;
    net = readable->skc_net.net;
    if (!netns_wanted(net))
        return false;
    flow->netns = netns_inode(net);
    ret_name->cookie = readable->skc_cookie.counter;
    common_addrs(readable, flow->laddr, flow->raddr);
    return host_wanted(flow);
}

/* The beginning of a struct sock_common, in which all lies that is asked for: copied at once where no part of the object
 * can be read directly. The verifier refuses a kernel in which a field lies beyond. */
struct common_copy {
    __u8 bytes[104] __attribute__((aligned(8)));
};

/* The name of any of the three. False: filtered out, by all but its owner. */
static __always_inline bool object_named(const struct sock_common *sc, struct name *ret_name)
{
    struct common_copy copy;

    if (can_cast)
        return common_named(TYPED(sc), sc, ret_name);
    if (bpf_probe_read_kernel(&copy, sizeof(copy), sc))
        return false;
    return common_named((const struct sock_common *)&copy, sc, ret_name);
}

/* The same of a socket that is a hook's argument: the verifier knows its type. */
static __always_inline bool sock_named(const struct sock *sk, struct name *ret_name)
{
    return common_named(&sk->__sk_common, &sk->__sk_common, ret_name);
}

static __always_inline bool object_wanted(const struct sock_common *sc, struct name *ret_name)
{
    return object_named(sc, ret_name) && cookie_wanted(ret_name->cookie);
}

static __always_inline bool is_tcp(const struct sock *sk)
{
    return READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline struct file *file_of_fd(const struct files_struct *files, long fd)
{
    const struct fdtable *fdt = READ(files, fdt);
    struct file **fds, *file = NULL;

    if (fd < 0 || fd >= READ(fdt, max_fds))
        return NULL;
    fds = READ(fdt, fd);
    return bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]) ? NULL : file;
}

static __always_inline struct sock *sock_of_fd(const struct files_struct *files, long fd)
{
    struct file *file = file_of_fd(files, fd);
    struct socket *sock;
    struct sock *sk;

    if (!file)
        return NULL;
    sock = READ(file, private_data);
    /* only a socket points back to its file */
    if (!sock || READ(sock, file) != file)
        return NULL;
    sk = READ(sock, sk);
    /* of Multipath TCP, what is TCP is the subflow that it began with */
    if (sk && bpf_core_field_exists(struct mptcp_sock, first) && READ(sk, sk_protocol) == IPPROTO_MPTCP)
        sk = READ((struct mptcp_sock *)sk, first);
    return sk;
}

#endif
