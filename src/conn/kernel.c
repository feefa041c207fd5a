#include "kernel.h"

#include <string.h>

const char *kernel_state_name(enum tcp_state state, enum object object)
{
    static const char *const names[TCP_STATE_N] = {
        [TCP_STATE_CLOSED] = "CLOSE",
        [TCP_STATE_LISTEN] = "LISTEN",
        [TCP_STATE_SYN_SENT] = "SYN_SENT",
        [TCP_STATE_SYN_RECEIVED] = "SYN_RECV",
        [TCP_STATE_ESTABLISHED] = "ESTABLISHED",
        [TCP_STATE_FIN_WAIT_1] = "FIN_WAIT1",
        [TCP_STATE_FIN_WAIT_2] = "FIN_WAIT2",
        [TCP_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
        [TCP_STATE_CLOSING] = "CLOSING",
        [TCP_STATE_LAST_ACK] = "LAST_ACK",
        [TCP_STATE_TIME_WAIT] = "TIME_WAIT",
    };

    if (object == OBJECT_REQUEST)
        return "NEW_SYN_RECV";
    return names[state];
}

/* An end of a connection that is or was open. */
static bool is_synchronised(enum tcp_state state)
{
    return state >= TCP_STATE_ESTABLISHED;
}
_Static_assert(TCP_STATE_ESTABLISHED == TCP_STATE_SYN_RECEIVED + 1 && TCP_STATE_TIME_WAIT == TCP_STATE_N - 1,
               "what comes after SYN-RECEIVED is synchronised");

static bool is_close(const char *call)
{
    return call && strcmp(call, "close") == 0;
}

static void take_over(struct kernel_end *k, const struct task *holder)
{
    const struct task before = k->opened_by.pid ? k->opened_by : k->owner;

    k->owner = *holder;
    k->opened_by = before.pid == holder->pid ? (struct task){ 0 } : before;
    k->let_go = false;
}

/* Some kernels close after the call has returned: then the one who closed it did this, too. */
static void settle_owner(struct kernel_end *k, const char *call)
{
    if (k->let_go && !is_close(call)) {
        k->owner = k->opened_by;
        k->opened_by = (struct task){ 0 };
    }
    k->let_go = false;
}

void kernel_called(struct kernel_lane *lane, const struct ends *ends, enum end end, const struct call *call)
{
    const enum tcp_state state = ends_state(ends, end, LANE_KERNEL);
    struct kernel_end *k = &lane->end[end];

    if (!call->task.pid || !ends_kernel_tells(ends, end))
        return;
    if (!is_close(call->name))
        take_over(k, &call->task);
    else if (!call->ret && call->task.pid == k->owner.pid &&
             (state == TCP_STATE_ESTABLISHED || state == TCP_STATE_CLOSE_WAIT))
        k->let_go = true;
}

static void move_to(struct kernel_step *s, const struct kernel_claim *claim, enum how how)
{
    const enum tcp_state from = kernel_state(s);
    struct kernel_end *k = &s->lane->end[s->end];
    const struct move move = { .end = s->end,
                               .to = claim->to,
                               .ts_ns = s->event->ts_ns,
                               .edge = tcp_fsm_edge(from, claim->to),
                               .no_label = !claim->edge_sure };
    struct change change NO_ZEROS;

    settle_owner(k, claim->call);
    k->previous = (uint8_t)from;
    k->retried = k->retried && claim->to == TCP_STATE_CLOSED; /* what went before is no reason */
    k->established |= is_synchronised(claim->to);
    change_init(&change, CHANGE_STATE);
    change.conn = s->conn->number;
    change.because = claim->because;
    change.state.how = how;
    change.state.source = s->event->source;
    change.state.kernel_state = kernel_state_name(claim->to, claim->object);
    change.state.object = claim->object;
    change.state.owner = k->owner;
    change.state.opened_by = k->opened_by;
    change.state.call = claim->call;
    change.state.error = -(int64_t)claim->error;
    s->moved = ends_move(&s->conn->ends, LANE_KERNEL, &move, s->out, &change);
}

/* Where the kernel comes from another state than this lane is in, events were lost: the step they told of. */
static void make_up(struct kernel_step *s, enum tcp_state from)
{
    struct kernel_claim lost = { .to = from, .edge_sure = true };

    if (from == TCP_STATE_UNKNOWN || kernel_state(s) == TCP_STATE_UNKNOWN || from == kernel_state(s))
        return;
    if (s->lane->end[s->end].object == OBJECT_REQUEST) /* which is never beyond SYN-RECEIVED */
        kernel_hand_over(s, OBJECT_SOCK);
    lost.object = s->lane->end[s->end].object;
    move_to(s, &lost, HOW_ASSUMED);
}

void kernel_enter(struct kernel_step *s, const struct kernel_claim *claim)
{
    struct kernel_end *k = &s->lane->end[s->end];

    ends_kernel_tells_of(&s->conn->ends, s->end, s->event->ts_ns);
    make_up(s, claim->from);
    if (kernel_state(s) == claim->to) {
        kernel_hand_over(s, claim->object);
        return;
    }
    k->object = claim->object;
    move_to(s, claim, s->event->source == WITNESS_DIAG || s->event->kind == EVENT_PRESENT ? HOW_SAMPLED : HOW_OBSERVED);
}

void kernel_gone(struct kernel_step *s)
{
    const struct kernel_claim gone = { .to = TCP_STATE_CLOSED };

    s->lane->end[s->end].object = OBJECT_NONE;
    move_to(s, &gone, HOW_ASSUMED);
}

void kernel_hand_over(const struct kernel_step *s, enum object to)
{
    struct kernel_end *k = &s->lane->end[s->end];
    struct change change NO_ZEROS;

    if (k->object == to)
        return;
    if (k->object != OBJECT_NONE) {
        change_init(&change, CHANGE_OBJECT);
        change.conn = s->conn->number;
        change.end = s->end;
        change.object.from = k->object;
        change.object.to = to;
        change.object.state = kernel_state(s);
        change.object.kernel_state = kernel_state_name(change.object.state, to);
        emit(s->out, s->event->ts_ns, &change);
    }
    k->object = to;
}

uint64_t kernel_tell_timer(const struct kernel_step *s, enum timer_name name, enum timer_phase phase,
                           uint64_t expires_ns)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_TIMER);
    change.conn = s->conn->number;
    change.end = s->end;
    change.timer.name = name;
    change.timer.phase = phase;
    change.timer.expires_ns = expires_ns;
    change.timer.source = s->event->source;
    return emit(s->out, s->event->ts_ns, &change);
}

void kernel_saw_segment(struct kernel_lane *lane, const struct streams *streams, enum end from,
                        const struct segment *seg, int64_t ack, uint64_t ts_ns, uint64_t n)
{
    const struct stream *sender = &streams->of[from], *receiver = &streams->of[!from];
    struct kernel_end *k = &lane->end[from];

    if (segment_seq_len(seg) && !(seg->flags & SEGMENT_RST))
        k->sent_ns = ts_ns;
    if (seg->flags & SEGMENT_SYN)
        k->last_syn = n;
    if ((seg->flags & SEGMENT_FIN) && !stream_is_dropped(seg))
        k->last_fin = n;
    if (seg->flags & SEGMENT_RST)
        k->last_rst = n;
    if (!(seg->flags & SEGMENT_ACK) || (seg->flags & SEGMENT_RST))
        return;
    if (ack > sender->acked)
        k->unsigned_n = 0;
    if (receiver->syn_sent && ack > 0 && !sender->acked)
        k->ack_of_syn = n;
    if (receiver->fin_sent && ack > stream_fin_seq(receiver) && sender->acked <= stream_fin_seq(receiver))
        k->ack_of_fin = n;
}
