/* libpcap compiles the text for packets that begin with their IP header, and says what matches. Its words are read here too,
 * for what its program does not tell: whether they ask for what only a packet has, which ports and hosts no match is without,
 * and which are named at all. All that is not understood bounds nothing. */
#include "tcplens/base/expression.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "tcplens/base/lookup.h"

#define WORDS_MAX 256
#define WORD_MAX 128
#define DEPTH_MAX 32
#define NAMED_MAX 8 /* ports, and addresses, that a listener's possible peers are tried with */

/* What every match has, at one of its ends. A count of 0: nothing is known. */
struct bounds {
    struct port_range ports[LIMIT_FILTER_PORTS];
    struct prefix hosts[LIMIT_FILTER_HOSTS];
    unsigned port_count, host_count;
};

struct expression {
    struct bpf_program program;
    struct bounds bounds;
    uint16_t named_ports[NAMED_MAX];
    struct addr named_hosts[NAMED_MAX];
    unsigned named_port_count, named_host_count;
    bool udp;
};

/* ---- words */

struct words {
    char word[WORDS_MAX][WORD_MAX];
    unsigned count, at;
    unsigned depth;
    char kind[16]; /* of the primitive read last: what follows without one is of the same */
    struct expression *x;
};

/* Words that ask for what a connection does not have. A word of a host or a port may follow "host" or "port" only. */
static const struct {
    const char *words, *what;
} refusals[] = {
    { " len length greater less ", "the length of a packet" },
    { " ether link lane wlan fddi tr ppp slip gateway broadcast multicast vlan mpls pppoed pppoes llc type subtype dir direction ",
      "the link layer" },
    { " inbound outbound ifindex ifname on ", "where a packet was captured (--iface chooses interfaces)" },
    { " arp rarp icmp icmp6 igmp igrp pim vrrp carp sctp ah esp atalk aarp decnet lat moprc mopdl iso esis isis clnp stp ipx "
      "netbeui geneve vxlan ",
      "another protocol" },
    { " byte proto protochain ", "a header's field" },
};

static bool is_listed(const char *list, const char *word)
{
    char spaced[WORD_MAX + 2];

    snprintf(spaced, sizeof(spaced), " %s ", word);
    return strstr(list, spaced) != NULL;
}

/* What a word asks for that cannot be asked; NULL: nothing. */
static const char *refusal_of(const char *word)
{
    if (strpbrk(word, "[]=<>"))
        return "bytes of a packet, as its flags are";
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        if (is_listed(refusals[i].words, word))
            return refusals[i].what;
    return NULL;
}

/* "(", ")", "not", "and", "or" in one spelling each; all else as it stands. */
static bool split(const char *text, struct words *w)
{
    while (*(text += strspn(text, " \t\n"))) {
        size_t len = strcspn(text, " \t\n()!&|");
        char *word = w->word[w->count];

        if (w->count == WORDS_MAX - 1 || len >= WORD_MAX)
            return false;
        w->count++;
        if (len) {
            snprintf(word, WORD_MAX, "%.*s", (int)len, text);
        } else if (*text == '&' || *text == '|') {
            len = text[1] == *text ? 2 : 1;
            strcpy(word, len == 1 ? "[" : *text == '&' ? "and" : "or"); /* a single one is arithmetic */
        } else {
            len = 1;
            snprintf(word, WORD_MAX, "%s", *text == '!' ? "not" : *text == '(' ? "(" : ")");
            if (text[0] == '!' && text[1] == '=')
                strcpy(word, "=");
        }
        text += len;
    }
    return true;
}

static int check_words(const struct words *w, char error[static EXPRESSION_ERROR_MAX])
{
    for (unsigned i = 0; i < w->count; i++) {
        const bool is_name = i > 0 && is_listed(" host port net portrange ", w->word[i - 1]);
        const char *what = is_name ? NULL : refusal_of(w->word[i]);

        if (!what)
            continue;
        snprintf(
            error, EXPRESSION_ERROR_MAX,
            "'%.60s' asks for %s, which a connection does not have: host, net, port, portrange with src, dst, ip, ip6, "
            "tcp, udp, and, or, not can be asked for",
            w->word[i], what);
        return -EINVAL;
    }
    return 0;
}

/* ---- bounds */

static bool next_is(const struct words *w, const char *word)
{
    return w->at < w->count && strcmp(w->word[w->at], word) == 0;
}

