/* SPDX-License-Identifier: MIT */
/*
 * declare -- turns the rows of one `.def` file into C structs. No include guard: it is included once for each file,
 * with MESSAGE_FILE set to the file's name. See schema.h for what comes out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/schema.h"

#define C_TYPE_BOOL  bool
#define C_TYPE_U64   uint64_t
#define C_TYPE_I64   int64_t
#define C_TYPE_F64   double
#define C_TYPE_TEXT  struct slice
#define C_TYPE_BYTES struct slice

#define RECORD(name, doc)                                                                                              \
    extern const struct message_schema name##_schema;                                                                  \
    struct name {
#define MESSAGE(name, id, doc)        RECORD(name, doc)
#define FIELD(owner, type, name, doc) C_TYPE_##type name;
#define LIST(owner, item, name, limit, doc)                                                                            \
    struct {                                                                                                           \
        const struct item *at;                                                                                         \
        uint32_t count;                                                                                                \
    } name;
#define END(name)                                                                                                      \
    }                                                                                                                  \
    ;

#include MESSAGE_FILE

#undef RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END
#undef C_TYPE_BOOL
#undef C_TYPE_U64
#undef C_TYPE_I64
#undef C_TYPE_F64
#undef C_TYPE_TEXT
#undef C_TYPE_BYTES
#undef MESSAGE_FILE
