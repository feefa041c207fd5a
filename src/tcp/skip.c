#include "tcplens/tcp/skip.h"

#include <stdio.h>

#include "tcplens/tcp/link_name.h"
#include "tcplens/tcp/tunnel.h"

/* Those that everybody knows by name. */
static const struct {
    enum skip_kind kind;
    uint16_t number;
    const char *name;
} named[] = {
    { SKIP_IP, 1, "icmp" },
    { SKIP_IP, 2, "igmp" },
    { SKIP_IP, 17, "udp" },
    { SKIP_IP, 50, "esp" },
    { SKIP_IP, 58, "icmpv6" },
    { SKIP_IP, 88, "eigrp" },
    { SKIP_IP, 89, "ospf" },
    { SKIP_IP, 103, "pim" },
    { SKIP_IP, 112, "vrrp" },
    { SKIP_IP, 132, "sctp" },
    { SKIP_ETHERTYPE, 0x0806, "arp" },
    { SKIP_ETHERTYPE, 0x8863, "pppoe discovery" },
    { SKIP_ETHERTYPE, 0x888e, "eapol" },
    { SKIP_ETHERTYPE, 0x8847, "mpls" },
    { SKIP_ETHERTYPE, 0x8864, "pppoe" },
    { SKIP_ETHERTYPE, 0x88cc, "lldp" },
    { SKIP_ETHERTYPE, 0x88e5, "macsec" },
    { SKIP_LLC, 0x42, "spanning tree" },
};

static void put_link(char buf[static SKIP_NAME_MAX], const char *kind, uint32_t number)
{
    const char *name = link_name((int)number);

    if (name)
        snprintf(buf, SKIP_NAME_MAX, "%s%s", kind, name);
    else
        snprintf(buf, SKIP_NAME_MAX, "%s%u", kind, number);
}

const char *skip_name(const struct skip *skip, char buf[static SKIP_NAME_MAX])
{
#define SKIP_WORD(id, name) name,
    static const char *const kinds[SKIP_KIND_N] = { SKIP_KINDS(SKIP_WORD) };
#undef SKIP_WORD

    for (unsigned i = 0; i < sizeof(named) / sizeof(*named); i++)
        if (named[i].kind == skip->kind && named[i].number == skip->number)
            return named[i].name;
    switch (skip->kind) {
    case SKIP_LINK_TYPE: put_link(buf, kinds[skip->kind], skip->number); break;
    case SKIP_FAMILY:
    case SKIP_IP_VERSION:
    case SKIP_IP: snprintf(buf, SKIP_NAME_MAX, "%s%u", kinds[skip->kind], skip->number); break;
    case SKIP_ETHERTYPE:
    case SKIP_PPP: snprintf(buf, SKIP_NAME_MAX, "%s0x%04x", kinds[skip->kind], skip->number); break;
    case SKIP_LLC: snprintf(buf, SKIP_NAME_MAX, "%s0x%02x", kinds[skip->kind], skip->number); break;
    case SKIP_TUNNEL: snprintf(buf, SKIP_NAME_MAX, "%s", tunnel_type_name((enum tunnel_type)skip->number)); break;
    default: return (unsigned)skip->kind < SKIP_KIND_N ? kinds[skip->kind] : "";
    }
    return buf;
}

void skips_add(struct skips *s, const struct skip *skip)
{
    for (unsigned i = 0; i < s->row_count; i++) {
        if (s->rows[i].skip.kind != skip->kind || s->rows[i].skip.number != skip->number)
            continue;
        s->rows[i].count++;
        return;
    }
    if (s->row_count == LIMIT_SKIPPED_KINDS) {
        s->others++;
        return;
    }
    s->rows[s->row_count].skip = *skip;
    s->rows[s->row_count++].count = 1;
}