static bool take(struct words *w, const char *word)
{
    const bool is = next_is(w, word);

    w->at += is;
    return is;
}

/* Both hold: what bounds one bounds both. */
static struct bounds bound_both(const struct bounds *a, const struct bounds *b)
{
    struct bounds both = *a;

    if (!a->port_count) {
        memcpy(both.ports, b->ports, sizeof(both.ports));
        both.port_count = b->port_count;
    }
    if (!a->host_count) {
        memcpy(both.hosts, b->hosts, sizeof(both.hosts));
        both.host_count = b->host_count;
    }
    return both;
}

/* One of them holds: only what bounds either bounds this. */
static struct bounds bound_either(const struct bounds *a, const struct bounds *b)
{
    struct bounds either = *a;

    if (!a->port_count || !b->port_count || a->port_count + b->port_count > LIMIT_FILTER_PORTS) {
        either.port_count = 0;
    } else {
        memcpy(either.ports + a->port_count, b->ports, b->port_count * sizeof(*b->ports));
        either.port_count += b->port_count;
    }
    if (!a->host_count || !b->host_count || a->host_count + b->host_count > LIMIT_FILTER_HOSTS) {
        either.host_count = 0;
    } else {
        memcpy(either.hosts + a->host_count, b->hosts, b->host_count * sizeof(*b->hosts));
        either.host_count += b->host_count;
    }
    return either;
}

static void name_port(struct expression *x, uint16_t port)
{
    if (x->named_port_count < NAMED_MAX)
        x->named_ports[x->named_port_count++] = port;
}

static bool read_number(const char *text, char end, unsigned *ret_number)
{
    char *rest;
    unsigned long number = strtoul(text, &rest, 10);

    *ret_number = (unsigned)number;
    return isdigit((unsigned char)*text) && *rest == end && number <= UINT16_MAX;
}

/* A service may have another port of UDP than of TCP. */
static void bound_by_service(const char *name, struct expression *x, struct bounds *b)
{
    static const char *const protocols[] = { "tcp", "udp" };

    for (size_t i = 0; i < 2; i++) {
        const uint16_t port = lookup_service(name, protocols[i]);

        if (!port)
            continue;
        b->ports[b->port_count++] = (struct port_range){ port, port };
        name_port(x, port);
    }
}

static void bound_by_port(const char *id, struct expression *x, struct bounds *b)
{
    const char *minus = strchr(id, '-');
    unsigned first, last;

    if (read_number(id, '\0', &first)) {
        b->ports[b->port_count++] = (struct port_range){ (uint16_t)first, (uint16_t)first };
        name_port(x, (uint16_t)first);
    } else if (minus && read_number(id, '-', &first) && read_number(minus + 1, '\0', &last)) {
        b->ports[b->port_count++] =
            (struct port_range){ (uint16_t)(first < last ? first : last), (uint16_t)(first < last ? last : first) };
        name_port(x, (uint16_t)first);
    } else {
        bound_by_service(id, x, b);
    }
}

static void name_host(struct expression *x, const struct addr *addr)
{
    if (x->named_host_count < NAMED_MAX)
        x->named_hosts[x->named_host_count++] = *addr;
}

/* A name can have other addresses the next time it is asked, as libpcap does: it bounds nothing. */
static void name_hosts(const char *name, struct expression *x)
{
    struct addr addrs[NAMED_MAX];
    const char *why;
    const int n = lookup_host(name, addrs, NAMED_MAX, &why);

    for (int i = 0; i < n; i++)
        name_host(x, &addrs[i]);
}

static void bound_by_host(const char *id, bool is_net, struct expression *x, struct bounds *b)
{
    if (prefix_parse(id, &b->hosts[0]) == 0) {
        b->host_count = 1;
        name_host(x, &b->hosts[0].addr);
    } else if (!is_net) {
        name_hosts(id, x);
    }
}

/* "src", "src or dst", "src and dst": where the conjunction is one of the direction's own. */
static void pass_direction(struct words *w)
{
    while (take(w, "src") || take(w, "dst"))
        if (w->at + 1 < w->count && (next_is(w, "or") || next_is(w, "and")) &&
            is_listed(" src dst ", w->word[w->at + 1]) && strcmp(w->word[w->at - 1], w->word[w->at + 1]) != 0 &&
            w->at + 2 < w->count && is_listed(" host net port portrange ", w->word[w->at + 2]))
            w->at++;
}

