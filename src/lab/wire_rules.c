/* What a wire does with a frame: pure, so that each rule can be tested by itself. */
#include "tcplens/lab/wire_rules.h"

static bool is_match(enum wire_match match, const struct segment *s)
{
    const unsigned flags = s ? s->flags & (SEGMENT_SYN | SEGMENT_ACK | SEGMENT_FIN | SEGMENT_RST) : 0;

    switch (match) {
    case WIRE_ANY: return true;
    case WIRE_NO_SEGMENT: return !s;
    case WIRE_SYN: return flags == SEGMENT_SYN;
    case WIRE_SYN_ACK: return flags == (SEGMENT_SYN | SEGMENT_ACK);
    case WIRE_ACK: return flags == SEGMENT_ACK && !s->payload_len;
    case WIRE_DATA: return s && s->payload_len;
    case WIRE_FIN: return flags & SEGMENT_FIN;
    case WIRE_RST: return flags & SEGMENT_RST;
    case WIRE_MATCHES: break;
    }
    return false;
}

/* Counts the frame. Whether the rule is about it. */
static bool takes(struct wire_rule *rule, enum wire_side from, const struct segment *segment)
{
    if (!rule->from[from] || !is_match(rule->match, segment) ||
        (rule->len && (!segment || segment->payload_len != rule->len)))
        return false;
    rule->matched++;
    return rule->matched >= rule->first && rule->matched <= rule->last;
}

struct wire_fate wire_decide(struct wire_rules *rules, enum wire_side from, const struct segment *segment)
{
    struct wire_fate fate = { .delay_ms = rules->delay_ms };
    const struct wire_rule *decides = NULL;

    for (unsigned i = 0; i < rules->count; i++)
        if (takes(&rules->rules[i], from, segment) && !decides)
            decides = &rules->rules[i];
    if (decides && decides->deed == WIRE_CUT)
        rules->cut = true;
    fate.lost = rules->cut || (decides && decides->deed == WIRE_LOSE);
    fate.behind_next = !fate.lost && decides && decides->deed == WIRE_SWAP;
    fate.damaged = decides && decides->deed == WIRE_DAMAGE;
    if (decides && decides->deed == WIRE_DELAY)
        fate.delay_ms += decides->delay_ms;
    return fate;
}
