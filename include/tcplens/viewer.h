/* The viewer's pages, built from web/ and embedded into the program: one that reads captures too, and one for traces alone. */
#ifndef TCPLENS_VIEWER_H
#define TCPLENS_VIEWER_H

#include <stddef.h>

const char *viewer_html(void);
size_t viewer_html_len(void);
const char *viewer_small_html(void);
size_t viewer_small_html_len(void);

#endif
