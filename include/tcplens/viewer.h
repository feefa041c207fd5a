/* The viewer's page, built from web/ and embedded into the program. */
#ifndef TCPLENS_VIEWER_H
#define TCPLENS_VIEWER_H

#include <stddef.h>

const char *viewer_html(void);
size_t viewer_html_len(void);

#endif
