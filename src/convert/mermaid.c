/* Theory of operation. A line of the diagram is made from one change. A run of what only moves data along is held back until it
 * is over: a short one is shown line by line, a longer one as one note. Mermaid draws no text of more than 50,000 characters
 * (its `maxTextSize`), so what goes beyond is counted, and said at the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "say.h"
#include "tcplens/trace/sentence.h"

#define DIAGRAM_MAX 46000 /* bytes; what comes at the end has the rest */
#define END_MAX 3600
#define RUN_MIN 6 /* a run of fewer is not worth a note; as the viewer folds */
#define ROW_MAX 1536

static const char ids[END_N] = { [END_CLIENT] = 'C', [END_SERVER] = 'S' };

struct mermaid {
    struct writer *writer;
    struct picture picture;
    uint64_t left_out; /* rows */
    struct {
        unsigned count;
        uint64_t from_ns, bytes[END_N], segments;
        size_t len;
        char rows[RUN_MIN * ROW_MAX]; /* of the first ones */
    } run;
    char ending[VERDICT_TEXT_MAX];
    size_t len;
    char text[DIAGRAM_MAX + END_MAX];
};

/* Only these stand for themselves. Mermaid takes others as its own syntax (; # %), as HTML, or as a formula, wherever they are;
 * what it takes instead is the number of the character. */
static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           strchr(" .,:_/()[]=+-!?*'|", c) ||
           (unsigned char)c >= 0x80; /* ours: what comes from outside is ASCII by now */
}

/* Returns how much was written; all of a character or nothing. */
static size_t escape(const char *text, char *buf, size_t size)
{
    size_t len = 0;
    char code[8];

    for (; *text; text++) {
        const int n = is_plain(*text) ? snprintf(code, sizeof(code), "%c", *text)
                                      : snprintf(code, sizeof(code), "#%u;", (unsigned char)*text);

        if (len + (size_t)n >= size)
            break;
        memcpy(buf + len, code, (size_t)n);
        len += (size_t)n;
    }
    buf[len] = '\0';
    return len;
}

/* One row: its statement, which is ours, and a text. */
static size_t put_row(char *buf, size_t size, const char *statement, const char *text)
{
    char escaped[ROW_MAX - 64];

    escape(text, escaped, sizeof(escaped));
    return (size_t)snprintf(buf, size, "    %s: %s\n", statement, escaped);
}

static void add_row(struct mermaid *m, const char *row, size_t len)
{
    if (m->left_out || m->len + len > DIAGRAM_MAX) {
        m->left_out++;
        return;
    }
    memcpy(m->text + m->len, row, len);
    m->len += len;
}

static void over_both(struct mermaid *m, const char *text)
{
    char row[ROW_MAX];

    add_row(m, row, put_row(row, sizeof(row), "Note over C,S", text));
}

static void end_run(struct mermaid *m, uint64_t to_ns)
{
    char text[SAY_MAX], took[32];

    if (m->run.count >= RUN_MIN) {
        snprintf(text, sizeof(text), "⋮ %u events, client %llu bytes, server %llu bytes, %s", m->run.count,
                 (unsigned long long)m->run.bytes[END_CLIENT], (unsigned long long)m->run.bytes[END_SERVER],
                 say_duration(to_ns > m->run.from_ns ? to_ns - m->run.from_ns : 0, took));
        over_both(m, text);
    } else {
        for (char *row = m->run.rows, *next; row < m->run.rows + m->run.len; row = next) {
            next = strchr(row, '\n') + 1;
            add_row(m, row, (size_t)(next - row));
        }
    }
    memset(&m->run, 0, offsetof(struct mermaid, run.rows) - offsetof(struct mermaid, run));
}

static void statement_of(const struct change *c, char buf[static 32])
{
    const char here = ids[c->end == END_SERVER ? END_SERVER : END_CLIENT], there = here == 'C' ? 'S' : 'C';

    if (c->kind == CHANGE_SEGMENT)
        snprintf(buf, 32, "%c%s%c", here, c->segment.notes & NOTE_LOST_ON_WIRE ? "-x" : "->>", there);
    else if (c->kind == CHANGE_GAP || (c->kind == CHANGE_CALL && !c->call.has_end) || c->kind == CHANGE_OUTCOME ||
             (unsigned)c->end >= END_N)
        snprintf(buf, 32, "Note over C,S");
    else
        snprintf(buf, 32, "Note over %c", here);
}