static struct bounds read_primitive(struct words *w)
{
    const unsigned begun = w->at;
    struct bounds b = { .port_count = 0 };
    bool direction;

    while (next_is(w, "ip") || next_is(w, "ip6") || next_is(w, "tcp") || next_is(w, "udp")) {
        w->x->udp |= next_is(w, "udp");
        w->at++;
    }
    direction = next_is(w, "src") || next_is(w, "dst");
    pass_direction(w);
    if (w->at < w->count && is_listed(" host net port portrange ", w->word[w->at]))
        snprintf(w->kind, sizeof(w->kind), "%s", w->word[w->at++]);
    else if (direction)
        strcpy(w->kind, "host");
    else if (w->at > begun)
        return b; /* a protocol alone */
    if (w->at == w->count || is_listed(" ( ) and or not ", w->word[w->at]))
        return b;
    if (strncmp(w->kind, "port", 4) == 0)
        bound_by_port(w->word[w->at], w->x, &b);
    else
        bound_by_host(w->word[w->at], strcmp(w->kind, "net") == 0, w->x, &b);
    w->at++;
    if (take(w, "mask")) {
        w->at += w->at < w->count;
        b.host_count = 0;
    }
    return b;
}

static struct bounds read_all(struct words *w);

static struct bounds read_term(struct words *w)
{
    struct bounds b = { .port_count = 0 };

    if (++w->depth > DEPTH_MAX)
        w->at = w->count;
    if (take(w, "not")) {
        read_term(w);
    } else if (take(w, "(")) {
        b = read_all(w);
        take(w, ")");
    } else {
        b = read_primitive(w);
    }
    w->depth--;
    return b;
}

/* "and" and "or" bind alike, and to the left. */
static struct bounds read_all(struct words *w)
{
    struct bounds b = read_term(w);

    while (w->at < w->count && !next_is(w, ")")) {
        const bool either = next_is(w, "or");
        struct bounds next;

        if (!either && !next_is(w, "and"))
            break;
        w->at++;
        next = read_term(w);
        b = either ? bound_either(&b, &next) : bound_both(&b, &next);
    }
    return b;
}

/* ---- packets */

#define SYN 0x02
#define DATA_OFFSET 0x50
#define TTL 64

static size_t put_ip(uint8_t *p, uint8_t protocol, const struct addr *from, const struct addr *to, size_t payload)
{
    if (addr_is_ipv4(from) && addr_is_ipv4(to)) {
        p[0] = 0x45;
        p[3] = (uint8_t)(20 + payload);
        p[8] = TTL;
        p[9] = protocol;
        memcpy(p + 12, from->bytes + 12, 4);
        memcpy(p + 16, to->bytes + 12, 4);
        return 20;
    }
    p[0] = 0x60;
    p[5] = (uint8_t)payload;
    p[6] = protocol;
    p[7] = TTL;
    memcpy(p + 8, from->bytes, 16);
    memcpy(p + 24, to->bytes, 16);
    return 40;
}

/* The first packet that a connection from one to the other would have. */
static bool matches(const struct expression *x, bool datagram, const struct endpoint *from, const struct endpoint *to)
{
    const size_t payload = datagram ? 8 : 20;
    uint8_t packet[60] = { 0 };
    const size_t at = put_ip(packet, datagram ? IPPROTO_UDP : IPPROTO_TCP, &from->addr, &to->addr, payload);
    uint8_t *p = packet + at;

    p[0] = (uint8_t)(from->port >> 8);
    p[1] = (uint8_t)from->port;
    p[2] = (uint8_t)(to->port >> 8);
    p[3] = (uint8_t)to->port;
    if (datagram) {
        p[5] = (uint8_t)payload;
    } else {
        p[12] = DATA_OFFSET;
        p[13] = SYN;
    }
    return bpf_filter(x->program.bf_insns, packet, (unsigned)(at + payload), (unsigned)(at + payload)) != 0;
}

static bool either_matches(const struct expression *x, bool datagram, const struct endpoint *a,
                           const struct endpoint *b)
{
    return matches(x, datagram, a, b) || matches(x, datagram, b, a);
}

/* ---- peers that are not known */

/* One of the documentation's addresses (RFC 5737, RFC 3849), and a port that nobody names: any other peer. */
static struct endpoint some_peer(bool ipv4)
{
    struct endpoint e = { addr_from_ipv4((const uint8_t[]){ 192, 0, 2, 77 }), 61234 };

