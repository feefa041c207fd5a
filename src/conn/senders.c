#include "senders.h"

#include <string.h>

static unsigned number_of(const struct addr *addr)
{
    uint64_t words[2];

    memcpy(words, addr->bytes, sizeof(words));
    words[0] = (words[0] ^ words[1]) * 0x9e3779b97f4a7c15ull;
    words[0] = (words[0] ^ words[0] >> 32) * 0x9e3779b97f4a7c15ull;
    return (unsigned)((words[0] >> 32) % LIMIT_SENDERS);
}

/* The place of an address: its own, else that of another one which goes. A capture has few whose checksums are wrong. */
static struct sender *place_of(struct senders *s, const struct addr *addr)
{
    struct sender *place = &s->all[number_of(addr)];

    if (!place->used || !addr_equal(&place->addr, addr))
        *place = (struct sender){ .addr = *addr, .used = true };
    return place;
}

void senders_right(struct senders *s, const struct addr *addr)
{
    place_of(s, addr)->good = true;
}

bool senders_wrong(struct senders *s, const struct addr *addr)
{
    struct sender *sender = place_of(s, addr);

    sender->bad++;
    return !sender->good;
}

bool senders_none_right(const struct senders *s, const struct addr *addr)
{
    const struct sender *place = &s->all[number_of(addr)];

    return place->used && addr_equal(&place->addr, addr) && place->bad && !place->good;
}

unsigned senders_offloaded(const struct senders *s)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LIMIT_SENDERS; i++)
        count += s->all[i].bad && !s->all[i].good;
    return count;
}
