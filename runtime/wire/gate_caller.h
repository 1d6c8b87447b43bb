/* SPDX-License-Identifier: MIT */
/* gate_caller -- the other end of a gate: a client that asks through it. See gate.h; used by client.c. */
#ifndef RUNTIME_WIRE_GATE_CALLER_H
#define RUNTIME_WIRE_GATE_CALLER_H

#include "runtime/client.h"

/* As client_open_gate; a socket to be closed with zmq_close. */
void *gate_caller_open(void *zmq, const char *gate, const char *key, const char *server, char *why);
/* As client_ask_each. *number: the last question's, which rises. */
void gate_caller_ask(void *socket,
                     uint64_t *number,
                     const char *const *addresses,
                     uint32_t count,
                     const struct message_schema *schema,
                     const void *message,
                     uint64_t deadline_us,
                     client_handler *handler,
                     void *context);

#endif
