/* SPDX-License-Identifier: MIT */
/* The messages of links.def as C structs; see proto/schema.h. */
#ifndef PROTO_MESSAGES_LINKS_H
#define PROTO_MESSAGES_LINKS_H

#define MESSAGE_FILE "proto/messages/links.def"
#include "proto/declare.h"

#endif
