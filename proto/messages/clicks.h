/* SPDX-License-Identifier: MIT */
/* The messages of clicks.def as C structs; see proto/schema.h. */
#ifndef PROTO_MESSAGES_CLICKS_H
#define PROTO_MESSAGES_CLICKS_H

#define MESSAGE_FILE "proto/messages/clicks.def"
#include "proto/declare.h"

#endif
