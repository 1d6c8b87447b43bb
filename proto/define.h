/* SPDX-License-Identifier: MIT */
/*
 * define -- the counterpart of declare.h: turns the rows of one `.def` file into schema objects. Included only by
 * catalog.c, three times over each file: field rows, schemas, and the list of what has an id. No include guard.
 */
#define RECORD(name, doc)      MESSAGE(name, 0, doc)
#define MESSAGE(name, id, doc) static const struct field_schema name##_fields[] = {
#define FIELD(owner, shape, field, text)                                                                               \
    { .name = #field, .type = FIELD_##shape, .offset = offsetof(struct owner, field), .doc = text },
#define LIST(owner, record, field, most, text)                                                                         \
    { .name = #field,                                                                                                  \
      .type = FIELD_LIST,                                                                                              \
      .offset = offsetof(struct owner, field),                                                                         \
      .item = &record##_schema,                                                                                        \
      .limit = (most),                                                                                                 \
      .doc = text },
#define END(name)                                                                                                      \
    }                                                                                                                  \
    ;
#include MESSAGE_FILE
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END

#define MESSAGE(type, number, text)                                                                                    \
    const struct message_schema type##_schema = {                                                                      \
        .name = #type,                                                                                                 \
        .id = (number),                                                                                                \
        .doc = text,                                                                                                   \
        .fields = type##_fields,                                                                                       \
        .field_count = sizeof type##_fields / sizeof(struct field_schema),                                             \
        .size = sizeof(struct type),                                                                                   \
    };
#define FIELD(owner, shape, field, text)
#define LIST(owner, record, field, most, text)
#define END(name)
#include MESSAGE_FILE
#undef RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END
#undef MESSAGE_FILE
