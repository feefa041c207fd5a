/* Capture files as segment events: pcap and pcapng, plain or gzip-compressed, from a file or a pipe. One pass, no temporary
 * files. */
#ifndef TCPLENS_SOURCE_CAPTURE_H
#define TCPLENS_SOURCE_CAPTURE_H

#include <stdint.h>

#include "tcplens/event/event.h"
#include "tcplens/source/capture_feed.h"
#include "tcplens/source/source.h"

struct source_capture;

#define SOURCE_CAPTURE_ERROR_MAX CAPTURE_ERROR_MAX

/* What the pipeline opens it with. */
struct source_capture_input {
    int fd;
    const char *path;   /* its name, as the trace tells it ("-" is standard input) */
    const char *filter; /* libpcap's language (pcap-filter(7)), or NULL */
};

/* fd: taken over, also on failure. filter: of packets, in libpcap's language (pcap-filter(7)), or NULL. context:
 * what is wanted of what is in them.
 * 0 or -errno, with one line in error: -EINVAL (no capture file, a filter that does not parse), -EIO, -ENOMEM. */
int source_capture_open(int fd, const char *filter, const struct source_context *context,
                        struct source_capture **ret_capture, char error[static SOURCE_CAPTURE_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Hands over the segments of the next piece of the file; 1 while there may be more, 0 at its end. -EIO with a line in error
 * where the file breaks off or is damaged; what came before was handed over. */
int source_capture_drain(struct source_capture *capture, event_fn emit, void *arg,
                         char error[static SOURCE_CAPTURE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Bytes of the file read so far, and its size (0: not known, a pipe). */
uint64_t source_capture_position(const struct source_capture *capture, uint64_t *ret_size);

struct source_capture *source_capture_close(struct source_capture *capture);

#endif
