/* Where in a text something is: cJSON keeps no positions. */
#include <stdbool.h>
#include <string.h>

#include "shape.h"

/* Behind a text that begins here. */
static const char *behind_string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

/* What cJSON takes for such: every control character. */
static bool is_space(char c)
{
    return c && (unsigned char)c <= ' ';
}

static const char *behind_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* Behind a value of any kind. */
static const char *behind_value(const char *p)
{
    unsigned depth = 0;

    do {
        if (*p == '"') {
            p = behind_string(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= depth && (*p == '}' || *p == ']');
        p++;
        while (!depth && *p && !strchr(",]}", *p) && !is_space(*p))
            p++;
    } while (*p && depth);
    return p;
}

/* The value of that member or item of the object or list at p; NULL: there is none. */
static const char *step_into(const char *p, const char *name, size_t len)
{
    const bool object = *p == '{';
    size_t index = 0;

    if (*p != '{' && *p != '[')
        return NULL;
    for (p = behind_space(p + 1); *p && *p != '}' && *p != ']'; index++) {
        const char *key = p;
        size_t number = 0;

        if (object) {
            const char *end = behind_string(p), *colon = behind_space(end);

            if (*colon != ':')
                return NULL;
            p = behind_space(colon + 1);
            if (end - key == (long)len + 2 && strncmp(key + 1, name, len) == 0)
                return p;
        } else {
            for (size_t i = 0; i < len; i++)
                number = number * 10 + (size_t)(name[i] - '0');
            if (number == index)
                return p;
        }
        p = behind_space(behind_value(p));
        if (*p == ',')
            p = behind_space(p + 1);
    }
    return NULL;
}

unsigned shape_line(const char *text, const char *pointer)
{
    const char *at = behind_space(text);
    unsigned line = 1;

    while (*pointer == '/') {
        const size_t len = strcspn(++pointer, "/");
        const char *next = step_into(at, pointer, len);

        if (!next)
            break;
        at = next;
        pointer += len;
    }
    for (const char *p = text; p < at; p++)
        line += *p == '\n';
    return line;
}

void shape_blank_comments(char *p)
{
    while (*p) {
        if (*p == '"') {
            p = (char *)behind_string(p);
        } else if (p[0] == '/' && p[1] == '/') {
            while (*p && *p != '\n')
                *p++ = ' ';
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");

            for (end = end ? end + 2 : p + strlen(p); p < end; p++)
                *p = *p == '\n' ? '\n' : ' ';
        } else {
            p++;
        }
    }
}
