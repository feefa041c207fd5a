#include "tcplens/base/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long() reports a row as ROW_BASE + its index, which no character can be mistaken for. */
enum { CODE_HELP = 256, CODE_VERSION, ROW_BASE };

#define HELP_COLUMNS 80
#define HELP_INDENT 26 /* where the text of an option begins */

/* A row, and where its value goes. */
struct place {
    const struct option_row *row;
    void *member;
};

struct parser {
    struct place places[OPTION_ROWS_MAX];
    size_t count;
    struct option longs[OPTION_ROWS_MAX + 3];
    char shorts[2 * OPTION_ROWS_MAX + 5];
    char *error;
};

static void set_default(const struct place *p)
{
    switch (p->row->kind) {
    case OPTION_FLAG: *(bool *)p->member = false; break;
    case OPTION_NUMBER: *(long *)p->member = p->row->number; break;
    case OPTION_TEXT: *(const char **)p->member = p->row->text; break;
    case OPTION_WORD: *(int *)p->member = 0; break;
    case OPTION_TAKEN: break; /* the configuration's own */
    }
}

static size_t count_words(const char *const *words)
{
    size_t n = 0;

    while (words[n])
        n++;
    return n;
}

/* "all, control or none" */
static void list_words(const char *const *words, char *buf, size_t size)
{
    const size_t n = count_words(words);
    size_t len = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
}

static bool set_word(const struct parser *parser, const struct place *p, const char *value)
{
    const size_t n = count_words(p->row->words);
    char list[256], hint[96];

    for (size_t i = 0; i < n; i++) {
        if (strcmp(value, p->row->words[i]) == 0) {
            *(int *)p->member = (int)i;
            return true;
        }
    }
    list_words(p->row->words, list, sizeof(list));
    snprintf(parser->error, OPTIONS_ERROR_MAX, "--%s takes %s, not '%.100s'%s", p->row->name, list, value,
             options_hint(value, p->row->words, n, hint));
    return false;
}

static bool set_number(const struct parser *parser, const struct place *p, const char *value)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < p->row->min || number > p->row->max) {
        snprintf(parser->error, OPTIONS_ERROR_MAX, "--%s: '%.100s' is not a number from %ld to %ld", p->row->name,
                 value, p->row->min, p->row->max);
        return false;
    }
    *(long *)p->member = number;
    return true;
}

static bool set_taken(const struct parser *parser, const struct place *p, const char *value)
{
    char why[OPTIONS_ERROR_MAX] = "";

    if (p->row->take(value, p->member, why) == 0)
        return true;
    snprintf(parser->error, OPTIONS_ERROR_MAX, "--%s%.400s", p->row->name, why);
    return false;
}

/* False: the value is not taken, and the error says why. */
static bool set_value(const struct parser *parser, const struct place *p, const char *value)
{
    switch (p->row->kind) {
    case OPTION_FLAG: *(bool *)p->member = true; return true;
    case OPTION_TEXT: *(const char **)p->member = value; return true;
    case OPTION_NUMBER: return set_number(parser, p, value);
    case OPTION_WORD: return set_word(parser, p, value);
    case OPTION_TAKEN: return set_taken(parser, p, value);
    }
    return false;
}

static void collect(struct parser *parser, const struct option_set *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sets[i].table->count; j++) {
            const struct option_row *row = &sets[i].table->rows[j];

            assert(parser->count < OPTION_ROWS_MAX);
            parser->places[parser->count++] = (struct place){ row, (char *)sets[i].config + row->offset };
        }
    }
}

static void build_getopt(struct parser *parser, enum options_style style)
{
    char *s = parser->shorts;
    size_t i;

    if (style == OPTIONS_BEFORE_WORD)
        *s++ = '+';
    *s++ = ':';
    *s++ = 'h';
    *s++ = 'V';
    for (i = 0; i < parser->count; i++) {
        const struct option_row *row = parser->places[i].row;

        parser->longs[i] = (struct option){ .name = row->name,
                                            .has_arg = row->argument ? required_argument : no_argument,
                                            .val = ROW_BASE + (int)i };
        if (!row->letter)
            continue;
        *s++ = row->letter;
        if (row->argument)
            *s++ = ':';
    }
    *s = '\0';
    parser->longs[i++] = (struct option){ .name = "help", .val = CODE_HELP };
    parser->longs[i++] = (struct option){ .name = "version", .val = CODE_VERSION };
    parser->longs[i] = (struct option){ 0 };
}

