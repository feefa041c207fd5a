/* wasi-libc's formatting and assertions could write to standard error, by functions that the module would import from its
 * host. Here they end it. */
#include <stddef.h>

#define ENDS __attribute__((noreturn))

ENDS void __assert_fail(const char *expression, const char *file, int line, const char *function);
ENDS size_t __stdio_write(void *file, const unsigned char *bytes, size_t len);
ENDS long long __stdio_seek(void *file, long long offset, int whence);
ENDS int __stdio_close(void *file);

void __assert_fail(const char *expression, const char *file, int line, const char *function)
{
    (void)expression, (void)file, (void)line, (void)function;
    __builtin_trap();
}

size_t __stdio_write(void *file, const unsigned char *bytes, size_t len)
{
    (void)file, (void)bytes, (void)len;
    __builtin_trap();
}

long long __stdio_seek(void *file, long long offset, int whence)
{
    (void)file, (void)offset, (void)whence;
    __builtin_trap();
}

int __stdio_close(void *file)
{
    (void)file;
    __builtin_trap();
}
