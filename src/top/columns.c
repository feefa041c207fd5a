#include "columns.h"

#include <stdio.h>
#include <string.h>

#define WIDE 140 /* cells, from which both ends have a column */
#define ENDS_MAX 60
#define OWNER_MAX 40
#define CELL_MAX 160

static const struct {
    const char *title;
    unsigned width;
    bool figure;
} about[COLUMN_N] = {
    [COLUMN_CONN] = { "CONN", 6, true },
    [COLUMN_STATE] = { "STATE", 12, false },
    [COLUMN_CLIENT] = { "CLIENT STATE", 12, false },
    [COLUMN_SERVER] = { "SERVER STATE", 12, false },
    [COLUMN_ENDS] = { "CLIENT > SERVER", 31, false },
    [COLUMN_AGE] = { "AGE", 5, true },
    [COLUMN_BYTES] = { "BYTES", 5, true },
    [COLUMN_RTT] = { "RTT", 6, true },
    [COLUMN_AGAIN] = { "RETX", 5, true },
    [COLUMN_UNACKED] = { "UNACKED", 7, true },
    [COLUMN_OWNER] = { "OWNER", 22, false },
    [COLUMN_CAUSE] = { "CAUSE", 24, false },
};

/* Which of them go first where not all fit. */
static const enum column narrow[] = { COLUMN_ENDS, COLUMN_STATE, COLUMN_CONN,  COLUMN_AGE,    COLUMN_BYTES,
                                      COLUMN_RTT,  COLUMN_AGAIN, COLUMN_OWNER, COLUMN_UNACKED };
static const enum column wide[] = { COLUMN_ENDS,  COLUMN_CLIENT, COLUMN_SERVER, COLUMN_CONN,
                                    COLUMN_AGE,   COLUMN_BYTES,  COLUMN_RTT,    COLUMN_AGAIN,
                                    COLUMN_OWNER, COLUMN_CAUSE,  COLUMN_UNACKED };

const char *column_title(enum column column)
{
    return about[column].title;
}

bool column_is_figure(enum column column)
{
    return about[column].figure;
}

/* What is left goes to those that can use it: first to the ends, then to their owners. */
static void share(struct columns *c, unsigned left)
{
    for (unsigned i = 0; i < c->count; i++) {
        const enum column column = c->shown[i];
        const unsigned more = column == COLUMN_OWNER  ? OWNER_MAX - about[column].width
                              : column == COLUMN_ENDS ? ENDS_MAX - about[column].width
                                                      : 0;
        const unsigned given = more < left ? more : left;

        c->width[i] = about[column].width + given;
        left -= given;
    }
}

void columns_fit(struct columns *c, unsigned width, enum column sorted)
{
    const enum column *wanted = width < WIDE ? narrow : wide;
    const unsigned n = width < WIDE ? sizeof(narrow) / sizeof(*narrow) : sizeof(wide) / sizeof(*wide);
    bool shown[COLUMN_N] = { 0 };
    unsigned used = about[sorted].width;

    shown[sorted] = true;
    for (unsigned i = 0; i < n; i++) {
        if (shown[wanted[i]] || (i && used + 1 + about[wanted[i]].width > width))
            continue;
        shown[wanted[i]] = true;
        used += 1 + about[wanted[i]].width;
    }
    c->count = 0;
    for (enum column column = 0; column < COLUMN_N; column++)
        if (shown[column])
            c->shown[c->count++] = column;
    share(c, width - used < width ? width - used : 0);
}

/* ---- figures */

