/* SPDX-License-Identifier: MIT */
/* sha256 -- a file's or a text's checksum, as sha256sum prints it. libsodium's; any thread. */
#ifndef ACTORS_IO_SHA256_H
#define ACTORS_IO_SHA256_H

#include "proto/slice.h"

enum { SHA256_TEXT_ROOM = 65 }; /* 64 hexadecimal digits and the end */

void sha256_text(struct slice bytes, char text[SHA256_TEXT_ROOM]);

#endif
