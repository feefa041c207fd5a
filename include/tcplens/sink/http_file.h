#ifndef TCPLENS_SINK_HTTP_FILE_H
#define TCPLENS_SINK_HTTP_FILE_H

#include <stdint.h>

/* A regular file that is handed out. */
struct http_file {
    int fd;
    const char *name; /* untrusted bytes */
    uint64_t size;
};

#endif
