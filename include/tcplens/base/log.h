/* Messages for the person at the terminal: standard error, one line each, untrusted bytes escaped. In a program that watches
 * for signals (stop.h) they wait at most 2 s, all together, for somebody to read: then they are left out, and counted by the
 * next one that finds room. */
#ifndef TCPLENS_BASE_LOG_H
#define TCPLENS_BASE_LOG_H

#include <stdarg.h>

enum log_level { LOG_LEVEL_NONE, LOG_LEVEL_ERROR, LOG_LEVEL_NOTE, LOG_LEVEL_DEBUG };

/* Messages above this level are dropped; LOG_LEVEL_NOTE at the start, LOG_LEVEL_DEBUG with TCPLENS_DEBUG=1. */
void log_set_level(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debugv(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
