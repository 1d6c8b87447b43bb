/* SPDX-License-Identifier: MIT */
/* The messages of operations.def as C structs; see proto/schema.h. */
#ifndef PROTO_MESSAGES_OPERATIONS_H
#define PROTO_MESSAGES_OPERATIONS_H

#define MESSAGE_FILE "proto/messages/operations.def"
#include "proto/declare.h"

#endif
