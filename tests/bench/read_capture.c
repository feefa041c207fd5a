/* Writes a capture to measure with: read_capture PACKETS FILE. A tenth as many connections, ten packets each (open, one
 * request, one answer, close), 64 of them open at once and interleaved, from ever new ports. Checksums are right. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64
#define STEPS 10

struct frame {
    uint8_t ethernet[14], ip[20], tcp[20], payload[400];
} __attribute__((packed));

static uint16_t fold(uint32_t sum, const uint8_t *p, size_t len)
{
    for (; len > 1; p += 2, len -= 2)
        sum += (uint32_t)p[0] << 8 | p[1];
    if (len)
        sum += (uint32_t)*p << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
    v = htons(v);
    memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, 4);
}

/* What step `step` of a connection is: who sends, flags, relative numbers, payload. */
static const struct {
    uint8_t server, flags;
    uint16_t seq, ack, len;
} steps[STEPS] = {
    { 0, 0x02, 0, 0, 0 },     { 1, 0x12, 0, 1, 0 },     { 0, 0x10, 1, 1, 0 },     { 0, 0x18, 1, 1, 120 },
    { 1, 0x10, 1, 121, 0 },   { 1, 0x18, 1, 121, 400 }, { 0, 0x10, 121, 401, 0 }, { 0, 0x11, 121, 401, 0 },
    { 1, 0x11, 401, 122, 0 }, { 0, 0x10, 122, 402, 0 },
};

static size_t build(struct frame *f, uint32_t conn, unsigned step)
{
    const uint32_t client = 0x0a000001 + conn / 60000, server = 0xc0000201, isn[2] = { conn * 7919u, conn * 104729u };
    const uint16_t client_port = (uint16_t)(1024 + conn % 60000), len = steps[step].len;
    const unsigned from = steps[step].server;
    uint32_t sum = 0;

    memset(f, 0, sizeof(*f) - sizeof(f->payload));
    memset(f->payload, 'x', len);
    put16(f->ethernet + 12, 0x0800);
    f->ip[0] = 0x45;
    put16(f->ip + 2, (uint16_t)(40 + len));
    f->ip[8] = 64;
    f->ip[9] = 6;
    put32(f->ip + 12, from ? server : client);
    put32(f->ip + 16, from ? client : server);
    put16(f->ip + 10, fold(0, f->ip, 20));
    put16(f->tcp, from ? 443 : client_port);
    put16(f->tcp + 2, from ? client_port : 443);
    put32(f->tcp + 4, isn[from] + steps[step].seq);
    put32(f->tcp + 8, steps[step].flags & 0x10 ? isn[!from] + steps[step].ack : 0);
    f->tcp[12] = 0x50;
    f->tcp[13] = steps[step].flags;
    put16(f->tcp + 14, 0xfaf0);
    for (unsigned i = 12; i < 20; i += 2)
        sum += (uint32_t)f->ip[i] << 8 | f->ip[i + 1];
    put16(f->tcp + 16, fold(sum + 6 + 20 + len, f->tcp, 20u + len));
    return 54u + len;
}

int main(int argc, char *argv[])
{
    uint32_t header[] = { 0xa1b23c4d, 4 << 16 | 2, 0, 0, 65535, 1 };
    uint64_t packets, ns = 1700000000000000000ull;
    FILE *out;

    if (argc != 3 || !(packets = strtoull(argv[1], NULL, 10)) || !(out = fopen(argv[2], "wb"))) {
        fputs("usage: read_capture PACKETS FILE\n", stderr);
        return 2;
    }
    fwrite(header, sizeof(header), 1, out);
    for (uint64_t first = 0; first * STEPS < packets; first += AT_ONCE) {
        for (unsigned step = 0; step < STEPS; step++) {
            for (uint32_t i = 0; i < AT_ONCE; i++) {
                struct frame frame;
                size_t len = build(&frame, (uint32_t)first + i, step);
                uint32_t record[] = { (uint32_t)(ns / 1000000000), (uint32_t)(ns % 1000000000), (uint32_t)len,
                                      (uint32_t)len };

                fwrite(record, sizeof(record), 1, out);
                fwrite(&frame, len, 1, out);
                ns += 10000;
            }
        }
    }
    return fclose(out) ? 1 : 0;
}
