#include "tcplens/top/filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hint.h"
#include "tcplens/base/filter.h"
#include "tcplens/base/options.h"

enum key {
    KEY_TEXT,
    KEY_STATE,
    KEY_PORT,
    KEY_ADDR,
    KEY_COMM,
    KEY_PID,
    KEY_CONN,
    KEY_CAUSE,
    KEY_OUTCOME,
    KEY_RTT,
    KEY_RETRANS,
    KEY_BYTES,
    KEY_DURATION,
    KEY_N
};

static const char *const key_names[KEY_N] = {
    [KEY_TEXT] = "",
    [KEY_STATE] = "state",
    [KEY_PORT] = "port",
    [KEY_ADDR] = "addr",
    [KEY_COMM] = "comm",
    [KEY_PID] = "pid",
    [KEY_CONN] = "conn",
    [KEY_CAUSE] = "cause",
    [KEY_OUTCOME] = "outcome",
    [KEY_RTT] = "rtt",
    [KEY_RETRANS] = "retrans",
    [KEY_BYTES] = "bytes",
    [KEY_DURATION] = "duration",
};

const char *top_filter_keys(void)
{
    return "state: port: addr: comm: pid: conn: cause: outcome: rtt> retrans> bytes> duration>";
}

static bool is_figure(unsigned key)
{
    return key == KEY_PORT || key == KEY_PID || key == KEY_CONN || key >= KEY_RTT;
}

static bool is_time(unsigned key)
{
    return key == KEY_RTT || key == KEY_DURATION;
}

/* "10ms", "1.5k", "443": in ns where it is a time. */
static int parse_figure(const char *text, bool time, double *ret_number)
{
    static const struct {
        const char *name;
        double worth;
    } units[] = { { "ns", 1 },   { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 60e9 }, { "k", 1e3 },
                  { "kb", 1e3 }, { "m", 1e6 },  { "mb", 1e6 }, { "g", 1e9 }, { "gb", 1e9 },   { "b", 1 } };
    const char *digits = text + strspn(text, "0123456789.");
    char *unit;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    *ret_number = strtod(text, &unit);
    if (unit != digits) /* "10.0.0.1", "0x10", "1e3" */
        return -EINVAL;
    if (!*unit) {
        *ret_number *= time ? 1e9 : 1;
        return 0;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        *ret_number *= units[i].worth;
        return 0;
    }
    return -EINVAL;
}

static int find_key(const char *name, size_t len)
{
    for (unsigned i = 1; i < KEY_N; i++)
        if (strlen(key_names[i]) == len && strncmp(key_names[i], name, len) == 0)
            return (int)i;
    return -EINVAL;
}

/* A word that begins like a key is none where that is hexadecimal: `fe80:1` is of an address. */
static bool could_be_key(const char *text, size_t len)
{
    return len && strspn(text, "0123456789abcdef") < len && strspn(text, "abcdefghijklmnopqrstuvwxyz-_") >= len;
}

/* Short forms people type: ESTAB, SYN-RCVD, finwait1, syn_recv. */
static void state_key(const char *name, char buf[static TOP_FILTER_WORD_MAX])
{
    char *p = buf, *long_form;

    for (; *name && p < buf + TOP_FILTER_WORD_MAX - 1; name++)
        if (isalnum((unsigned char)*name))
            *p++ = (char)tolower((unsigned char)*name);
    *p = '\0';
    long_form = strstr(buf, "received");
    if (!long_form)
        long_form = strstr(buf, "rcvd");
    if (long_form)
        memcpy(long_form, "recv", sizeof("recv"));
}

static bool is_state(const char *text)
{
    char want[TOP_FILTER_WORD_MAX], name[TOP_FILTER_WORD_MAX];

    state_key(text, want);
    for (enum tcp_state s = 0; s < TCP_STATE_N; s++) {
        state_key(tcp_state_name(s), name);
        if (strncmp(name, want, strlen(want)) == 0)
            return true;
    }
    return false;
}

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

/* Words that a key takes, and what such a word is called: one that is none could match nothing. */
#define NAMES_MAX CAUSE_N
_Static_assert(NAMES_MAX >= (unsigned)VERDICT_N && NAMES_MAX >= (unsigned)TCP_STATE_N, "room for all names of a key");

static unsigned names_of(unsigned key, const char *names[static NAMES_MAX])
{
    unsigned n = 0;

    for (enum tcp_state s = 0; key == KEY_STATE && s < TCP_STATE_N; s++)
        names[n++] = tcp_state_name(s);
    for (enum verdict v = 0; key == KEY_OUTCOME && v < VERDICT_N; v++)
        names[n++] = verdict_name(v);
    for (enum cause c = CAUSE_NONE + 1; key == KEY_CAUSE && c < CAUSE_N; c++)
        names[n++] = cause_name(c);
    return n;
}

