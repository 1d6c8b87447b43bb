/* SPDX-License-Identifier: MIT */
/*
 * curve -- the keys that a process knows, shared by all its threads, and the answer to ZeroMQ's question whom to let
 * in.
 *
 * Every tcp endpoint is a CURVE server: what travels there is encrypted, and each side proves that it has its key. For
 * each connection ZeroMQ asks the process's ZAP handler (rfc.zeromq.org/spec/27) over inproc, after the handshake and
 * before the first message. A key that is not known, or not for this kind of endpoint, is refused with status 300, at
 * which ZeroMQ drops the connection without a word.
 *
 * All functions may be called by any thread, but those of a zap handler only by the one that made it.
 */
#ifndef RUNTIME_WIRE_CURVE_H
#define RUNTIME_WIRE_CURVE_H

#include <stdint.h>

#include "runtime/wire/curve_file.h"

/* What an endpoint is for, in ZAP's words its domain. */
#define CURVE_DOMAIN_NODE    "node"    /* letters between nodes: keys of the role node */
#define CURVE_DOMAIN_CONSOLE "console" /* a gate: keys of the roles read and act */

struct curve_keys;

/* Reads the folder. `host`: whose nodes live in this process; NULL: it has no name. */
struct curve_keys *curve_keys_open(const char *host);
void curve_keys_destroy(struct curve_keys **keys);

enum curve_change {
    CURVE_SAME,
    CURVE_MORE,   /* new keys */
    CURVE_REVOKED /* one is gone or another than before, or the host's own is back: connections must begin anew */
};
enum curve_change curve_keys_reload(struct curve_keys *keys);
uint64_t curve_keys_version(struct curve_keys *keys); /* rises with each CURVE_REVOKED */

/* The host's own pair. False when it is not there. */
bool curve_keys_own(struct curve_keys *keys, struct curve_key *ret_key);
/* Another's, without the secret half. False when there is none. */
bool curve_keys_find(struct curve_keys *keys, const char *name, struct curve_key *ret_key);

/* Makes a socket a CURVE server or client of the host's own key, before it is bound or connected. False with errno
 * ENOKEY when a key that it takes is not there. `server`: the name of the key of whom it connects to. */
bool curve_serve(struct curve_keys *keys, void *socket, const char *domain);
bool curve_connect(struct curve_keys *keys, void *socket, const char *server);

/* Whether a key is known and its role fits the domain; then its name. */
bool curve_keys_admit(struct curve_keys *keys,
                      const char *public_text,
                      const char *domain,
                      char name[CURVE_NAME_LIMIT + 1]);

/* ---- the ZAP handler: made before the first tcp endpoint of the context */
struct curve_zap;

struct curve_zap *curve_zap_open(void *zmq, struct curve_keys *keys);
void curve_zap_close(struct curve_zap **zap);
int curve_zap_fd(const struct curve_zap *zap); /* readable when there may be something to answer */
/* Answers all that is asked now. `refused` hears of each that is turned away: its key in Z85, where it comes from, and
 * what it wanted to use. */
typedef void curve_refused_handler(void *context, const char *public_text, const char *from, const char *domain);
void curve_zap_answer(struct curve_zap *zap, curve_refused_handler *refused, void *context);

#endif
