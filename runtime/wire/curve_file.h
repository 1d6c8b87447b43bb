/* SPDX-License-Identifier: MIT */
/*
 * curve_file -- the CURVE keys of a platform as files: who may connect over tcp, and as what.
 *
 * A key has a name and a role. Its public half lies in secrets/curve/NAME.cert, which may go anywhere; its secret half
 * in secrets/curve/NAME.cert_secret, which only its owner has (0600) and which is not used when others can read it.
 * Both are in the form that CZMQ's zcert reads and writes. Whoever's public half lies in the folder is let in: making,
 * copying and removing files is all there is to granting and revoking, and running nodes see it at once.
 *
 * The key of a host is called as the topology calls the host, has the role `node`, and is that of all its nodes.
 *
 * The working directory is the data folder.
 */
#ifndef RUNTIME_WIRE_CURVE_FILE_H
#define RUNTIME_WIRE_CURVE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define CURVE_FOLDER "secrets/curve"

enum {
    CURVE_NAME_LIMIT = 40,
    CURVE_TEXT_BYTES = 40, /* a key in Z85 */
    CURVE_KEYS_LIMIT = 256,
    CURVE_SENTENCE_LIMIT = 256
};

enum curve_role {
    CURVE_NODE, /* a host's: its nodes may send letters */
    CURVE_READ, /* a person's or a program's: may look, through a gate */
    CURVE_ACT,  /* the same: may look and act */
    CURVE_ROLES
};

struct curve_key {
    char name[CURVE_NAME_LIMIT + 1];
    enum curve_role role;
    char public_text[CURVE_TEXT_BYTES + 1];
    char secret_text[CURVE_TEXT_BYTES + 1]; /* "": it is not here, or not to be used */
    bool is_exposed;                        /* the file with the secret half can be read by others */
};

const char *curve_role_name(enum curve_role role);
bool curve_role_parse(const char *text, enum curve_role *ret_role);
bool curve_name_is_valid(const char *name); /* letters, digits, '-' and '_' */

/* These write one sentence to `why` (CURVE_SENTENCE_LIMIT bytes) when they return false. */

/* A new pair of keys. One that is there already stays unless `replace`. */
bool curve_file_make(const char *name, enum curve_role role, bool replace, char *why);
bool curve_file_revoke(const char *name, char *why);
/* One key from a file, which need not lie in the folder: the public half, or with `.._secret` both. */
bool curve_file_read(const char *path, struct curve_key *ret_key, char *why);

/* All keys of the folder, by name; returns how many. What cannot be read, such as a file that is still being copied, is
 * left out. */
size_t curve_file_read_all(struct curve_key keys[CURVE_KEYS_LIMIT]);

#endif
