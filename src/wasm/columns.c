/* Theory of operation. trace_encode() writes a line by functions that it calls for each number (base/json.h). The linker lets
 * them pass here (--wrap): a number is put aside, and a NUL stands in its place, which no line has in it. What is left of the
 * line is its template; most lines are like the one that came last time after such a line. The page gives a template its number
 * when it is handed the first line that is like it, and answers 0 where it sees other holes in it than are put aside here, as
 * digits inside of a string: then such lines stay text. */
#include "columns.h"

#include <string.h>

#include "tcplens/base/json.h"
#include "tcplens/trace/encode.h"

#define NUMBERS 4096
#define TEMPLATES 2048 /* 0: a line that is not looked at */
#define SLOTS 4096     /* a power of 2, more than TEMPLATES */
#define POOL (1u << 19)

char *__real_json_put_u64(char *p, uint64_t value);
char *__real_json_put_i64(char *p, int64_t value);
char *__wrap_json_put_u64(char *p, uint64_t value);
char *__wrap_json_put_i64(char *p, int64_t value);

struct number {
    uint64_t value; /* a negative one as int64_t */
    bool negative;
};

struct template
{
    uint32_t at, len, hash;
    uint16_t like, follower;
};

static struct {
    bool wanted, open; /* open: a line is being written in c.line */
    struct number numbers[NUMBERS];
    uint32_t number_count;
    bool large; /* a double does not hold one of them */
    struct template templates[TEMPLATES];
    uint16_t slots[SLOTS];
    uint32_t template_count, pool_used, last, found;
    char pool[POOL], line[TRACE_LINE_MAX];
    struct columns columns;
} c;

/* ---- numbers that are written */

static char *put_aside(char *p, uint64_t value, bool negative)
{
    const uint64_t size = negative ? -value : value;

    c.numbers[c.number_count++] = (struct number){ value, negative };
    c.large |= size > TRACE_TIME_MAX;
    *p++ = '\0';
    return p;
}

static bool is_put_aside(void)
{
    return c.open && c.number_count < NUMBERS;
}

char *__wrap_json_put_u64(char *p, uint64_t value)
{
    return is_put_aside() ? put_aside(p, value, false) : __real_json_put_u64(p, value);
}

char *__wrap_json_put_i64(char *p, int64_t value)
{
    return is_put_aside() ? put_aside(p, (uint64_t)value, value < 0) : __real_json_put_i64(p, value);
}

static void forget_numbers(void)
{
    c.number_count = 0;
    c.large = false;
}

size_t columns_text(const char *line, size_t len, char *text)
{
    char *p = text;
    uint32_t k = 0;

    for (const char *end = line + len; line < end; line++) {
        if (*line || k == c.number_count) {
            *p++ = *line;
            continue;
        }
        p = c.numbers[k].negative ? __real_json_put_i64(p, (int64_t)c.numbers[k].value)
                                  : __real_json_put_u64(p, c.numbers[k].value);
        k++;
    }
    forget_numbers();
    return (size_t)(p - text);
}

/* ---- lines that are alike */

static uint32_t hash_of(const char *line, size_t len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)line[i]) * 16777619u;
    return hash;
}

/* memcmp() of wasi-libc goes byte by byte. */
static bool is_same(const char *a, const char *b, size_t len)
{
    uint64_t x, y;

    for (; len >= sizeof(x); a += sizeof(x), b += sizeof(x), len -= sizeof(x)) {
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        if (x != y)
            return false;
    }
    for (; len; a++, b++, len--)
        if (*a != *b)
            return false;
    return true;
}

static bool is_like(const struct template *t, const char *line, size_t len)
{
    return t->len == len && is_same(c.pool + t->at, line, len);
}

/* Its number; 0: there was no room for it. *ret_new: it was not there. */
static uint32_t find(const char *line, size_t len, bool *ret_new)
{
    const uint32_t hash = hash_of(line, len);
    uint32_t slot = hash % SLOTS;

    for (; c.slots[slot]; slot = (slot + 1) % SLOTS)
        if (c.templates[c.slots[slot]].hash == hash && is_like(&c.templates[c.slots[slot]], line, len))
            return c.slots[slot];
    if (c.template_count + 1 >= TEMPLATES || len > POOL - c.pool_used)
        return 0;
    c.slots[slot] = (uint16_t)++c.template_count;
    c.templates[c.template_count] = (struct template){ .at = c.pool_used, .len = (uint32_t)len, .hash = hash };
    memcpy(c.pool + c.pool_used, line, len);
    c.pool_used += (uint32_t)len;
    *ret_new = true;
    return c.template_count;
}

/* Other kinds have names and addresses in them, which make each line a template of its own. */
static bool is_worth_a_look(const char *line, size_t len)
{
    static const char segment[] = "{\"record\":\"segment\"", state[] = "{\"record\":\"state\"";

    return len > sizeof(segment) &&
           (memcmp(line, segment, sizeof(segment) - 1) == 0 || memcmp(line, state, sizeof(state) - 1) == 0);
}

enum columns_answer columns_look(const char *line, size_t len)
{
    uint32_t id = c.templates[c.last].follower;
    bool is_new = false;

    c.found = 0;
    c.open = false;
    if (!is_worth_a_look(line, len) || c.large || c.number_count < 2 || c.number_count == NUMBERS) {
        c.last = 0;
        return COLUMNS_NO;
    }
    if (!id || !is_like(&c.templates[id], line, len))
        id = find(line, len, &is_new);
    c.templates[c.last].follower = (uint16_t)id;
    c.last = c.found = id;
    return is_new ? COLUMNS_FIRST : c.templates[id].like ? COLUMNS_YES : COLUMNS_NO;
}

void columns_learn(uint32_t like)
{
    c.templates[c.found].like = (uint16_t)like;
}

/* ---- what is gathered */

struct columns *engine_columns(void)
{
    c.wanted = true;
    return &c.columns;
}

bool columns_wanted(void)
{
    return c.wanted;
}

char *columns_room(void)
{
    c.open = true;
    return c.line;
}

uint32_t columns_holes(void)
{
    return c.number_count;
}

bool columns_fit(void)
{
    return c.columns.count < COLUMNS_RECORDS && c.columns.used + 8 * c.number_count <= COLUMNS_BYTES;
}

/* Zigzag, seven bits a byte, the low ones first. */
static uint32_t put_integer(uint8_t *to, struct number n)
{
    uint64_t v = n.negative ? -n.value * 2 - 1 : n.value * 2;
    uint32_t len = 0;

    for (; v >= 0x80; v >>= 7)
        to[len++] = (uint8_t)(v | 0x80);
    to[len++] = (uint8_t)v;
    return len;
}

void columns_add(void)
{
    struct columns *all = &c.columns;

    all->like[all->count] = c.templates[c.found].like;
    all->n[all->count] = (double)c.numbers[0].value; /* record number and time are the first of every line */
    all->t[all->count] = (double)c.numbers[1].value;
    all->at[all->count++] = all->used;
    for (uint32_t k = 2; k < c.number_count; k++)
        all->used += put_integer(all->bytes + all->used, c.numbers[k]);
    forget_numbers();
}
