/* Capture files as segment events: pcap (both byte orders, micro- and nanoseconds) and pcapng (several interfaces and
 * link types in one file), plain or gzip-compressed, from a file or a pipe. One pass, no temporary files. */
#ifndef TCPLENS_SOURCE_CAPTURE_H
#define TCPLENS_SOURCE_CAPTURE_H

#include <stdint.h>

#include "tcplens/event/event.h"
#include "tcplens/trace/encode.h"

struct source_capture;

#define SOURCE_CAPTURE_ERROR_MAX 512

/* What the pipeline opens it with. */
struct source_capture_input {
    int fd;
    const char *path;   /* its name, as the trace tells it ("-" is standard input) */
    const char *filter; /* libpcap's language (pcap-filter(7)), or NULL */
};

/* fd: taken over, also on failure. filter: libpcap's language (pcap-filter(7)), or NULL.
 * 0 or -errno, with one line in error: -EINVAL (no capture file, a filter that does not parse), -ENOMEM. */
int source_capture_open(int fd, const char *filter, struct source_capture **ret_capture,
                        char error[static SOURCE_CAPTURE_ERROR_MAX]) __attribute__((warn_unused_result));

/* What a file is that begins so, where it is no capture file but known, and what makes one of it, as the end of a sentence; "" where
 * it is not known. */
const char *source_capture_hint(const void *begin, size_t have);

/* Hands over the segments among the next max packets; 1 while there is more, 0 at the end of the file.
 * -EIO with a line in error where the file breaks off or is damaged; what came before was handed over. */
int source_capture_drain(struct source_capture *capture, unsigned max, event_fn emit, void *arg,
                         char error[static SOURCE_CAPTURE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Bytes of the file read so far, and its size (0: not known, a pipe). */
uint64_t source_capture_position(const struct source_capture *capture, uint64_t *ret_size);
/* Packets read so far. */
uint64_t source_capture_packets(const struct source_capture *capture);

/* What told of no connection, by name. */
void source_capture_skipped(const struct source_capture *capture, struct trace_end *end);

struct source_capture *source_capture_close(struct source_capture *capture);

#endif
