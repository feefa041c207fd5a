#include "tcplens/top/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In front of each text. */
struct head {
    uint64_t before, n;
    uint32_t len;
};

int history_init(struct history *h, size_t size)
{
    *h = (struct history){ .bytes = malloc(size), .size = size, .head = 1 };
    return h->bytes ? 0 : -ENOMEM;
}

void history_free(struct history *h)
{
    free(h->bytes);
    *h = (struct history){ 0 };
}

uint64_t history_add(struct history *h, uint64_t before, uint64_t n, const char *text, size_t len)
{
    const struct head head = { .before = before, .n = n, .len = (uint32_t)len };
    const uint64_t need = sizeof(head) + len;
    uint64_t at;

    if (need > h->size)
        return 0;
    if (h->head % h->size + need > h->size) /* none goes over the edge */
        h->head += h->size - h->head % h->size;
    at = h->head;
    memcpy(h->bytes + at % h->size, &head, sizeof(head));
    memcpy(h->bytes + at % h->size + sizeof(head), text, len);
    h->head += need;
    return at;
}

bool history_find(const struct history *h, uint64_t line, struct history_line *ret_line)
{
    struct head head;

    if (!line || line >= h->head || line + h->size < h->head)
        return false;
    memcpy(&head, h->bytes + line % h->size, sizeof(head));
    *ret_line = (struct history_line){
        .before = head.before, .n = head.n, .len = head.len, .text = h->bytes + line % h->size + sizeof(head)
    };
    return true;
}
