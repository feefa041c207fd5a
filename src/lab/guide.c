#include "tcplens/lab/guide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 512

/* A piece of the guide: of a section, or of one of its choices. */
struct part {
    const char *section; /* NULL: what stands before the first */
    const char *choice;  /* NULL: the section's own text */
    char *text, *feedback;
    unsigned line; /* of the file, from 1 */
};

struct guide {
    char *title;
    struct part parts[PARTS_MAX];
    unsigned count, line;
};

static struct part *add(struct guide *g, const char *section, const char *choice)
{
    if (g->count == PARTS_MAX)
        return &g->parts[PARTS_MAX - 1];
    g->parts[g->count] = (struct part){ .section = section, .choice = choice, .line = g->line };
    return &g->parts[g->count++];
}

/* Adds a line to a text; a blank one only between others. */
static int join(char **text, const char *line, size_t len)
{
    const size_t before = *text ? strlen(*text) : 0;
    char *longer;

    if (!before && !len)
        return 0;
    longer = realloc(*text, before + len + 2);
    if (!longer)
        return -ENOMEM;
    memcpy(longer + before, line, len);
    memcpy(longer + before + len, "\n", 2);
    *text = longer;
    return 0;
}

static void trim(char *text)
{
    size_t len = text ? strlen(text) : 0;

    while (len && strchr(" \n\r", text[len - 1]))
        text[--len] = '\0';
}

/* "- established: A choice." */
static struct part *begin_choice(struct guide *g, const struct part *in, const char *line, size_t len, int *r)
{
    const char *colon = memchr(line, ':', len);
    const char *name = line + 2;
    struct part *part;

    if (!in->section || len < 4 || strncmp(line, "- ", 2) != 0 || !colon || memchr(name, ' ', (size_t)(colon - name)))
        return NULL;
    part = add(g, in->section, strndup(name, (size_t)(colon - name)));
    colon += 1 + strspn(colon + 1, " ");
    *r = join(&part->text, colon, (size_t)(line + len - colon));
    return part;
}

static int take_line(struct guide *g, struct part **in, const char *line, size_t len)
{
    struct part *choice;
    int r = 0;

    while (len && strchr(" \r", line[len - 1]))
        len--;
    if (len > 2 && strncmp(line, "# ", 2) == 0 && !g->title) {
        g->title = strndup(line + 2, len - 2);
        return g->title ? 0 : -ENOMEM;
    }
    if (len > 3 && strncmp(line, "## ", 3) == 0) {
        *in = add(g, strndup(line + 3, len - 3), NULL);
        return (*in)->section ? 0 : -ENOMEM;
    }
    choice = begin_choice(g, *in, line, len, &r);
    if (choice)
        *in = choice;
    else if ((*in)->choice)
        r = join(&(*in)->feedback, line + strspn(line, " "), len - (strspn(line, " ") < len ? strspn(line, " ") : len));
    else
        r = join(&(*in)->text, line, len);
    return r;
}

int guide_new(const char *text, struct guide **ret_guide)
{
    struct guide *g = calloc(1, sizeof(*g));
    struct part *in;
    int r = 0;

    if (!g)
        return -ENOMEM;
    in = add(g, NULL, NULL);
    for (const char *end; *text && r == 0; text = *end ? end + 1 : end) {
        end = strchrnul(text, '\n');
        g->line++;
        r = take_line(g, &in, text, (size_t)(end - text));
    }
    for (unsigned i = 0; i < g->count; i++) {
        trim(g->parts[i].text);
        trim(g->parts[i].feedback);
    }
    if (r < 0)
        guide_free(g);
    else
        *ret_guide = g;
    return r;
}

struct guide *guide_free(struct guide *g)
{
    if (!g)
        return NULL;
    for (unsigned i = 0; i < g->count; i++) {
        struct part *p = &g->parts[i];

        if (!p->choice) /* choices have their section's name */
            free((char *)p->section);
        free((char *)p->choice);
        free(p->text);
        free(p->feedback);
    }
    free(g->title);
    free(g);
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const struct part *find(const struct guide *g, const char *section, const char *choice)
{
    for (unsigned i = 0; i < g->count; i++)
        if (same(g->parts[i].section, section) && same(g->parts[i].choice, choice))
            return &g->parts[i];
    return NULL;
}

static const char *text_of(const struct part *part)
{
    return part && part->text ? part->text : NULL;
}

bool guide_part(const struct guide *g, unsigned index, struct guide_part *ret_part)
{
    if (++index >= g->count) /* the first is what stands before all sections */
        return false;
    *ret_part = (struct guide_part){ g->parts[index].section, g->parts[index].choice, g->parts[index].line };
    return true;
}

const char *guide_title(const struct guide *g)
{
    return g->title ? g->title : "";
}

const char *guide_intro(const struct guide *g)
{
    const char *text = text_of(find(g, NULL, NULL));

    return text ? text : "";
}

const char *guide_text(const struct guide *g, const char *id)
{
    return text_of(find(g, id, NULL));
}

const char *guide_choice(const struct guide *g, const char *question, const char *choice)
{
    return text_of(find(g, question, choice));
}

const char *guide_feedback(const struct guide *g, const char *question, const char *choice)
{
    const struct part *part = find(g, question, choice);

    return part ? part->feedback : NULL;
}
