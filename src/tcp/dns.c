#include "tcplens/tcp/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/cursor.h"

#define POINTERS_MAX 16
#define CLASS_IN 1
#define TYPE_A 1
#define TYPE_AAAA 28

/* RFC 1035 3.2.2, 3596, 2782, 9460; RFC 1035 4.1.1, 2136. */
static const struct word {
    uint16_t value;
    const char *name;
} types[] = { { 1, "A" },    { 2, "NS" },    { 5, "CNAME" }, { 6, "SOA" },   { 12, "PTR" },   { 15, "MX" },
              { 16, "TXT" }, { 28, "AAAA" }, { 33, "SRV" },  { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" } },
  rcodes[] = { { 0, "NOERROR" },  { 1, "FORMERR" }, { 2, "SERVFAIL" },
               { 3, "NXDOMAIN" }, { 4, "NOTIMP" },  { 5, "REFUSED" } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *name_of(const struct word *words, size_t count, const char *other, uint16_t value,
                           char buf[static DNS_WORD_MAX])
{
    for (size_t i = 0; i < count; i++)
        if (words[i].value == value)
            return strcpy(buf, words[i].name);
    snprintf(buf, DNS_WORD_MAX, "%s%u", other, value);
    return buf;
}

static int value_of(const struct word *words, size_t count, const char *other, unsigned max, const char *name)
{
    const size_t len = strlen(other);
    unsigned long value;
    char *rest;

    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].name, name) == 0)
            return words[i].value;
    if (strncmp(name, other, len) != 0 || name[len] < '0' || name[len] > '9')
        return -1;
    value = strtoul(name + len, &rest, 10);
    return *rest || value > max ? -1 : (int)value;
}

const char *dns_type_name(uint16_t type, char buf[static DNS_WORD_MAX])
{
    return name_of(types, COUNT(types), "TYPE", type, buf);
}

const char *dns_rcode_name(uint8_t rcode, char buf[static DNS_WORD_MAX])
{
    return name_of(rcodes, COUNT(rcodes), "RCODE", rcode, buf);
}

int dns_type_value(const char *name)
{
    return value_of(types, COUNT(types), "TYPE", UINT16_MAX, name);
}

int dns_rcode_value(const char *name)
{
    return value_of(rcodes, COUNT(rcodes), "RCODE", 15, name);
}

/* Appends a label, and a dot before it. */
static size_t add_label(char *to, size_t len, struct cursor *c, uint8_t size)
{
    if (len && len + 1 < DNS_NAME_MAX)
        to[len++] = '.';
    for (uint8_t i = 0; i < size && !c->overrun; i++) {
        const uint8_t byte = cursor_u8(c);

        if (len + 1 < DNS_NAME_MAX && !c->overrun)
            to[len++] = byte > ' ' && byte < 0x7f ? (char)byte : '?';
    }
    return len;
}

/* Reads a name, which may go on elsewhere in the message, always before where it is (4.1.4). Leaves the cursor behind it. */
static void read_name(struct cursor *c, char name[static DNS_NAME_MAX])
{
    struct cursor part = *c;
    unsigned pointers = 0;
    size_t len = 0;

    for (;;) {
        const uint64_t at = part.at;
        const uint8_t size = cursor_u8(&part);

        if (size >= 0xc0) {
            const uint64_t target = (uint64_t)(size & 0x3f) << 8 | cursor_u8(&part);

            if (!pointers)
                *c = part;
            if (part.overrun || target >= at || ++pointers > POINTERS_MAX) {
                c->overrun |= part.overrun;
                break;
            }
            part.at = target;
            continue;
        }
        if (size >= 0x40 || part.overrun) {
            c->overrun = true;
            break;
        }
        if (!size)
            break;
        len = add_label(name, len, &part, size);
    }
    name[len] = '\0';
    if (!pointers) {
        part.overrun |= c->overrun;
        *c = part;
    }
}

static void read_answers(struct cursor *c, struct dns *dns)
{
    for (unsigned i = 0; i < dns->count && dns->addresses < DNS_ANSWERS_MAX; i++) {
        char name[DNS_NAME_MAX];
        uint16_t type, class, size;
        const uint8_t *data;

        read_name(c, name);
        type = cursor_be16(c);
        class = cursor_be16(c);
        cursor_skip(c, 4);
        size = cursor_be16(c);
        data = cursor_take(c, size);
        if (c->overrun)
            return;
        if (type == TYPE_A && class == CLASS_IN && size == 4)
            dns->answers[dns->addresses++] = addr_from_ipv4(data);
        else if (type == TYPE_AAAA && class == CLASS_IN && size == 16)
            dns->answers[dns->addresses++] = addr_from_ipv6(data);
    }
}

bool dns_read(const uint8_t *bytes, size_t len, struct dns *ret_dns)
{
    struct cursor c = { .data = bytes, .have = len, .wire = len };
    struct dns dns = { .id = cursor_be16(&c) };
    const uint16_t flags = cursor_be16(&c);
    const uint16_t questions = cursor_be16(&c);

    dns.count = cursor_be16(&c);
    cursor_skip(&c, 4); /* authority, additional */
    if (c.overrun || (flags >> 11 & 0xf) != 0 || questions > 1)
        return false;
    dns.response = flags >> 15;
    dns.rcode = flags & 0xf;
    if (questions) {
        read_name(&c, dns.name);
        dns.type = cursor_be16(&c);
        cursor_skip(&c, 2);
        if (c.overrun)
            dns.type = 0;
    }
    if (dns.response && !c.overrun)
        read_answers(&c, &dns);
    if (!dns.response)
        dns.count = dns.rcode = 0;
    *ret_dns = dns;
    return true;
}