/* Three digits and a unit. */
static const char *scaled(double value, const char *unit, char buf[static FIGURE_TEXT_MAX])
{
    snprintf(buf, FIGURE_TEXT_MAX, value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
    return buf;
}

const char *figure_time(uint64_t ns, char buf[static FIGURE_TEXT_MAX])
{
    if (ns < 1000000) {
        snprintf(buf, FIGURE_TEXT_MAX, "%lluus", (unsigned long long)(ns / 1000));
        return buf;
    }
    return ns < 999500000 ? scaled((double)ns / 1e6, "ms", buf) : scaled((double)ns / 1e9, "s", buf);
}

const char *figure_age(uint64_t ns, char buf[static FIGURE_TEXT_MAX])
{
    const unsigned long long s = ns / 1000000000;

    if (s < 100)
        snprintf(buf, FIGURE_TEXT_MAX, "%llus", s);
    else if (s < 6000)
        snprintf(buf, FIGURE_TEXT_MAX, "%llum%02llu", s / 60, s % 60);
    else if (s < 360000)
        snprintf(buf, FIGURE_TEXT_MAX, "%lluh%02llu", s / 3600, s / 60 % 60);
    else
        snprintf(buf, FIGURE_TEXT_MAX, "%llud", s / 86400);
    return buf;
}

const char *figure_count(uint64_t n, char buf[static FIGURE_TEXT_MAX])
{
    static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
    unsigned unit = 0;
    double value = (double)n;

    if (n < 10000) {
        snprintf(buf, FIGURE_TEXT_MAX, "%llu", (unsigned long long)n);
        return buf;
    }
    for (; value >= 999.5; unit++)
        value /= 1000;
    return scaled(value, units[unit], buf);
}

/* ---- what they say */

static unsigned attention(enum tcp_state state)
{
    switch (state) {
    case TCP_STATE_UNKNOWN: return 0;
    case TCP_STATE_CLOSED: return 1;
    case TCP_STATE_ESTABLISHED: return 2;
    case TCP_STATE_CLOSE_WAIT: return 4; /* an application has to do something about it */
    default: return 3;
    }
}

enum tcp_state column_state(const struct top_row *row)
{
    const enum tcp_state client = row->state[END_CLIENT], server = row->state[END_SERVER];

    if (row->local[END_CLIENT] != row->local[END_SERVER])
        return row->local[END_CLIENT] ? client : server;
    return attention(server) > attention(client) ? server : client;
}

static uint64_t unacked(const struct top_row *row)
{
    uint64_t sum = 0;

    for (enum end end = 0; end < END_N; end++)
        if (!row->ended && row->acked[end] > 0 && row->sent[end] > row->acked[end])
            sum += (uint64_t)(row->sent[end] - row->acked[end]);
    return sum;
}

static uint32_t again(const struct top_row *row)
{
    return row->again ? row->again : row->rtx_timer;
}

static const char *cause_of(const struct top_row *row)
{
    return row->cause ? cause_name(row->cause) : row->ended ? verdict_name(row->verdict) : "";
}

/* The process of the end that has one; of both, the client's. */
static const struct task *first_owner(const struct top_row *row)
{
    return &row->owner[row->owner[END_CLIENT].pid ? END_CLIENT : END_SERVER];
}

/* Its first letters as a number, that sorts as they do; what has none comes last. */
static uint64_t letters(const char *text)
{
    uint64_t key = 0;

    for (unsigned i = 0; i < sizeof(key); i++) {
        key = key << 8 | (unsigned char)*text;
        text += *text != '\0';
    }
    return key ? key : UINT64_MAX;
}

static uint64_t endpoint_key(const struct endpoint *e)
{
    uint64_t key = 0;

    for (unsigned i = 10; i < sizeof(e->addr.bytes); i++)
        key = key << 8 | e->addr.bytes[i];
    return key << 16 | e->port;
}

uint64_t column_key(enum column column, const struct top_row *row)
{
    switch (column) {
    case COLUMN_CONN: return row->conn;
    case COLUMN_STATE: return column_state(row);
    case COLUMN_CLIENT: return row->state[END_CLIENT];
    case COLUMN_SERVER: return row->state[END_SERVER];
    case COLUMN_ENDS: return endpoint_key(&row->endpoints[END_SERVER]);
    case COLUMN_AGE: return row->first_ns; /* the oldest first */
    case COLUMN_BYTES: return ~(row->bytes[END_CLIENT] + row->bytes[END_SERVER]);
    case COLUMN_RTT: return ~row->rtt_ns;
    case COLUMN_AGAIN: return ~(uint64_t)again(row);
    case COLUMN_UNACKED: return ~unacked(row);
    case COLUMN_OWNER: return letters(first_owner(row)->comm);
    case COLUMN_CAUSE: return letters(cause_of(row));
    case COLUMN_N: break;
    }
    return 0;
}

static void add_owner(struct line *l, const struct top_row *row)
{
    const char *between = "";

    for (enum end end = 0; end < END_N; end++) {
        if (!row->owner[end].pid)
            continue;
        line_add(l, between);
        line_add_untrusted(l, row->owner[end].comm, sizeof(row->owner[end].comm));
        line_addf(l, "[%u]", row->owner[end].pid);
        between = " > ";
    }
}

/* Where both do not fit the client's address is cut: ports, and the server, say more of what a connection is. */
static void add_ends(struct line *l, const struct top_row *row, unsigned width)
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    const char *port = strrchr(endpoint_format(&row->endpoints[END_CLIENT], client), ':');
    const size_t address = (size_t)(port - client);
    const size_t needed = strlen(client) + 3 + strlen(endpoint_format(&row->endpoints[END_SERVER], server));
    const size_t over = needed > width ? needed + 1 - width : 0;

    if (over && over < address)
        line_addf(l, "%.*s+%s > %s", (int)(address - over), client, port, server);
    else
        line_addf(l, "%s > %s", client, server);
}

