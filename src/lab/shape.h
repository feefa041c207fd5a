/* The shape of a JSON document as tables: a file is checked against them, and its JSON Schema is made of them. */
#ifndef TCPLENS_LAB_SHAPE_H
#define TCPLENS_LAB_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

enum value_kind {
    VALUE_TEXT,
    VALUE_SLUG,    /* a name: small letters, digits, - . _ */
    VALUE_NUMBER,  /* an integer, min to max */
    VALUE_YES,     /* true or false */
    VALUE_WORD,    /* one of words */
    VALUE_SCALAR,  /* a text or an integer */
    VALUE_EMPTY,   /* {}: the key says it all */
    VALUE_TEXTS,   /* a list of texts and integers */
    VALUE_SLUGS,   /* a list of names */
    VALUE_OBJECT,  /* with the fields of `of` */
    VALUE_OBJECTS, /* a list of those */
    VALUE_MAP,     /* names, each with such an object */
    VALUE_SCALARS, /* any keys, each with a text or an integer */
    VALUE_ANY,     /* what check() says */
};

struct shape_walk;

struct field {
    const char *key; /* NULL ends a table */
    enum value_kind kind;
    bool needed;
    bool either; /* of all fields of the table that are marked so, exactly one is there */
    const char *meaning;
    const struct field *of;
    const char *name; /* of the table `of`, in the schema; NULL: it stands in place */
    const char *const *words;
    long min, max;
    /* Besides; says what is wrong by shape_fault(). NULL: nothing. */
    void (*check)(struct shape_walk *walk, const cJSON *value);
    const char *schema; /* of VALUE_ANY */
};

#define SHAPE_PATH_MAX 256
#define SHAPE_FAULT_MAX 384

struct shape_walk {
    char path[SHAPE_PATH_MAX]; /* "/checks/0/order/1", a JSON pointer (RFC 6901) without escapes */
    bool wrong;
    char fault_path[SHAPE_PATH_MAX], fault[SHAPE_FAULT_MAX]; /* the first one */
    const void *about;                                       /* for check() */
};

/* Whether all texts of a tree, and its keys, are for a terminal (base/printable.h): any may be shown. */
void shape_check_texts(struct shape_walk *walk, const cJSON *tree);

/* Whether the object has this shape; what is wrong first is told in the walk. */
bool shape_check(struct shape_walk *walk, const cJSON *object, const struct field *fields);
/* Remembers what is wrong where the walk is, unless something was before. */
void shape_fault(struct shape_walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Goes down to a member, or an item, and back up by shape_up(), with what this gave. */
size_t shape_down(struct shape_walk *walk, const char *key);
size_t shape_down_item(struct shape_walk *walk, int index);
void shape_up(struct shape_walk *walk, size_t before);

/* One character that a name cannot hold ends it: whether the text is one. */
bool shape_is_slug(const char *text);
/* Which the number stands for exactly: up to 2^53. */
bool shape_is_integer(const cJSON *value);

/* The JSON Schema of what the tables say, for who edits such files. For the caller to cJSON_Delete(); NULL: no memory. */
cJSON *shape_schema(const struct field *fields, const char *title);

/* The line of text, from 1, on which what the pointer names begins. The text is valid JSON, without comments. */
unsigned shape_line(const char *text, const char *pointer);
/* Blanks // and C comments out, in place; every newline stays. */
void shape_blank_comments(char *text);

#endif
