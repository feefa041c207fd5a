/* The wire witness: packets from interfaces, as segment events. */
#ifndef TCPLENS_SOURCE_PCAP_H
#define TCPLENS_SOURCE_PCAP_H

#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/filter.h"
#include "tcplens/event/event.h"
#include "tcplens/event/packets.h"
#include "tcplens/trace/encode.h"

struct source_pcap;

#define SOURCE_PCAP_ERROR_MAX 512

struct source_pcap_config {
    const char *const *interfaces; /* none: all of them */
    unsigned interface_count;
    struct filter filter; /* by ports and hosts */
    bool datagrams;       /* UDP too */
    bool headers;         /* of segments, byte by byte */
    uint32_t netns;       /* goes into the events */
    packet_fn packet;     /* takes each packet that tells of something; NULL: nobody wants them */
    void *packet_arg;
};

/* Opens for live capture in the namespace this process is in. clock is borrowed for the life of the source.
 * 0 or -errno, with one line of explanation in error: -EPERM (CAP_NET_RAW), -ENODEV, -EINVAL. */
int source_pcap_open_live(const struct source_pcap_config *config, struct trace_clock *clock,
                          struct source_pcap **ret_source, char error[static SOURCE_PCAP_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Hands over what has been captured so far. 0, or -EIO with a line in error where the capture fails. */
int source_pcap_drain(struct source_pcap *source, event_fn emit, void *arg, char error[static SOURCE_PCAP_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Packets that were captured but found no room; each loss also came as an EVENT_GAP. */
uint64_t source_pcap_lost(const struct source_pcap *source);

/* What told of no connection, by name; only what the kernel's filter lets through. */
void source_pcap_skipped(const struct source_pcap *source, struct trace_end *end);

struct source_pcap *source_pcap_close(struct source_pcap *source);

#endif