static void add_cell(struct line *l, enum column column, const struct top_row *row, uint64_t now_ns, unsigned width)
{
    const uint64_t until = row->told || now_ns < row->last_ns ? row->last_ns : now_ns;
    char buf[FIGURE_TEXT_MAX];

    switch (column) {
    case COLUMN_CONN: line_addf(l, "%u", row->conn); break;
    case COLUMN_STATE: line_add(l, tcp_state_name(column_state(row))); break;
    case COLUMN_CLIENT: line_add(l, tcp_state_name(row->state[END_CLIENT])); break;
    case COLUMN_SERVER: line_add(l, tcp_state_name(row->state[END_SERVER])); break;
    case COLUMN_ENDS: add_ends(l, row, width); break;
    /* of what is older than the trace its age is not known */
    case COLUMN_AGE: line_addf(l, "%s%s", row->before_trace ? ">" : "", figure_age(until - row->first_ns, buf)); break;
    case COLUMN_BYTES: line_add(l, figure_count(row->bytes[END_CLIENT] + row->bytes[END_SERVER], buf)); break;
    case COLUMN_RTT: line_add(l, row->rtt_ns ? figure_time(row->rtt_ns, buf) : "-"); break;
    case COLUMN_AGAIN: line_add(l, figure_count(again(row), buf)); break;
    case COLUMN_UNACKED: line_add(l, figure_count(unacked(row), buf)); break;
    case COLUMN_OWNER: add_owner(l, row); break;
    case COLUMN_CAUSE: line_add(l, cause_of(row)); break;
    case COLUMN_N: break;
    }
}

void column_add(struct line *l, enum column column, const struct top_row *row, uint64_t now_ns, unsigned width)
{
    const unsigned left = line_here(l);
    char buf[CELL_MAX];
    struct line cell = line_piece(l, buf, sizeof(buf));

    add_cell(&cell, column, row, now_ns, width);
    if (cell.cells > width) { /* all of a cell is ASCII: what comes from outside is escaped */
        cell.p = cell.buf + width;
        cell.p[-1] = '+';
        cell.cells = width;
    }
    if (about[column].figure)
        line_go_to(l, left + width - cell.cells, 0);
    line_join(l, &cell);
    line_go_to(l, left + width, 0);
}
