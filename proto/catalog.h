/* SPDX-License-Identifier: MIT */
/* catalog -- every message there is, by its id and by its name. */
#ifndef PROTO_CATALOG_H
#define PROTO_CATALOG_H

#include "proto/schema.h"

/* NULL when there is no such message. Any thread. */
const struct message_schema *catalog_find(uint16_t id);
const struct message_schema *catalog_find_name(const char *name);
/* Adds a message of a program's own: the runtime is not Shunt's alone. Ids from 0x0800 on are for these; asserts that
 * the id is free. Before the first actor is made. */
void catalog_add(const struct message_schema *schema);
/* Those of proto/messages/, in the order of their ids. */
const struct message_schema *const *catalog_all(size_t *ret_count);

#endif
