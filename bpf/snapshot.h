/* What existed before the hooks were there: every TCP object of the namespace, and which process holds it. */
#ifndef TCPLENS_BPF_SNAPSHOT_H
#define TCPLENS_BPF_SNAPSHOT_H

#include "listener.h"

/* Listeners come first. What no process holds yet, or any more, belongs to who owns the listener at its port. */
static __always_inline bool listed_wanted(const struct sock_common *sc, const struct name *name, __u8 state)
{
    const struct sock *listener;
    struct listener *l;

    if (cookie_wanted(name->cookie))
        return true;
    if (state == TCP_NEW_SYN_RECV) {
        listener = READ(sc, skc_listener);
        return cookie_wanted(READ(listener, __sk_common.skc_cookie.counter));
    }
    if (state == TCP_TIME_WAIT || READ((const struct sock *)sc, sk_socket))
        return false;
    l = listener_of(&name->flow);
    if (!l || !cookie_wanted(l->cookie))
        return false;
    own(name->cookie, OWNED_SOCK);
    return true;
}

#endif
