/* The build clears variables that have no initialiser, so that nothing old is read by mistake: not this one, of which there
 * are one or more a packet, and which is written before it is read by what comes right after it (tests run with sanitizers). */
#ifndef TCPLENS_BASE_NO_ZEROS_H
#define TCPLENS_BASE_NO_ZEROS_H

#ifdef __has_attribute
#if __has_attribute(uninitialized)
#define NO_ZEROS __attribute__((uninitialized))
#endif
#endif
#ifndef NO_ZEROS
#define NO_ZEROS
#endif

#endif
