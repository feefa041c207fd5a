#include "publish_numbers.h"

#include <string.h>

static uint64_t *word_of(struct publish_numbers *numbers, uint64_t n)
{
    return &numbers->seen[n % PUBLISH_NUMBERS_BEHIND / 64];
}

static uint64_t bit_of(uint64_t n)
{
    return UINT64_C(1) << n % 64;
}

/* What was as far behind as can be told makes way. */
static void grow(struct publish_numbers *numbers, uint64_t n)
{
    if (n - numbers->next >= PUBLISH_NUMBERS_BEHIND)
        memset(numbers->seen, 0, sizeof(numbers->seen));
    else
        for (uint64_t i = numbers->next; i <= n; i++)
            *word_of(numbers, i) &= ~bit_of(i);
    numbers->next = n + 1;
}

bool publish_numbers_take(struct publish_numbers *numbers, uint64_t n)
{
    if (n == UINT64_MAX)
        return false;
    if (n >= numbers->next)
        grow(numbers, n);
    else if (numbers->next - n > PUBLISH_NUMBERS_BEHIND || (*word_of(numbers, n) & bit_of(n)))
        return false;
    *word_of(numbers, n) |= bit_of(n);
    numbers->count++;
    return true;
}
