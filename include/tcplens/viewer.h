/* The viewer's pages, built from web/ and embedded into the program: one that reads captures too, and one for traces alone. */
#ifndef TCPLENS_VIEWER_H
#define TCPLENS_VIEWER_H

#include <stddef.h>

/* From now on both pages have this text in them: the guide and the questions of a lab, which stand beside its trace.
 * 0 or -ENOMEM. The pages handed out before stay as they were; once a process. */
int viewer_bring_lab(const char *text) __attribute__((warn_unused_result));

const char *viewer_html(void);
size_t viewer_html_len(void);
const char *viewer_small_html(void);
size_t viewer_small_html_len(void);

#endif
