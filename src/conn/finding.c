#include "finding.h"

#define FINDING(name) extern const struct finding_ops finding_##name##_ops;
#include "findings.def"
#undef FINDING

#define FINDING(name) &finding_##name##_ops,
static const struct finding_ops *const table[] = {
#include "findings.def"
};
#undef FINDING

static struct finding *find(struct findings *f, const struct finding_ops *ops, uint32_t listener)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->all[i].ops == ops && f->all[i].latest.listener == listener)
            return &f->all[i];
    if (f->count == LIMIT_FINDINGS) {
        f->refused++;
        return NULL;
    }
    f->all[f->count].ops = ops;
    return &f->all[f->count++];
}

static void note_conn(struct finding *f, uint32_t conn)
{
    for (unsigned i = 0; i < f->conn_count; i++)
        if (f->conns[i] == conn)
            return;
    if (conn && f->conn_count < FINDING_CONNS_MAX)
        f->conns[f->conn_count++] = conn;
}

/* Once, and then as often as it has doubled: a record each for a million would be one more thing that is wrong. */
static bool is_due(const struct finding *f)
{
    return f->count >= 2 * f->told;
}

void findings_take(struct findings *f, const struct change *c)
{
    for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct finding *found;

        if (c->kind != table[i]->of || !table[i]->is_shown(c))
            continue;
        found = find(f, table[i], c->listener);
        if (!found)
            continue;
        if (!found->count++)
            found->first_ns = c->ts_ns;
        found->last_ns = c->ts_ns;
        found->latest = *c;
        note_conn(found, c->conn);
        f->due |= is_due(found);
    }
}

static void tell(struct finding *f, struct emitter *out, uint64_t ts_ns)
{
    struct change change;

    change_init(&change, CHANGE_FINDING);
    change.listener = f->latest.listener;
    change.finding.kind = f->ops->kind;
    change.finding.severity = f->ops->severity;
    change.finding.count = f->told = f->count;
    memcpy(change.finding.conns, f->conns, sizeof(f->conns));
    change.finding.conn_count = f->conn_count;
    change.finding.first_ns = f->first_ns;
    change.finding.last_ns = f->last_ns;
    f->ops->say(f, change.finding.text);
    memcpy(change.finding.remedy, f->ops->remedy, sizeof(f->ops->remedy));
    emit(out, emit_time(out, ts_ns), &change);
}

void findings_tell(struct findings *f, struct emitter *out, uint64_t ts_ns, bool all)
{
    if (!f->due && !all)
        return;
    for (unsigned i = 0; i < f->count; i++)
        if (all ? f->all[i].count > f->all[i].told : is_due(&f->all[i]))
            tell(&f->all[i], out, ts_ns);
    f->due = false;
}