static int check_name(unsigned key, const char *text, char error[static TOP_FILTER_ERROR_MAX])
{
    const char *names[NAMES_MAX];
    char hint[96];
    const unsigned n = names_of(key, names);
    bool found = !n || (key == KEY_STATE && is_state(text)) || (key == KEY_CAUSE && strcmp(text, "any") == 0);

    for (unsigned i = 0; i < n; i++)
        found = found || (key != KEY_STATE && has(names[i], text));
    if (found)
        return 0;
    snprintf(error, TOP_FILTER_ERROR_MAX, "no %s '%s'%s", key_names[key], text, top_hint(text, names, n, hint));
    return -EINVAL;
}

static int parse_value(const char *value, struct top_filter_word *w, char error[static TOP_FILTER_ERROR_MAX])
{
    snprintf(w->text, sizeof(w->text), "%s", value);
    if (!*value) {
        snprintf(error, TOP_FILTER_ERROR_MAX, "'%s' asks for nothing: a value follows it at once", key_names[w->key]);
        return -EINVAL;
    }
    if (is_figure(w->key)) {
        if (parse_figure(value, is_time(w->key), &w->number) == 0)
            return 0;
        snprintf(error, TOP_FILTER_ERROR_MAX, "'%s' takes a number%s, not '%s'", key_names[w->key],
                 is_time(w->key) ? " with a unit, as 10ms" : "", value);
        return -EINVAL;
    }
    for (char *p = w->text; (w->key == KEY_CAUSE || w->key == KEY_OUTCOME) && *p; p++)
        *p = *p == ' ' ? '-' : *p; /* "listener closed" */
    return check_name(w->key, w->text, error);
}

static int parse_word(const char *text, struct top_filter_word *w, char error[static TOP_FILTER_ERROR_MAX])
{
    const size_t len = strcspn(text, ":=<>"), whole = strlen(text);
    const char *value = text + len;
    char word[TOP_FILTER_WORD_MAX], hint[96];
    int key = find_key(text, len);

    if (key != KEY_COMM && whole && (*text == '(' || text[whole - 1] == ')')) {
        snprintf(error, TOP_FILTER_ERROR_MAX, "no parentheses: words must all match, 'or' parts groups of them");
        return -EINVAL;
    }
    if (!*value && key >= 0) { /* as tcpdump has it */
        snprintf(error, TOP_FILTER_ERROR_MAX, "'%s' and its value are one word: %s%s…", text, text,
                 key >= KEY_RTT ? ">" : ":");
        return -EINVAL;
    }
    if (!*value || (key < 0 && !could_be_key(text, len))) {
        snprintf(w->text, sizeof(w->text), "%s", text);
        return 0;
    }
    if (key < 0) {
        snprintf(word, sizeof(word), "%.*s", (int)len, text);
        snprintf(error, TOP_FILTER_ERROR_MAX, "no key '%s'%s", word,
                 options_hint(word, key_names + 1, KEY_N - 1, hint));
        return -EINVAL;
    }
    w->key = (unsigned)key;
    value += *value == ':';
    w->op = *value == '<' || *value == '>' ? *value++ : ':';
    if (*value == '=') {
        w->op = w->op == '<' ? 'l' : w->op == '>' ? 'g' : ':';
        value++;
    }
    return parse_value(value, w, error);
}

