/* What a trace can be turned into for other programs. A format is one file and one row in
 * include/tcplens/convert/formats.def: it takes what a trace tells, in its order, and writes bytes. */
#ifndef TCPLENS_CONVERT_CONVERT_H
#define TCPLENS_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/writer.h"
#include "tcplens/event/packets.h"
#include "tcplens/trace/change.h"
#include "tcplens/trace/encode.h"

/* Borrowed for the life of the conversion. */
struct convert_config {
    struct writer *writer;
    const char *input; /* name of what is converted; NULL: it happens now */
    bool packets;      /* packets come as they were captured */
    /* What is told is of this connection alone, as convert_concerns() has it; 0: of all. A format of one connection is told
     * of the first one where it is 0. */
    uint32_t conn;
};

struct convert_ops {
    const char *name; /* as --to takes it */
    bool one;         /* shows one connection */
    bool binary;      /* nothing for a terminal */

    /* 0 or -ENOMEM. */
    int (*open)(const struct convert_config *config, void **ret_conversion);
    /* Before all else, where there is one: a capture has none. NULL: not needed. */
    void (*header)(void *conversion, const struct trace_header *header);
    /* As sink_ops.packet. NULL: none is wanted. */
    void (*packet)(void *conversion, const struct packet *packet);
    void (*change)(void *conversion, const struct change *change, uint64_t start_ns);
    /* All was told. What went wrong with the writer the writer says. 0 or -ENOMEM. */
    int (*finish)(void *conversion);
    void (*close)(void *conversion); /* NULL is fine */
};

#define FORMAT(name, what) extern const struct convert_ops convert_##name##_ops;
#include "tcplens/convert/formats.def"
#undef FORMAT

extern const struct convert_ops *const convert_table[];
extern const size_t convert_count;

/* Whether a change is about this connection: its own, a loss that it may have suffered, a finding that names it. */
bool convert_concerns(const struct change *change, uint32_t conn);

#endif