/* The words of an event as its row has them. */
static void text_of(const struct change *c, uint64_t start_ns, char buf[static SAY_MAX + 32])
{
    const uint64_t t = trace_time(c->ts_ns, start_ns);
    char what[SAY_MAX];
    int len = snprintf(buf, SAY_MAX + 32, "%llu.%06llu ", (unsigned long long)(t / 1000000000),
                       (unsigned long long)(t / 1000 % 1000000));

    snprintf(buf + len, (size_t)(SAY_MAX + 32 - len), "%s", picture_say(c, what));
}

static void begin(struct mermaid *m)
{
    char at[ENDPOINT_TEXT_MAX], escaped[6 * ENDPOINT_TEXT_MAX];

    m->len = (size_t)snprintf(m->text, sizeof(m->text), "sequenceDiagram\n");
    for (unsigned end = 0; end < END_N; end++) {
        escape(endpoint_format(&m->picture.at[end], at), escaped, sizeof(escaped));
        m->len += (size_t)snprintf(m->text + m->len, sizeof(m->text) - m->len, "    participant %c as %s %s\n",
                                   ids[end], end_name(end), escaped);
    }
}

/* What says nothing that another row does not say better. */
static bool is_shown(const struct mermaid *m, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_CONNECTION:
    case CHANGE_QUEUE:
    case CHANGE_OBJECT: return false;
    case CHANGE_STATE: return picture_leads(&m->picture, c);
    case CHANGE_TIMER: return c->timer.phase != TIMER_CANCELLED;
    default: return true;
    }
}

static void add_to_run(struct mermaid *m, const struct change *c, uint64_t start_ns)
{
    char text[SAY_MAX + 32], statement[32];

    if (!m->run.count++)
        m->run.from_ns = c->ts_ns;
    if (c->kind == CHANGE_SEGMENT && (unsigned)c->end < END_N)
        m->run.bytes[c->end] += c->segment.segment.payload_len;
    if (m->run.count >= RUN_MIN)
        return;
    statement_of(c, statement);
    text_of(c, start_ns, text);
    m->run.len += put_row(m->run.rows + m->run.len, sizeof(m->run.rows) - m->run.len, statement, text);
}

static void ops_change(void *conversion, const struct change *c, uint64_t start_ns)
{
    struct mermaid *m = conversion;
    char text[SAY_MAX + 32], statement[32], row[ROW_MAX];
    const bool first = !m->picture.found;
    const uint64_t before_ns = m->picture.last_ns;

    if (!picture_take(&m->picture, c))
        return;
    if (first)
        begin(m);
    if (!is_shown(m, c))
        return;
    if (picture_is_ordinary(c)) {
        add_to_run(m, c, start_ns);
        return;
    }
    end_run(m, before_ns);
    if (c->kind == CHANGE_OUTCOME) {
        verdict_format(c, m->ending, sizeof(m->ending));
        return;
    }
    statement_of(c, statement);
    text_of(c, start_ns, text);
    add_row(m, row, put_row(row, sizeof(row), statement, text));
}

static void add_end(struct mermaid *m, const char *text)
{
    m->len += put_row(m->text + m->len, sizeof(m->text) - m->len, "Note over C,S", text);
}

static int ops_finish(void *conversion)
{
    struct mermaid *m = conversion;
    char text[96];

    end_run(m, m->picture.last_ns);
    if (m->left_out) {
        snprintf(text, sizeof(text), "%llu further rows are left out: Mermaid draws no more",
                 (unsigned long long)m->left_out);
        add_end(m, text);
    }
    if (*m->ending)
        add_end(m, m->ending);
    for (unsigned i = 0; i < m->picture.findings.count && m->len < sizeof(m->text) - ROW_MAX; i++)
        add_end(m, m->picture.findings.of[i].text);
    writer_write(m->writer, m->text, m->len);
    return 0;
}

static int ops_open(const struct convert_config *config, void **ret_conversion)
{
    struct mermaid *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->writer = config->writer;
    *ret_conversion = m;
    return 0;
}

static void ops_header(void *conversion, const struct trace_header *header)
{
    picture_header(&((struct mermaid *)conversion)->picture, header);
}

const struct convert_ops convert_mermaid_ops = {
    .name = "mermaid",
    .one = true,
    .open = ops_open,
    .header = ops_header,
    .change = ops_change,
    .finish = ops_finish,
    .close = free,
};
