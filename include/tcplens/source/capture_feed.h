/* Capture files as segment events: pcap (both byte orders, micro- and nanoseconds) and pcapng (several interfaces and
 * link types in one file). Pure: bytes in as they come, events out; where the bytes are cut changes nothing. What brings the
 * bytes (a file, a pipe, a browser) and undoes a compression stands outside. */
#ifndef TCPLENS_SOURCE_CAPTURE_FEED_H
#define TCPLENS_SOURCE_CAPTURE_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "tcplens/event/event.h"
#include "tcplens/event/packets.h"
#include "tcplens/trace/encode.h"

#define CAPTURE_ERROR_MAX 512

struct capture;

/* What a file is that begins so, where it is no capture file but known, and what makes one of it, as the end of a sentence;
 * "" where it is not known. */
const char *capture_hint(const void *begin, size_t have);

/* Whether a packet is looked at, caplen bytes at data of len: 1, 0, or -errno with one line in error. */
typedef int (*capture_wants_fn)(void *arg, int dlt, const uint8_t *data, uint32_t caplen, uint32_t len,
                                char error[static CAPTURE_ERROR_MAX]);

struct capture_config {
    capture_wants_fn wants; /* NULL: all are */
    void *wants_arg;
    struct filter filter; /* of the connections that events are told of, inside tunnels too; processes do not count */
    bool datagrams;       /* UDP too */
    bool headers;         /* of segments, byte by byte */
    packet_fn packet;     /* takes each packet that is looked at, before what it tells; NULL: nobody wants them */
    void *packet_arg;
};

/* 0 or -ENOMEM. */
int capture_new(const struct capture_config *config, struct capture **ret_capture) __attribute__((warn_unused_result));

/* The next n bytes of the file; hands over the segments of the packets that are complete with them. Packets are looked at
 * where they lie; only one that the bytes break off in is copied. 0 or -errno with one line in error, after which nothing
 * more can be fed: -EINVAL (no capture file, a link type that is not understood), -EIO (damaged), -ENOMEM, or what wants()
 * said. */
int capture_feed(struct capture *capture, const uint8_t *bytes, size_t n, event_fn emit, void *arg,
                 char error[static CAPTURE_ERROR_MAX]) __attribute__((warn_unused_result));

/* The file ends here. 0, or -EINVAL or -EIO with one line in error: it is too short, it breaks off, no link type in it is
 * understood. */
int capture_end(struct capture *capture, event_fn emit, void *arg, char error[static CAPTURE_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Of a pcap file whose first bytes were fed; -1: each interface says. */
int capture_link(const struct capture *capture);
/* Packets so far. */
uint64_t capture_packets(const struct capture *capture);
/* What told of no connection, by name. */
void capture_skipped(const struct capture *capture, struct trace_end *end);
void capture_free(struct capture *capture); /* NULL is fine */

#endif
