#include "timeline_fold.h"

static bool is_folded(const struct timeline_fold *f, uint32_t conn)
{
    return conn && conn < LIMIT_FOLDED && f->folded[conn / 8] >> conn % 8 & 1;
}

/* It is in a minisock already, and was before the trace. */
static bool only_waits(const struct timeline_fold *f, const struct change *c)
{
    return c->kind == CHANGE_STATE && c->conn == f->held.conn && c->conn < LIMIT_FOLDED &&
           c->state.from == TCP_STATE_UNKNOWN && c->state.to == TCP_STATE_TIME_WAIT;
}

/* That its time is over is nothing new. */
static bool is_expected(const struct change *c)
{
    return c->kind == CHANGE_TIMER || (c->kind == CHANGE_STATE && c->state.to == TCP_STATE_CLOSED) ||
           (c->kind == CHANGE_OUTCOME && c->outcome.verdict == VERDICT_CLOSED_NORMALLY);
}

bool timeline_fold(struct timeline_fold *f, const struct change *c)
{
    if (f->is_held && only_waits(f, c)) {
        f->is_held = false;
        f->folded[c->conn / 8] |= (uint8_t)(1u << c->conn % 8);
        f->count++;
        return false;
    }
    if (!f->is_held && c->kind == CHANGE_CONNECTION && c->connection.before_trace && !c->connection.tunnel) {
        f->held = *c;
        f->is_held = true;
        return false;
    }
    return !(is_folded(f, c->conn) && is_expected(c));
}

bool timeline_fold_releases(struct timeline_fold *f)
{
    const bool held = f->is_held;

    f->is_held = false;
    return held;
}

uint32_t timeline_fold_count(struct timeline_fold *f)
{
    const uint32_t count = f->count;

    f->count = 0;
    return count;
}
