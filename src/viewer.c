#include "tcplens/viewer.h"

/* Set by the assembler file that embeds the page (see the Makefile). */
extern const char viewer_html_start[], viewer_html_end[], viewer_small_html_start[], viewer_small_html_end[];

const char *viewer_html(void)
{
    return viewer_html_start;
}

size_t viewer_html_len(void)
{
    // cppcheck-suppress comparePointers ; both are labels of one object
    return (size_t)(viewer_html_end - viewer_html_start);
}

const char *viewer_small_html(void)
{
    return viewer_small_html_start;
}

size_t viewer_small_html_len(void)
{
    // cppcheck-suppress comparePointers ; both are labels of one object
    return (size_t)(viewer_small_html_end - viewer_small_html_start);
}
