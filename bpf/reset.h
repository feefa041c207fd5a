/* RSTs, sent and received. */
#ifndef TCPLENS_BPF_RESET_H
#define TCPLENS_BPF_RESET_H

#include "listener.h"
#include "moment.h"
#include "packet.h"

static __always_inline int reset_event(enum tcplens_hook hook, enum tcplens_kind kind, const struct name *name,
                                       int reason, bool of_orphan)
{
    struct tcplens_event *e = event_new(hook, kind, name);

    if (!e)
        return 0;
    e->reset.reason = reason;
    e->reset.of_orphan = of_orphan;
    event_submit(e);
    return 0;
}

/* A RST in answer to a segment that belongs to no socket is told by that segment. */
static __always_inline int reset_sent(const struct sock *sk, struct sk_buff *skb, int reason)
{
    struct name name = {};
    struct segment segment;
    struct listener *l;

    if (sk && READ(sk, __sk_common.skc_state) != TCP_LISTEN) {
        /* an abort closes the socket first (tcp_disconnect(), __tcp_close()) */
        struct moment *moment = pid_count ? moment_now() : NULL;

        if (!object_named(&sk->__sk_common, &name))
            return 0;
        if (!cookie_wanted(name.cookie) && (!moment || moment->closed != name.cookie))
            return 0;
    } else {
        if (!skb || !segment_received(skb, &segment, &name.flow))
            return 0;
        if (pid_count) {
            l = listener_of(&name.flow);
            if (!l || !cookie_wanted(l->cookie))
                return 0;
        }
    }
    return reset_event(TCPLENS_HOOK_SEND_RESET, TCPLENS_RESET_SENT, &name, reason, false);
}

#endif
