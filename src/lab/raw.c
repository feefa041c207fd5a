#include "raw.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"

#define PORT_FIRST 1024
#define PORTS (65536 - PORT_FIRST)

/* The kernel fills in the length, the identification and the checksum of the IP header (raw(7)). */
struct packet {
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t mss[4];
};

/* What a TCP checksum is made of (RFC 9293, 3.1). */
struct summed {
    struct in_addr from, to;
    uint8_t zero, protocol;
    uint16_t len;
    struct tcphdr tcp;
    uint8_t mss[4];
};

static uint16_t checksum(const struct summed *s)
{
    uint16_t words[sizeof(*s) / 2];
    uint32_t sum = 0;

    memcpy(words, s, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static struct packet syn(struct in_addr from, const struct sockaddr_in *to, uint16_t port, uint32_t seq)
{
    struct packet p = { .ip = { .version = 4,
                                .ihl = sizeof(p.ip) / 4,
                                .ttl = 64,
                                .protocol = IPPROTO_TCP,
                                .saddr = from.s_addr,
                                .daddr = to->sin_addr.s_addr },
                        .tcp = { .source = htons(port),
                                 .dest = to->sin_port,
                                 .seq = htonl(seq),
                                 .doff = (sizeof(p.tcp) + sizeof(p.mss)) / 4,
                                 .syn = 1,
                                 .window = htons(64240) },
                        .mss = { TCPOPT_MAXSEG, TCPOLEN_MAXSEG, 1460 >> 8, 1460 & 0xff } };
    struct summed s = { .from = from,
                        .to = to->sin_addr,
                        .protocol = IPPROTO_TCP,
                        .len = htons(sizeof(p.tcp) + sizeof(p.mss)),
                        .tcp = p.tcp };

    memcpy(s.mss, p.mss, sizeof(s.mss));
    p.tcp.check = checksum(&s);
    return p;
}

int64_t raw_send_syns(struct in_addr from, const struct sockaddr_in *to, long count)
{
    CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0)
        return -errno;
    for (long i = 0; i < count; i++) {
        const struct packet p = syn(from, to, (uint16_t)(PORT_FIRST + i % PORTS), 1000u * (uint32_t)i);

        if (sendto(fd, &p, sizeof(p), 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
            return -errno;
    }
    return count;
}
