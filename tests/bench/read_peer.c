/* What reading a capture costs at the least: read_peer bare FILE only reads the packets; read_peer flow FILE also walks
 * the headers and finds the flow of each in a hash table. Prints what it counted, so that nothing is optimised away. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#define BUCKETS (1u << 18)

struct flow {
    struct flow *next;
    uint8_t key[12];
    uint64_t packets, bytes, last_ns;
    uint32_t seq[2];
    uint8_t flags[2];
};

static struct flow *table[BUCKETS];
static uint64_t flow_count;

static struct flow *find(const uint8_t key[12])
{
    uint64_t a, h;
    uint32_t b;
    struct flow **bucket, *f;

    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 4);
    h = (a ^ (uint64_t)b << 17) * 0x9e3779b97f4a7c15ull;
    bucket = &table[h >> 46];
    for (f = *bucket; f; f = f->next)
        if (memcmp(f->key, key, 12) == 0)
            return f;
    f = calloc(1, sizeof(*f));
    if (!f)
        exit(1);
    memcpy(f->key, key, 12);
    f->next = *bucket;
    *bucket = f;
    flow_count++;
    return f;
}

static void walk(const struct pcap_pkthdr *header, const u_char *p)
{
    unsigned ihl, swap;
    uint8_t key[12];
    struct flow *f;

    if (header->caplen < 34 || p[12] != 8 || p[13] != 0)
        return;
    ihl = (p[14] & 15u) * 4;
    if (p[23] != 6 || header->caplen < 14 + ihl + 20)
        return;
    swap = memcmp(p + 26, p + 30, 4) > 0;
    memcpy(key + swap * 4, p + 26, 4);
    memcpy(key + !swap * 4, p + 30, 4);
    memcpy(key + 8 + swap * 2, p + 14 + ihl, 2);
    memcpy(key + 8 + !swap * 2, p + 14 + ihl + 2, 2);
    f = find(key);
    f->packets++;
    f->bytes += header->len;
    f->last_ns = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec;
    memcpy(&f->seq[swap], p + 14 + ihl + 4, 4);
    f->flags[swap] |= p[14 + ihl + 13];
}

int main(int argc, char *argv[])
{
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    uint64_t packets = 0, bytes = 0;
    const u_char *data;
    pcap_t *pcap;
    bool flows;

    if (argc != 3) {
        fputs("usage: read_peer bare|flow FILE\n", stderr);
        return 2;
    }
    flows = strcmp(argv[1], "flow") == 0;
    pcap = pcap_open_offline_with_tstamp_precision(argv[2], PCAP_TSTAMP_PRECISION_NANO, error);
    if (!pcap) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    while (pcap_next_ex(pcap, &header, &data) == 1) {
        packets++;
        bytes += header->len;
        if (flows)
            walk(header, data);
    }
    printf("%llu packets, %llu bytes, %llu flows\n", (unsigned long long)packets, (unsigned long long)bytes,
           (unsigned long long)flow_count);
    return 0;
}