    if (!ipv4)
        e.addr = addr_from_ipv6((const uint8_t[16]){ 0x20, 1, 0x0d, 0xb8, [15] = 77 });
    return e;
}

/* The i-th host: one of those that are named, or, last, any other. */
static struct addr host_of(const struct expression *x, bool ipv4, unsigned i)
{
    return i < x->named_host_count ? x->named_hosts[i] : some_peer(ipv4).addr;
}

/* The same of the ports. */
static uint16_t port_of(const struct expression *x, unsigned i)
{
    return i < x->named_port_count ? x->named_ports[i] : some_peer(true).port;
}

/* A listener at one address could have a peer that matches. */
static bool peer_matches(const struct expression *x, bool datagram, const struct endpoint *local)
{
    const bool ipv4 = addr_is_ipv4(&local->addr);

    for (unsigned host = 0; host <= x->named_host_count; host++) {
        for (unsigned port = 0; port <= x->named_port_count; port++) {
            const struct endpoint peer = { host_of(x, ipv4, host), port_of(x, port) };

            if (addr_is_ipv4(&peer.addr) == ipv4 && either_matches(x, datagram, local, &peer))
                return true;
        }
    }
    return false;
}

/* On any address of its own: those that are named are addresses of this host too, for all that is known here. */
static bool listener_matches(const struct expression *x, bool datagram, const struct endpoint *local)
{
    if (!addr_is_any(&local->addr))
        return peer_matches(x, datagram, local);
    for (unsigned host = 0; host <= x->named_host_count + 1; host++) {
        const bool ipv4 = host != x->named_host_count + 1;
        const struct endpoint at = { host_of(x, ipv4, host), local->port };

        if ((addr_is_ipv4(&at.addr) || !addr_is_ipv4(&local->addr)) && peer_matches(x, datagram, &at))
            return true;
    }
    return false;
}

/* ---- the whole */

bool expression_wants(const struct expression *x, bool datagram, const struct endpoint *local,
                      const struct endpoint *remote)
{
    return remote->port ? either_matches(x, datagram, local, remote) : listener_matches(x, datagram, local);
}

void expression_narrow(const struct expression *x, struct filter *f)
{
    if (!f->port_count) {
        memcpy(f->ports, x->bounds.ports, sizeof(f->ports));
        f->port_count = x->bounds.port_count;
    }
    if (!f->host_count) {
        memcpy(f->hosts, x->bounds.hosts, sizeof(f->hosts));
        f->host_count = x->bounds.host_count;
    }
}

bool expression_names_udp(const struct expression *x)
{
    return x->udp;
}

static int read_words(const char *text, struct expression *x, char error[static EXPRESSION_ERROR_MAX])
{
    struct words *w = calloc(1, sizeof(*w));
    int r;

    if (!w) {
        snprintf(error, EXPRESSION_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    w->x = x;
    strcpy(w->kind, "host");
    if (!split(text, w)) {
        snprintf(error, EXPRESSION_ERROR_MAX, "an expression has at most %d words", WORDS_MAX - 1);
        free(w);
        return -EINVAL;
    }
    r = check_words(w, error);
    if (r == 0) {
        x->bounds = read_all(w);
        if (w->at < w->count) /* not as it was understood */
            x->bounds = (struct bounds){ .port_count = 0 };
    }
    free(w);
    return r;
}

static int compile(const char *text, struct expression *x, char error[static EXPRESSION_ERROR_MAX])
{
    pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
    int r = 0;

    if (!dead) {
        snprintf(error, EXPRESSION_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    if (pcap_compile(dead, &x->program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
        snprintf(error, EXPRESSION_ERROR_MAX, "filter \"%.200s\": %.150s", text, pcap_geterr(dead));
        r = -EINVAL;
    }
    pcap_close(dead);
    return r;
}

int expression_new(const char *text, struct expression **ret_expression, char error[static EXPRESSION_ERROR_MAX])
{
    struct expression *x = calloc(1, sizeof(*x));
    int r;

    if (!x) {
        snprintf(error, EXPRESSION_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    r = read_words(text, x, error);
    if (r == 0)
        r = compile(text, x, error);
    if (r < 0)
        x = expression_free(x);
    *ret_expression = x;
    return r;
}

struct expression *expression_free(struct expression *x)
{
    if (!x)
        return NULL;
    pcap_freecode(&x->program);
    free(x);
    return NULL;
}
