/* What the page calls of the engine, and what the engine calls of the page. An instance of the module reads one capture:
 * first engine_port() and engine_host(), engine_begin(), then engine_feed() for all of the file, engine_complete(), and
 * engine_end(), which is the end also of what failed after engine_begin(). Errors are -errno, as wasi-libc numbers them. */
#ifndef TCPLENS_WASM_ENGINE_H
#define TCPLENS_WASM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"

/* Takes len bytes, whole lines of the trace, before it returns; none: what the columns hold (columns.h). holes: it is one line
 * that has so many numbers; returns the number of its template where that has as many holes, and nothing else in them, else 0. */
ENGINE_IMPORT("lines") uint32_t engine_lines(const char *lines, size_t len, uint32_t holes);

/* Where texts and bytes are put before a call that takes len of them. */
ENGINE_EXPORT("engine_input") uint8_t *engine_input(void);
ENGINE_EXPORT("engine_input_size") uint32_t engine_input_size(void);
/* One line that says what went wrong; a text that NUL ends. */
ENGINE_EXPORT("engine_error") const char *engine_error(void);

/* Of either end. 0, or -EINVAL: there are too many. */
ENGINE_EXPORT("engine_port") int engine_port(uint32_t port);
/* The text at input. 0, or -EINVAL: it is no address, or there are too many. */
ENGINE_EXPORT("engine_host") int engine_host(uint32_t len);
/* The text at input is the file's name. segments, checksums: enum conn_segments, enum conn_checksums. datagrams: UDP too.
 * seed: any bits that who made the capture cannot know. 0 or -ENOMEM. */
ENGINE_EXPORT("engine_begin")
int engine_begin(uint32_t len, uint32_t segments, uint32_t checksums, bool datagrams, uint32_t seed_high,
                 uint32_t seed_low);

/* The next bytes of the file, at input. 0 or -errno, with engine_error(): -EINVAL where the file is no capture, and there
 * is no trace of it to be ended. */
ENGINE_EXPORT("engine_feed") int engine_feed(uint32_t len);
/* The file ends here. As engine_feed(). */
ENGINE_EXPORT("engine_complete") int engine_complete(void);
/* Writes the outcomes and the end of the trace. failed: the file could not be read to its end. 0 or -errno. */
ENGINE_EXPORT("engine_end") int engine_end(bool failed);

ENGINE_EXPORT("engine_packets") double engine_packets(void);
/* Hosts of which all checksums were wrong, and were ignored for that. */
ENGINE_EXPORT("engine_offloaded") uint32_t engine_offloaded(void);

#endif
