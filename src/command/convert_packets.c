#include "convert_packets.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/log.h"
#include "tcplens/command/command.h"
#include "tcplens/source/capture_feed.h"

#define PIECE 16384 /* few packets at once: they have to wait for the trace */

struct convert_packets {
    const char *path;
    gzFile in;
    struct capture *capture;
    struct join *join;
    bool failed;
    uint8_t piece[PIECE];
};

int convert_packets_new(int fd, const char *path, struct convert_packets **ret_packets)
{
    struct convert_packets *p = calloc(1, sizeof(*p));

    if (!p) {
        close(fd);
        return -ENOMEM;
    }
    p->path = path;
    p->in = gzdopen(fd, "rb");
    if (!p->in) {
        close(fd);
        free(p);
        return -ENOMEM;
    }
    *ret_packets = p;
    return 0;
}

void convert_packets_free(struct convert_packets *p)
{
    if (!p)
        return;
    capture_free(p->capture);
    gzclose(p->in);
    free(p);
}

void convert_packets_into(struct convert_packets *p, struct join *join)
{
    p->join = join;
}

static bool fail(struct convert_packets *p, const char *why)
{
    log_error("%s: %s", p->path, why);
    p->failed = true;
    return false;
}

bool convert_packets_more(void *packets)
{
    struct convert_packets *p = packets;
    const struct capture_config config = { .packet = join_packet, .packet_arg = p->join };
    char error[CAPTURE_ERROR_MAX];
    const char *damage;
    int got;

    if (p->failed)
        return false;
    if (!p->capture && capture_new(&config, &p->capture) < 0)
        return fail(p, "out of memory");
    got = gzread(p->in, p->piece, sizeof(p->piece));
    damage = command_gzip_damage(p->in, got);
    if (got > 0 && capture_feed(p->capture, p->piece, (size_t)got, join_event, p->join, error) < 0)
        return fail(p, error);
    if (damage)
        return fail(p, damage);
    if (got <= 0 && capture_end(p->capture, join_event, p->join, error) < 0)
        return fail(p, error);
    return got > 0;
}

bool convert_packets_failed(const struct convert_packets *p)
{
    return p->failed;
}