static bool is(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* The next word, in small letters; quotes hold one with blanks together. 0: there is none, or -EINVAL: it is too long. */
static int next_word(const char **text, char word[static TOP_FILTER_WORD_MAX])
{
    size_t len = 0;
    bool quoted = false;

    *text += strspn(*text, " \t");
    if (!**text)
        return 0;
    for (; **text && (quoted || !strchr(" \t", **text)); (*text)++) {
        if (**text == '"')
            quoted = !quoted;
        else if (len == TOP_FILTER_WORD_MAX - 1)
            return -EINVAL;
        else
            word[len++] = (char)tolower((unsigned char)**text);
    }
    word[len] = '\0';
    return 1;
}

static int refuse(const char *why, char error[static TOP_FILTER_ERROR_MAX])
{
    snprintf(error, TOP_FILTER_ERROR_MAX, "%s", why);
    return -EINVAL;
}

int top_filter_parse(const char *text, struct top_filter *ret_filter, char error[static TOP_FILTER_ERROR_MAX])
{
    static const char lonely_or[] = "'or' stands between words", lonely_not[] = "'not' stands before a word";
    struct top_filter f = { 0 };
    bool not = false, begins = false, lonely = false;
    char word[TOP_FILTER_WORD_MAX];
    int r;

    while ((r = next_word(&text, word)) > 0) {
        const char *at = word;

        if (is(word, "and", "&&"))
            continue;
        if (is(word, "or", "||")) {
            if (!f.count || begins || lonely)
                return refuse(lonely ? lonely_not : lonely_or, error);
            begins = true;
            continue;
        }
        if (is(word, "not", "!") || strcmp(word, "-") == 0) {
            not = !not ;
            lonely = true;
            continue;
        }
        if (f.count == TOP_FILTER_WORDS_MAX) {
            snprintf(error, TOP_FILTER_ERROR_MAX, "more than %d words", TOP_FILTER_WORDS_MAX);
            return -EINVAL;
        }
        if (*at == '-' || *at == '!') {
            not = !not ;
            at++;
        }
        f.words[f.count] = (struct top_filter_word){ .not = not, .begins = begins };
        if (parse_word(at, &f.words[f.count], error) < 0)
            return -EINVAL;
        f.count++;
        not = begins = lonely = false;
    }
    if (r < 0 || begins || lonely)
        return refuse(r < 0 ? "a word is too long" : lonely ? lonely_not : lonely_or, error);
    *ret_filter = f;
    return 0;
}

/* ---- does it match? */

static bool is_in_state(const struct top_row *row, const char *wanted)
{
    char want[TOP_FILTER_WORD_MAX], name[TOP_FILTER_WORD_MAX];
    bool found = false;

    state_key(wanted, want);
    for (enum end end = 0; end < END_N; end++) {
        state_key(tcp_state_name(row->state[end]), name);
        found = found || strncmp(name, want, strlen(want)) == 0;
    }
    return found;
}

static bool compare(const struct top_filter_word *w, double value)
{
    switch (w->op) {
    case '<': return value < w->number;
    case '>': return value > w->number;
    case 'l': return value <= w->number;
    case 'g': return value >= w->number;
    default: return value == w->number;
    }
}

static bool compare_ends(const struct top_filter_word *w, double client, double server)
{
    return compare(w, client) || compare(w, server);
}

static bool has_address(const struct top_row *row, const char *part)
{
    struct prefix prefix;
    char text[ADDR_TEXT_MAX];
    const bool is_prefix = strchr(part, '/') && prefix_parse(part, &prefix) == 0;

    for (enum end end = 0; end < END_N; end++)
        if (is_prefix ? prefix_has(&prefix, &row->endpoints[end].addr)
                      : has(addr_format(&row->endpoints[end].addr, text), part))
            return true;
    return false;
}

static const char *verdict_of(const struct top_row *row)
{
    return row->ended ? verdict_name(row->verdict) : verdict_name(VERDICT_STILL_OPEN);
}

static bool has_cause(const struct top_row *row, const char *part)
{
    return row->cause && (strcmp(part, "any") == 0 || has(cause_name(row->cause), part));
}

static bool has_owner(const struct top_row *row, const char *part)
{
    return has(row->owner[END_CLIENT].comm, part) || has(row->owner[END_SERVER].comm, part);
}

static bool has_text(const struct top_row *row, const char *part)
{
    char text[ENDPOINT_TEXT_MAX], number[16];

    snprintf(number, sizeof(number), "#%u", row->conn);
    for (enum end end = 0; end < END_N; end++)
        if (has(endpoint_format(&row->endpoints[end], text), part))
            return true;
    return strcmp(number, part) == 0 || has_owner(row, part) || has_cause(row, part) || is_in_state(row, part) ||
           has(verdict_of(row), part);
}

static bool word_matches(const struct top_filter_word *w, const struct top_row *row)
{
    switch ((enum key)w->key) {
    case KEY_STATE: return is_in_state(row, w->text);
    case KEY_PORT: return compare_ends(w, row->endpoints[END_CLIENT].port, row->endpoints[END_SERVER].port);
    case KEY_ADDR: return has_address(row, w->text);
    case KEY_COMM: return has_owner(row, w->text);
    case KEY_PID: return compare_ends(w, row->owner[END_CLIENT].pid, row->owner[END_SERVER].pid);
    case KEY_CONN: return compare(w, row->conn);
    case KEY_CAUSE: return has_cause(row, w->text);
    case KEY_OUTCOME: return has(verdict_of(row), w->text);
    case KEY_RTT: return row->rtt_ns && compare(w, (double)row->rtt_ns);
    case KEY_RETRANS: return compare(w, row->again ? row->again : row->rtx_timer);
    case KEY_BYTES: return compare(w, (double)(row->bytes[END_CLIENT] + row->bytes[END_SERVER]));
    case KEY_DURATION: return compare(w, (double)(row->last_ns - row->first_ns));
    case KEY_TEXT:
    case KEY_N: break;
    }
    return has_text(row, w->text);
}

bool top_filter_matches(const struct top_filter *f, const struct top_row *row)
{
    bool group = true;

    for (unsigned i = 0; i < f->count; i++) {
        if (f->words[i].begins && group)
            return true;
        if (f->words[i].begins)
            group = true;
        group = group && word_matches(&f->words[i], row) != f->words[i].not ;
    }
    return group;
}
