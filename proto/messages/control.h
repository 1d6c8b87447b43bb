/* SPDX-License-Identifier: MIT */
/* The messages of control.def as C structs; see proto/schema.h. */
#ifndef PROTO_MESSAGES_CONTROL_H
#define PROTO_MESSAGES_CONTROL_H

#define MESSAGE_FILE "proto/messages/control.def"
#include "proto/declare.h"

#endif
