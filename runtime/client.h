/* SPDX-License-Identifier: MIT */
/*
 * client -- a program that is no node, talking to a running platform: the command line, the console, a test.
 *
 * It speaks the same messages over the same sockets as the actors do, as a temporary node of its own. One thread; calls
 * wait for their answer, at most as long as they say. The working directory must be the platform's data folder, because
 * its sockets lie there.
 */
#ifndef RUNTIME_CLIENT_H
#define RUNTIME_CLIENT_H

#include "runtime/actor.h"

struct client;

struct client_answer {
    enum ask_outcome outcome;
    const struct message_schema *schema; /* NULL unless ASK_ANSWERED */
    const void *message;                 /* valid until the next call */
    const char *detail;                  /* one sentence, never NULL; valid until the next call */
};

/* `name` is a word like "console"; the process id is added. NULL with `errno` set when its mailbox cannot be made. */
struct client *client_open(const char *name);
void client_close(struct client **client);

/* The same through a gate on another machine, "HOST:PORT" (see gate.h). `key`: the file NAME.cert_secret of a key of
 * the role read or act; `server`: the file HOST.cert of the gate's host. NULL with one sentence in `why`
 * (CLIENT_SENTENCE_LIMIT bytes) when a file does not serve. Whether the gate answers shows with the first question. */
enum { CLIENT_SENTENCE_LIMIT = 256 };
struct client *client_open_gate(const char *gate, const char *key, const char *server, char *why);

/* Asks the actor "NODE/ACTOR". With nobody there the outcome is ASK_TIMED_OUT. */
void client_ask(struct client *client,
                const char *address,
                const struct message_schema *schema,
                const void *message,
                uint64_t deadline_us,
                struct client_answer *ret_answer);
/* Asks several at the same time, and calls `handler` for each as its answer comes, or its deadline; `index` is its
 * place in `addresses`. Returns when all have been heard. */
typedef void client_handler(void *context, uint32_t index, const struct client_answer *answer);
void client_ask_each(struct client *client,
                     const char *const *addresses,
                     uint32_t count,
                     const struct message_schema *schema,
                     const void *message,
                     uint64_t deadline_us,
                     client_handler *handler,
                     void *context);
#define CLIENT_ASK(client, address, deadline_us, ret_answer, type, ...)                                                \
    client_ask((client), (address), &type##_schema, &(struct type){ __VA_ARGS__ }, (deadline_us), (ret_answer))

#endif
