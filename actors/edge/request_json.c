/* SPDX-License-Identifier: MIT */
/*
 * request_json -- see request_json.h. One row a field says what it may hold; the rows are the known names, too.
 */
#include "actors/edge/request_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actors/edge/timestamp.h"
#include "runtime/nearest.h"

enum { FIELDS_LIMIT = 4, NAME_SHOWN = 40 /* characters of an unknown field's name that are repeated */ };

struct field {
    const char *name;
    const char *expected; /* "a string" */
    /* Takes a value that is there. False: it is not what was expected. */
    bool (*take)(struct request_json *request, const json_t *value);
    bool is_required;
};

static bool refuse(struct request_json_error *error, unsigned status, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool refuse(struct request_json_error *error, unsigned status, const char *pointer, const char *format, ...)
{
    va_list arguments;

    error->status = status;
    snprintf(error->pointer, sizeof(error->pointer), "%s", pointer);
    va_start(arguments, format);
    vsnprintf(error->detail, sizeof(error->detail), format, arguments);
    va_end(arguments);
    return false;
}

/* ------------------------------------------------------------------------------------------------ values */

static struct slice text_of(const json_t *value)
{
    return (struct slice){ json_string_value(value), json_string_length(value) };
}

static bool take_url(struct request_json *request, const json_t *value)
{
    request->url = text_of(value);
    return json_is_string(value);
}

static bool take_custom_code(struct request_json *request, const json_t *value)
{
    if (json_is_null(value))
        return true;
    request->has_custom_code = true;
    request->custom_code = text_of(value);
    return json_is_string(value);
}

static bool take_expires_at(struct request_json *request, const json_t *value)
{
    request->sets_expiry = true;
    request->expires_us = 0;
    if (json_is_null(value))
        return true;
    return json_is_string(value) && timestamp_parse(text_of(value), &request->expires_us) && request->expires_us != 0;
}

static bool take_withdrawn(struct request_json *request, const json_t *value)
{
    request->withdraws = true;
    return json_is_true(value);
}

static const struct field shorten_fields[] = {
    { "url", "a string", take_url, true },
    { "custom_code", "a string or null", take_custom_code, false },
    { "expires_at", "a time as in \"2030-01-31T12:00:00Z\", or null", take_expires_at, false },
    { NULL },
};

static const struct field edit_fields[] = {
    { "url", "a string", take_url, false },
    { "expires_at", "a time as in \"2030-01-31T12:00:00Z\", or null", take_expires_at, false },
    { "withdrawn", "true; a withdrawn link does not come back", take_withdrawn, false },
    { NULL },
};

/* ------------------------------------------------------------------------------------------------ shapes */

static const struct field *find(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static bool refuse_unknown(const struct field *fields, const char *name, struct request_json_error *error)
{
    char pointer[NAME_SHOWN + 8];
    struct nearest nearest = { 0 };
    const struct field *field;

    snprintf(pointer, sizeof(pointer), "#/%.*s", NAME_SHOWN, name);
    for (field = fields; field->name != NULL; field++)
        nearest_offer(&nearest, name, field->name);
    if (nearest.best != NULL)
        return refuse(error, 422, pointer, "There is no field '%.*s'; did you mean '%s'?", NAME_SHOWN, name,
                      nearest.best);
    return refuse(error, 422, pointer, "There is no field '%.*s'; leave it out.", NAME_SHOWN, name);
}

static bool
take_fields(const struct field *fields, json_t *root, struct request_json *request, struct request_json_error *error)
{
    char pointer[NAME_SHOWN + 8];
    const struct field *field;
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        field = find(fields, name);
        if (field == NULL)
            return refuse_unknown(fields, name, error);
        snprintf(pointer, sizeof(pointer), "#/%s", name);
        if (!field->take(request, value))
            return refuse(error, 422, pointer, "'%s' must be %s.", name, field->expected);
    }
    for (field = fields; field->name != NULL; field++) {
        snprintf(pointer, sizeof(pointer), "#/%s", field->name);
        if (field->is_required && json_object_get(root, field->name) == NULL)
            return refuse(error, 422, pointer, "The field '%s' is missing; give %s.", field->name, field->expected);
    }
    return true;
}

/* jansson's own words name the place; its limits (depth, sizes of numbers) count as syntax here. */
static bool
parse(struct slice body, const struct field *fields, struct request_json *ret_request, struct request_json_error *error)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t where;

    *ret_request = (struct request_json){ 0 };
    ret_request->root = json_loadb(body.at != NULL ? body.at : "", body.size, flags, &where);
    if (ret_request->root == NULL && body.size == 0)
        return refuse(error, 400, "", "The body is empty; send a JSON object.");
    if (ret_request->root == NULL)
        return refuse(error, 400, "", "The body is not JSON in UTF-8: line %d, column %d: %.80s.", where.line,
                      where.column,
                      json_error_code(&where) == json_error_duplicate_key ? "a name occurs twice" : where.text);
    if (!json_is_object(ret_request->root))
        return refuse(error, 422, "#", "The body must be a JSON object, as in {\"url\": \"https://example.org/\"}.");
    return take_fields(fields, ret_request->root, ret_request, error);
}

static bool parsed(bool fits, struct request_json *request)
{
    if (!fits)
        request_json_free(request);
    return fits;
}

bool request_json_shorten(struct slice body, struct request_json *ret_request, struct request_json_error *error)
{
    return parsed(parse(body, shorten_fields, ret_request, error), ret_request);
}

bool request_json_edit(struct slice body, struct request_json *ret_request, struct request_json_error *error)
{
    bool fits = parse(body, edit_fields, ret_request, error);

    if (fits && json_object_size(ret_request->root) == 0)
        fits = refuse(error, 422, "#", "Nothing is to be changed; give url, expires_at or withdrawn.");
    if (fits && json_object_get(ret_request->root, "url") != NULL && ret_request->url.size == 0)
        fits = refuse(error, 422, "#/url", "'url' is empty; leave it out to keep the target.");
    return parsed(fits, ret_request);
}

void request_json_free(struct request_json *request)
{
    json_decref(request->root);
    *request = (struct request_json){ 0 };
}

/* ------------------------------------------------------------------------------------------------ content type */

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool is_word(struct slice text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

bool request_json_is_content_type(struct slice content_type)
{
    const char *semicolon = content_type.size > 0 ? memchr(content_type.at, ';', content_type.size) : NULL;
    struct slice parameter;
    size_t size = semicolon != NULL ? (size_t)(semicolon - content_type.at) : content_type.size;

    if (!is_word(trim((struct slice){ content_type.at, size }), "application/json"))
        return false;
    if (semicolon == NULL)
        return true;
    parameter = trim((struct slice){ semicolon + 1, content_type.size - size - 1 });
    return parameter.size == 0 || is_word(parameter, "charset=utf-8") || is_word(parameter, "charset=\"utf-8\"");
}