/* What getopt_long() could not take; code: its '?' or ':'. */
static void complain(const struct parser *parser, int code, const char *word)
{
    const char *names[OPTION_ROWS_MAX + 3], *nearest;
    char name[64], hint[96] = "";
    size_t n = 0;

    if (code == ':') {
        snprintf(parser->error, OPTIONS_ERROR_MAX, "option '%.100s' needs a value", word);
        return;
    }
    if (optopt >= CODE_HELP) {
        snprintf(parser->error, OPTIONS_ERROR_MAX, "option '%.100s' takes no value", word);
        return;
    }
    /* word is already the next one where a short option stands in a cluster */
    if (optopt != 0) {
        snprintf(parser->error, OPTIONS_ERROR_MAX, "unknown option '-%c'", optopt);
        return;
    }
    for (; parser->longs[n].name; n++)
        names[n] = parser->longs[n].name;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    nearest = options_nearest(name, names, n);
    if (nearest)
        snprintf(hint, sizeof(hint), " (did you mean '--%s'?)", nearest);
    snprintf(parser->error, OPTIONS_ERROR_MAX, "unknown option '%.100s'%s", word, hint);
}

static const struct place *place_of(const struct parser *parser, int code)
{
    if (code >= ROW_BASE)
        return &parser->places[code - ROW_BASE];
    for (size_t i = 0; i < parser->count; i++)
        if (parser->places[i].row->letter == code)
            return &parser->places[i];
    return NULL;
}

enum options_outcome options_parse(const struct option_set *sets, size_t count, enum options_style style, int argc,
                                   char **argv, int *ret_rest, char error[static OPTIONS_ERROR_MAX])
{
    struct parser parser = { .error = error };
    int code;

    collect(&parser, sets, count);
    build_getopt(&parser, style);
    for (size_t i = 0; i < parser.count; i++)
        set_default(&parser.places[i]);
    opterr = 0; /* the message is ours */
    optind = 0; /* not 1: what an earlier call has left (a cluster half read, its style) is forgotten too */
    while ((code = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
        const struct place *p;

        if (code == CODE_HELP || code == 'h')
            return OPTIONS_HELP;
        if (code == CODE_VERSION || code == 'V')
            return OPTIONS_VERSION;
        p = code == '?' || code == ':' ? NULL : place_of(&parser, code);
        if (!p) {
            complain(&parser, code, argv[optind - 1]);
            return OPTIONS_WRONG;
        }
        if (!set_value(&parser, p, optarg))
            return OPTIONS_WRONG;
    }
    *ret_rest = optind;
    return OPTIONS_RUN;
}

/* The text begins where the line is now, at HELP_INDENT. */
static void print_wrapped(const char *text, FILE *to)
{
    size_t at = HELP_INDENT;

    while (*text) {
        const size_t len = strcspn(text, " ");

        if (at > HELP_INDENT && at + 1 + len > HELP_COLUMNS) {
            fprintf(to, "\n%*s", HELP_INDENT, "");
            at = HELP_INDENT;
        } else if (at > HELP_INDENT) {
            putc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int)len, text);
        at += len;
        text += len + strspn(text + len, " ");
    }
    putc('\n', to);
}

static void print_option(char letter, const char *name, const char *argument, const char *help, FILE *to)
{
    char left[96];
    int len = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
                       letter ? ',' : ' ', name, argument ? " " : "", argument ? argument : "");

    fprintf(to, "%s", left);
    if (len + 2 > HELP_INDENT) {
        putc('\n', to);
        len = 0;
    }
    fprintf(to, "%*s", HELP_INDENT - len, "");
    print_wrapped(help, to);
}

static void print_row(const struct option_row *row, FILE *to)
{
    char help[1024];
    int len = snprintf(help, sizeof(help), "%s", row->help);

    if (row->kind == OPTION_NUMBER && row->number >= row->min)
        snprintf(help + len, sizeof(help) - (size_t)len, " (default %ld)", row->number);
    else if (row->kind == OPTION_TEXT && row->text)
        snprintf(help + len, sizeof(help) - (size_t)len, " (default %s)", row->text);
    print_option(row->letter, row->name, row->argument, help, to);
}

void options_print_help(const struct option_table *const *tables, size_t count, FILE *to)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < tables[i]->count; j++)
            print_row(&tables[i]->rows[j], to);
    print_option('h', "help", NULL, "print this", to);
}

/* Damerau and Levenshtein's distance in its restricted form: two letters that changed places count as one slip. What is
 * longer than WORD_MAX is near nothing. */
#define WORD_MAX 48

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    const unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    const size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice_above = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + !is_same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]) &&
                twice_above[j - 2] + 1 < row[j])
                row[j] = twice_above[j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *options_nearest(const char *word, const char *const *words, size_t n)
{
    const char *found = NULL;
    unsigned least = 3;

    for (size_t i = 0; i < n; i++) {
        const unsigned d = distance(word, words[i]);

        /* of a short word two letters are too much of it */
        if (d < least && 2 * d < strlen(words[i])) {
            least = d;
            found = words[i];
        }
    }
    return found;
}

const char *options_hint(const char *word, const char *const *words, size_t n, char buf[static 96])
{
    const char *nearest = options_nearest(word, words, n);

    buf[0] = '\0';
    if (nearest)
        snprintf(buf, 96, " (did you mean '%s'?)", nearest);
    return buf;
}
