#include "tcplens/viewer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/base64.h"

/* Set by the assembler file that embeds the page (see the Makefile). */
extern const char viewer_html_start[], viewer_html_end[], viewer_small_html_start[], viewer_small_html_end[];

/* The element that takes the lab. In base64, which nothing in it can end. */
#define PLACE "<script type=\"text/plain\" id=\"lab\">"

/* A page that has a lab in it; NULL: it is as it was built. */
static char *with_lab, *small_with_lab;

const char *viewer_html(void)
{
    return with_lab ? with_lab : viewer_html_start;
}

size_t viewer_html_len(void)
{
    // cppcheck-suppress comparePointers ; both are labels of one object
    return with_lab ? strlen(with_lab) : (size_t)(viewer_html_end - viewer_html_start);
}

const char *viewer_small_html(void)
{
    return small_with_lab ? small_with_lab : viewer_small_html_start;
}

size_t viewer_small_html_len(void)
{
    // cppcheck-suppress comparePointers ; both are labels of one object
    return small_with_lab ? strlen(small_with_lab) : (size_t)(viewer_small_html_end - viewer_small_html_start);
}

static char *put_into(const char *page, const char *text)
{
    const size_t before = (size_t)(strstr(page, PLACE) - page) + strlen(PLACE), len = strlen(text);
    char *whole = malloc(strlen(page) + BASE64_LEN(len) + 1);
    char *p = whole;

    if (!whole)
        return NULL;
    memcpy(p, page, before);
    p = base64_encode(p + before, text, len);
    strcpy(p, page + before);
    return whole;
}

int viewer_bring_lab(const char *text)
{
    with_lab = put_into(viewer_html_start, text);
    small_with_lab = put_into(viewer_small_html_start, text);
    return with_lab && small_with_lab ? 0 : -ENOMEM;
}
