#include "bpf_mend.h"

#include <string.h>

/* Between a RST's arrival and the sender's word of it, at the most. */
#define RESET_APART_NS 20000000ull

static size_t size_of(const struct tcplens_event *e)
{
    return tcplens_event_size(e->kind, e->has_queue, e->in_task);
}

static bool wait_with_cancel(struct bpf_mend *m, const struct tcplens_event *e)
{
    if (m->count == LIMIT_KERNEL_CANCELLATIONS) {
        m->unsure++;
        return false;
    }
    memcpy(&m->cancels[m->count++], e, size_of(e));
    return true;
}

static bool is_same_minisock(const struct tcplens_event *a, const struct tcplens_event *b)
{
    return a->cookie == b->cookie && a->flow.lport == b->flow.lport && a->flow.rport == b->flow.rport;
}

/* The timer of this event was not cancelled. The newest first: what is waited for has usually just been put. */
static void drop_cancel_of(struct bpf_mend *m, const struct tcplens_event *e)
{
    unsigned i = m->count;

    while (i > 0 && !is_same_minisock(&m->cancels[i - 1], e))
        i--;
    if (i == 0)
        return;
    m->count--;
    memmove(&m->cancels[i - 1], &m->cancels[i], (m->count - (i - 1)) * sizeof(*m->cancels));
    if (i <= m->old)
        m->old--;
}

static void remember_reset(struct bpf_mend *m, const struct tcplens_event *received)
{
    m->resets[m->next_reset].ts_ns = received->ts_ns;
    m->resets[m->next_reset].flow = received->flow;
    m->next_reset = (m->next_reset + 1) % BPF_MEND_RESETS_MAX;
}

static bool is_other_end(const struct tcplens_flow *a, const struct tcplens_flow *b)
{
    return a->lport == b->rport && a->rport == b->lport && a->netns == b->netns &&
           memcmp(a->laddr, b->raddr, sizeof(a->laddr)) == 0 && memcmp(a->raddr, b->laddr, sizeof(a->raddr)) == 0;
}

/* Not later than its effect. An arrival answers for one RST. */
static uint64_t time_of_reset(struct bpf_mend *m, const struct tcplens_event *sent)
{
    for (unsigned back = 1; back <= BPF_MEND_RESETS_MAX; back++) {
        unsigned i = (m->next_reset + BPF_MEND_RESETS_MAX - back) % BPF_MEND_RESETS_MAX;
        uint64_t ts_ns = m->resets[i].ts_ns;

        if (ts_ns && ts_ns <= sent->ts_ns && sent->ts_ns - ts_ns < RESET_APART_NS &&
            is_other_end(&m->resets[i].flow, &sent->flow)) {
            m->resets[i].ts_ns = 0;
            return ts_ns - 1;
        }
    }
    return sent->ts_ns;
}

static void put_reset_sent(struct bpf_mend *m, const struct tcplens_event *e, bpf_mend_fn pass_on, void *arg)
{
    struct tcplens_event sent;

    memcpy(&sent, e, size_of(e));
    sent.ts_ns = time_of_reset(m, e);
    pass_on(arg, &sent);
}

void bpf_mend_put(struct bpf_mend *m, const struct tcplens_event *e, bpf_mend_fn pass_on, void *arg)
{
    switch (e->kind) {
    case TCPLENS_TIMEWAIT_KILLED:
        if (!wait_with_cancel(m, e))
            pass_on(arg, e);
        return;
    case TCPLENS_RESET_SENT: put_reset_sent(m, e, pass_on, arg); return;
    case TCPLENS_TIMEWAIT_START:
    case TCPLENS_TIMEWAIT_EXPIRED: drop_cancel_of(m, e); break;
    case TCPLENS_RESET_RECEIVED: remember_reset(m, e); break;
    default: break;
    }
    pass_on(arg, e);
}

void bpf_mend_end_batch(struct bpf_mend *m, bpf_mend_fn pass_on, void *arg)
{
    for (unsigned i = 0; i < m->old; i++)
        pass_on(arg, &m->cancels[i]);
    m->count -= m->old;
    memmove(m->cancels, m->cancels + m->old, m->count * sizeof(*m->cancels));
    m->old = m->count;
}
