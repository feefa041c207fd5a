/* JSON Schema (draft 2020-12) of the tables. */
#include <stdio.h>
#include <string.h>

#include "shape.h"

static cJSON *object_schema(const struct field *fields, cJSON *definitions);

static cJSON *typed(const char *type)
{
    cJSON *schema = cJSON_CreateObject();

    cJSON_AddStringToObject(schema, "type", type);
    return schema;
}

static cJSON *slug(void)
{
    cJSON *schema = typed("string");

    cJSON_AddStringToObject(schema, "pattern", "^[a-z0-9][a-z0-9._-]*$");
    return schema;
}

static cJSON *scalar(void)
{
    return cJSON_Parse("{\"type\":[\"string\",\"integer\"]}");
}

/* What is an integer may also be chosen by the student's name: "$port", "$backlog+1". */
static cJSON *number(const struct field *f)
{
    cJSON *schema = cJSON_CreateObject(), *any = cJSON_AddArrayToObject(schema, "anyOf"), *integer = typed("integer"),
          *value = typed("string");

    cJSON_AddNumberToObject(integer, "minimum", (double)f->min);
    cJSON_AddNumberToObject(integer, "maximum", (double)f->max);
    cJSON_AddStringToObject(value, "pattern", "^\\$[a-z0-9_]+([+-][0-9]+)?$");
    cJSON_AddItemToArray(any, integer);
    cJSON_AddItemToArray(any, value);
    return schema;
}

static cJSON *list_of(cJSON *items)
{
    cJSON *schema = typed("array");

    cJSON_AddItemToObject(schema, "items", items);
    return schema;
}

static cJSON *map_of(cJSON *values)
{
    cJSON *schema = typed("object");

    cJSON_AddItemToObject(schema, "additionalProperties", values);
    return schema;
}

/* In place, or by name, so that a table may hold itself. */
static cJSON *nested(const struct field *f, cJSON *definitions)
{
    char ref[64];
    cJSON *schema;

    if (!f->name)
        return object_schema(f->of, definitions);
    if (!cJSON_GetObjectItemCaseSensitive(definitions, f->name)) {
        cJSON_AddItemToObject(definitions, f->name, cJSON_CreateObject());
        cJSON_ReplaceItemInObjectCaseSensitive(definitions, f->name, object_schema(f->of, definitions));
    }
    schema = cJSON_CreateObject();
    snprintf(ref, sizeof(ref), "#/$defs/%s", f->name);
    cJSON_AddStringToObject(schema, "$ref", ref);
    return schema;
}

static cJSON *words(const char *const *word)
{
    cJSON *schema = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(schema, "enum");

    for (; *word; word++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*word));
    return schema;
}

static cJSON *value_schema(const struct field *f, cJSON *definitions)
{
    switch (f->kind) {
    case VALUE_TEXT: return typed("string");
    case VALUE_SLUG: return slug();
    case VALUE_NUMBER: return number(f);
    case VALUE_YES: return typed("boolean");
    case VALUE_WORD: return words(f->words);
    case VALUE_SCALAR: return scalar();
    case VALUE_EMPTY: return cJSON_Parse("{\"type\":\"object\",\"maxProperties\":0}");
    case VALUE_TEXTS: return list_of(scalar());
    case VALUE_SLUGS: return list_of(slug());
    case VALUE_SCALARS: return map_of(scalar());
    case VALUE_OBJECT: return nested(f, definitions);
    case VALUE_OBJECTS: return list_of(nested(f, definitions));
    case VALUE_MAP: return map_of(nested(f, definitions));
    case VALUE_ANY: break;
    }
    return cJSON_Parse(f->schema);
}

static cJSON *object_schema(const struct field *fields, cJSON *definitions)
{
    cJSON *schema = typed("object"), *properties = cJSON_AddObjectToObject(schema, "properties"),
          *required = cJSON_CreateArray(), *one_of = cJSON_CreateArray();

    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    for (const struct field *f = fields; f->key; f++) {
        cJSON *value = value_schema(f, definitions);

        cJSON_AddStringToObject(value, "description", f->meaning);
        cJSON_AddItemToObject(properties, f->key, value);
        if (f->needed)
            cJSON_AddItemToArray(required, cJSON_CreateString(f->key));
        if (f->either) {
            cJSON *branch = cJSON_CreateObject();

            cJSON_AddItemToArray(cJSON_AddArrayToObject(branch, "required"), cJSON_CreateString(f->key));
            cJSON_AddItemToArray(one_of, branch);
        }
    }
    cJSON_AddItemToObject(schema, "required", required);
    if (cJSON_GetArraySize(one_of))
        cJSON_AddItemToObject(schema, "oneOf", one_of);
    else
        cJSON_Delete(one_of);
    return schema;
}

cJSON *shape_schema(const struct field *fields, const char *title)
{
    cJSON *definitions = cJSON_CreateObject(), *schema = object_schema(fields, definitions),
          *head = cJSON_CreateObject();

    cJSON_AddStringToObject(head, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(head, "title", title);
    while (schema->child) {
        cJSON *member = cJSON_DetachItemViaPointer(schema, schema->child);

        cJSON_AddItemToObject(head, member->string, member);
    }
    cJSON_Delete(schema);
    cJSON_AddItemToObject(head, "$defs", definitions);
    return head;
}
