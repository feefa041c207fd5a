/* What the engine's files take from glibc and wasi-libc has not; included before each of them. */
#ifndef TCPLENS_WASM_LIBC_H
#define TCPLENS_WASM_LIBC_H

#include <stddef.h>

/* No capture has an error number in it. */
static inline const char *strerrorname_np(int code)
{
    (void)code;
    return NULL;
}

#endif
