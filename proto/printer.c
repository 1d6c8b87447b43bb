/* SPDX-License-Identifier: MIT */
/* printer -- the third thing that follows from a schema: a message as one line for people. Declared in codec.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/codec.h"

enum { ITEMS_SHOWN = 4, BYTES_SHOWN = 80 };

struct output {
    char *at;
    size_t size;
    size_t room; /* with the terminator */
};

__attribute__((format(printf, 2, 3))) static void put(struct output *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(out->at + out->size, out->room - out->size, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        out->size = (size_t)wanted < out->room - out->size ? out->size + (size_t)wanted : out->room - 1;
}

static void put_text(struct output *out, const struct slice *text)
{
    put(out, "\"");
    for (size_t i = 0; i < text->size && i < BYTES_SHOWN; i++) {
        unsigned char byte = (unsigned char)text->at[i];

        put(out, byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\' ? "\\x%02x" : "%c", byte);
    }
    put(out, text->size > BYTES_SHOWN ? "\"...%zu" : "\"", text->size);
}

static void put_message(struct output *out, const struct message_schema *schema, const void *message);

static void put_list(struct output *out, const struct message_schema *item, const struct any_list *list)
{
    put(out, "[");
    for (uint32_t i = 0; i < list->count && i < ITEMS_SHOWN; i++)
        put_message(out, item, (const char *)list->at + (size_t)i * item->size);
    put(out, list->count > ITEMS_SHOWN ? "...%" PRIu32 "]" : "]", list->count);
}

static void put_field(struct output *out, const struct field_schema *field, const void *value)
{
    switch (field->type) {
    case FIELD_BOOL:
        put(out, *(const bool *)value ? "true" : "false");
        break;
    case FIELD_U64:
        put(out, "%" PRIu64, *(const uint64_t *)value);
        break;
    case FIELD_I64:
        put(out, "%" PRId64, *(const int64_t *)value);
        break;
    case FIELD_F64:
        put(out, "%g", *(const double *)value);
        break;
    case FIELD_TEXT:
        put_text(out, value);
        break;
    case FIELD_BYTES:
        put(out, "<%zu bytes>", ((const struct slice *)value)->size);
        break;
    case FIELD_LIST:
        put_list(out, field->item, value);
        break;
    }
}

static void put_message(struct output *out, const struct message_schema *schema, const void *message)
{
    put(out, "%s{", schema->name);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        put(out, "%s%s=", i > 0 ? " " : "", schema->fields[i].name);
        put_field(out, &schema->fields[i], (const char *)message + schema->fields[i].offset);
    }
    put(out, "}");
}

size_t codec_print(const struct message_schema *schema, const void *message, char *out, size_t room)
{
    struct output output = { .at = out, .room = room };

    assert(room > 0);
    put_message(&output, schema, message);
    return output.size;
}
