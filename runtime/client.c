/* SPDX-License-Identifier: MIT */
#include "runtime/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zmq.h>

#include "runtime/cell/cell.h"
#include "runtime/cell/post.h"
#include "runtime/wire/gate_caller.h"
#include "runtime/wire/socket.h"

struct client {
    struct node node;
    struct reactor reactor;
    struct actor *actor;
    char name[NODE_NAME_LIMIT + 1];
    bool is_answered;
    struct buffer bytes; /* of the answer's message */
    struct arena arena;  /* its lists */
    char detail[256];
    struct client_answer answer;
    void *gate; /* the socket to one; NULL: letters go to the actors themselves */
    uint64_t gate_number;
};

/* The one actor of the process: it only carries letters. Its single outlet leads to whomever is being asked. */
static void start(struct actor *me)
{
    (void)me;
}

static const struct outlet outlets[] = { { .name = "asked", .to = "anyone", .optional = true } };

static const struct actor_kind client_kind = { .name = "client", .start = start, TABLE(outlet, outlets) };

static void keep(struct client *client, const struct message_schema *schema, const void *encoded)
{
    struct reader reader;
    void *message;

    codec_encode(schema, encoded, &client->bytes);
    reader = reader_of(buffer_slice(&client->bytes));
    message = arena_take(&client->arena, schema->size > 0 ? schema->size : 1);
    if (message == NULL || !codec_decode(schema, &reader, &client->arena, message)) {
        client->answer = (struct client_answer){ .outcome = ASK_FAILED, .detail = "the answer is too large" };
        return;
    }
    client->answer.schema = schema;
    client->answer.message = message;
}

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    struct client *client = context;

    (void)me;
    client->is_answered = true;
    slice_copy(slice_of(answer->detail), client->detail, sizeof client->detail);
    client->answer = (struct client_answer){ .outcome = answer->outcome, .detail = client->detail };
    if (answer->outcome == ASK_ANSWERED)
        keep(client, answer->schema, answer->message);
}

/* The one answer of client_ask through a gate. */
static void keep_one(void *context, uint32_t index, const struct client_answer *answer)
{
    struct client *client = context;

    (void)index;
    slice_copy(slice_of(answer->detail), client->detail, sizeof client->detail);
    client->answer = (struct client_answer){ .outcome = answer->outcome, .detail = client->detail };
    if (answer->outcome == ASK_ANSWERED)
        keep(client, answer->schema, answer->message);
}

struct asked_each {
    client_handler *handler;
    void *context;
    uint32_t open;
};

static void one_answered(struct actor *me, void *context, const struct answer *answer)
{
    struct asked_each *each = context;
    const struct client_answer heard = {
        .outcome = answer->outcome, .schema = answer->schema, .message = answer->message, .detail = answer->detail
    };

    (void)me;
    each->open--;
    each->handler(each->context, answer->receiver, &heard);
}

struct client *client_open(const char *name)
{
    struct client *client = calloc(1, sizeof *client);

    assert(client != NULL);
    snprintf(client->name, sizeof client->name, "%.20s-%d", name, (int)getpid());
    client->arena.limit = DECODED_LIMIT;
    client->node = (struct node){ .name = client->name,
                                  .incarnation = machine_clock.wall_us(NULL),
                                  .zmq = socket_context_new(),
                                  .clock = &machine_clock,
                                  .seed = machine_clock.wall_us(NULL),
                                  .log_level = LOG_ERROR };
    assert(client->node.zmq != NULL);
    reactor_init(&client->reactor, &client->node, name, true);
    client->actor = cell_new(&client->reactor, &client_kind, name, NULL);
    if (client->actor == NULL) {
        int error = errno;

        client_close(&client);
        errno = error;
        return NULL;
    }
    cell_start(client->actor);
    return client;
}

static void remove_socket_file(const struct client *client)
{
    struct endpoints endpoints;

    address_bindings(&client->node, client->actor->address, &endpoints);
    unlink(endpoints.ipc + strlen("ipc://"));
}

struct client *client_open_gate(const char *gate, const char *key, const char *server, char *why)
{
    struct client *client = calloc(1, sizeof *client);

    assert(client != NULL);
    client->arena.limit = DECODED_LIMIT;
    client->node = (struct node){ .name = "gate", .zmq = socket_context_new(), .clock = &machine_clock };
    assert(client->node.zmq != NULL);
    reactor_init(&client->reactor, &client->node, "gate", true);
    client->gate = gate_caller_open(client->node.zmq, gate, key, server, why);
    if (client->gate == NULL)
        client_close(&client);
    return client;
}

void client_close(struct client **closed)
{
    struct client *client = *closed;

    if (client == NULL)
        return;
    if (client->gate != NULL)
        zmq_close(client->gate);
    if (client->actor != NULL) {
        remove_socket_file(client);
        cell_stop(client->actor);
        cell_destroy(&client->actor);
    }
    reactor_free(&client->reactor);
    zmq_ctx_term(client->node.zmq);
    buffer_free(&client->bytes);
    arena_free(&client->arena);
    free(client);
    *closed = NULL;
}

/* Makes the single outlet lead to these. */
static void lead_to(struct client *client, const char *const *addresses, uint32_t count)
{
    client->actor->outlets[0].count = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert(address_is_valid(slice_of(addresses[i])));
        cell_add_receiver(client->actor, 0, addresses[i]);
    }
    client->reactor.now_us = machine_clock.monotonic_us(NULL);
}

static void send(struct client *client)
{
    client->actor->had_event = true;
    cell_end_turn(client->actor);
}

void client_ask_each(struct client *client,
                     const char *const *addresses,
                     uint32_t count,
                     const struct message_schema *schema,
                     const void *message,
                     uint64_t deadline_us,
                     client_handler *handler,
                     void *context)
{
    struct asked_each each = { .handler = handler, .context = context, .open = count };

    if (client->gate != NULL) {
        gate_caller_ask(client->gate, &client->gate_number, addresses, count, schema, message, deadline_us, handler,
                        context);
        return;
    }
    lead_to(client, addresses, count);
    for (uint32_t i = 0; i < count; i++)
        actor_ask(
            client->actor, 0,
            &(struct sending){ .deadline_us = deadline_us, .then = one_answered, .context = &each, .only = i + 1 },
            schema, message);
    send(client);
    while (each.open > 0)
        reactor_turn(&client->reactor, SLEEP_LIMIT_US);
}

void client_ask(struct client *client,
                const char *address,
                const struct message_schema *schema,
                const void *message,
                uint64_t deadline_us,
                struct client_answer *ret_answer)
{
    buffer_clear(&client->bytes, 64 * 1024);
    arena_clear(&client->arena);
    client->is_answered = false;
    client->answer = (struct client_answer){ .outcome = ASK_TIMED_OUT, .detail = "no answer came" };
    if (client->gate != NULL) {
        gate_caller_ask(client->gate, &client->gate_number, &address, 1, schema, message, deadline_us, keep_one,
                        client);
        *ret_answer = client->answer;
        return;
    }
    lead_to(client, &address, 1);
    actor_ask(client->actor, 0, &(struct sending){ .deadline_us = deadline_us, .then = answered, .context = client },
              schema, message);
    send(client);
    while (!client->is_answered)
        reactor_turn(&client->reactor, SLEEP_LIMIT_US);
    *ret_answer = client->answer;
}
