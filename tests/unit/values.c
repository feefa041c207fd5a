#include "values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct endpoint endpoint(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

cJSON *parse(const char *text)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);

    if (!root)
        fail_msg("not JSON: %s", text);
    assert_string_equal(end, "");
    return root;
}

static void any_lab(struct change *c, const char *text)
{
    c->lab.lab = c->lab.student = c->lab.actor = c->lab.op = c->lab.text = text;
    for (unsigned i = 0; i < LAB_VALUES_MAX; i++)
        c->lab.values[i] = (struct lab_value){ text, text };
}

static void any_call(struct call *call, const char *text)
{
    call->name = text;
    for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
        call->args[i].name = call->args[i].text = text;
    call->blocked = false;
}

static void any_finding(struct change *c, const char *text)
{
    c->finding.text = text;
    c->finding.told_before = false;
    for (unsigned i = 0; i < FINDING_FIGURES_MAX; i++)
        c->finding.evidence[i] = (struct finding_figure){ text, UINT64_MAX };
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX; i++)
        c->finding.remedy[i] = text;
}

void any_change(struct change *c, enum change_kind kind, const char *text)
{
    c->kind = kind;
    c->late = true;
    switch (kind) {
    case CHANGE_CONNECTION:
        c->connection.local[0] = c->connection.local[1] = true;
        c->connection.before_trace = c->connection.roles_assumed = true;
        c->connection.tunnel = NULL;
        break;
    case CHANGE_STATE:
        c->state.kernel_state = c->state.rfc = c->state.call = text;
        c->state.from = c->state.to = TCP_STATE_SYN_RECEIVED;
        break;
    case CHANGE_OBJECT:
        c->object.kernel_state = text;
        c->object.state = TCP_STATE_SYN_RECEIVED;
        break;
    case CHANGE_SEGMENT: c->segment.segment.cut = c->segment.segment.bad_checksum = true; break;
    case CHANGE_DATAGRAM:
        c->datagram.lost = c->datagram.datagram.is_error = c->datagram.datagram.is_dns = true;
        c->datagram.datagram.dns.response = true;
        break;
    case CHANGE_CALL:
        any_call(&c->call.call, text);
        c->call.has_end = true;
        break;
    case CHANGE_LISTENER: c->listening.before_trace = c->listening.closed = c->listening.handed_on = true; break;
    case CHANGE_RESET: c->reset.sent = false; break;
    case CHANGE_DISAGREEMENT: c->disagreement.kernel = c->disagreement.wire = TCP_STATE_SYN_RECEIVED; break;
    case CHANGE_OUTCOME:
        c->outcome.has_wire = c->outcome.abort_on_overflow = true;
        c->outcome.final[0] = c->outcome.final[1] = TCP_STATE_SYN_RECEIVED;
        break;
    case CHANGE_LAB: any_lab(c, text); break;
    case CHANGE_ANSWER:
        c->answer.question = c->answer.choice = text;
        c->answer.right = true;
        break;
    case CHANGE_CHECK: c->check.id = c->check.expected = c->check.seen = text; break;
    case CHANGE_COUNTER: c->counter.name = text; break;
    case CHANGE_FINDING: any_finding(c, text); break;
    default: break;
    }
}
