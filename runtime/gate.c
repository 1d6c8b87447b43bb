/* SPDX-License-Identifier: MIT */
/* gate -- see gate.h. */
#include "runtime/gate.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/catalog.h"
#include "runtime/cell/post.h"
#include "runtime/wire/curve.h"
#include "runtime/wire/socket.h"

enum {
    KEYS_LOOK_US = 200 * 1000,
    DECODED_REQUEST_LIMIT = 4 * 1024 * 1024,
    IDENTITY_LIMIT = 255, /* ZeroMQ's */
    DEADLINE_MOST_US = 600 * 1000 * 1000
};

struct gate {
    const char *listen; /* option */
    struct asked *open;
    void *socket; /* ROUTER */
    struct watch *watch;
    uint64_t keys_version;
    bool is_rebinding;
    counter asked;
    counter refused;
};

/* Who asked, while the answer is not there. */
struct asked {
    bool is_open;
    size_t identity_size;
    uint64_t number;
    char identity[IDENTITY_LIMIT];
};

bool gate_is_reading(const struct message_schema *schema)
{
    size_t size = strlen(schema->name);

    return size > 5 && strcmp(schema->name + size - 5, "_read") == 0;
}

/* ------------------------------------------------------------------------------------------------ answers */

static void reply(struct actor *me, const struct asked *asked, const struct answer *answer)
{
    struct gate *self = actor_state(me);
    struct buffer inner = { 0 };
    struct buffer bytes = { 0 };

    if (answer->schema != NULL)
        codec_encode(answer->schema, answer->message, &inner);
    codec_encode(&gate_answer_schema,
                 &(struct gate_answer){ .number = asked->number,
                                        .outcome = answer->outcome,
                                        .detail = slice_of(answer->detail),
                                        .type = answer->schema != NULL ? answer->schema->id : 0,
                                        .message = buffer_slice(&inner) },
                 &bytes);
    /* Who does not read what he asked for loses it: the gate neither waits nor keeps. */
    if (zmq_send(self->socket, asked->identity, asked->identity_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(self->socket, bytes.at, bytes.size, ZMQ_DONTWAIT);
    buffer_free(&inner);
    buffer_free(&bytes);
}

static void answered(struct actor *me, void *context, const struct answer *answer)
{
    reply(me, context, answer);
    ((struct asked *)context)->is_open = false;
}

static void refuse(struct actor *me, const struct asked *asked, enum ask_outcome outcome, const char *why)
{
    counter_add(&((struct gate *)actor_state(me))->refused, 1);
    reply(me, asked, &(struct answer){ .outcome = outcome, .detail = why });
}

static void tell_topology(struct actor *me, const struct asked *asked)
{
    const struct topology *topology = me->reactor->node->topology;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert(to != NULL);
    topology_write(topology, to);
    fclose(to);

    const struct topology_text message = { .text = { .at = text, .size = size } };

    reply(me, asked, &(struct answer){ .schema = &topology_text_schema, .message = &message, .detail = "" });
    free(text);
}

/* ------------------------------------------------------------------------------------------------ questions */

/* Asks in somebody's name. */
static void pass_on(struct actor *me,
                    const struct asked *asked,
                    const struct gate_ask *request,
                    const struct message_schema *schema,
                    const void *message)
{
    struct gate *self = actor_state(me);
    char address[ADDRESS_LIMIT + 1];
    struct peer *peer;
    size_t slot = 0;

    if (!address_is_valid(request->to) || !slice_copy(request->to, address, sizeof address) ||
        !address_is_planned(me->reactor->node, address) || (peer = cell_peer(me, address)) == NULL) {
        refuse(me, asked, ASK_NO_TARGET, "the topology has nobody of that name");
        return;
    }
    while (slot < GATE_ASKS_LIMIT && self->open[slot].is_open)
        slot++;
    if (slot == GATE_ASKS_LIMIT) {
        refuse(me, asked, ASK_OVERLOADED, "the gate has too many questions open");
        return;
    }

    struct asked *kept = &self->open[slot];
    uint64_t deadline_us = request->deadline_us < DEADLINE_MOST_US ? request->deadline_us : DEADLINE_MOST_US;

    *kept = *asked;
    kept->is_open = true;
    post_ask(me, peer, NULL, 0, &(struct sending){ .deadline_us = deadline_us, .then = answered, .context = kept },
             schema, message);
}

/* Whether the key may ask this; logs when it acts. */
static bool is_allowed(struct actor *me,
                       const struct asked *asked,
                       const struct curve_key *key,
                       const struct message_schema *schema,
                       struct slice to)
{
    char why[160];

    if (gate_is_reading(schema))
        return true;
    actor_log(me, LOG_INFO, "key %s (%s): %s to %.*s", key->name, curve_role_name(key->role), schema->name,
              (int)(to.size < ADDRESS_LIMIT ? to.size : ADDRESS_LIMIT), to.at);
    if (key->role == CURVE_ACT)
        return true;
    snprintf(why, sizeof why, "key %s may only read, and this acts; it takes a key of the role act (shunt keys make)",
             key->name);
    refuse(me, asked, ASK_FAILED, why);
    return false;
}

static void take_request(struct actor *me, struct asked *asked, const struct curve_key *key, struct slice bytes)
{
    struct gate *self = actor_state(me);
    struct arena arena = { .limit = DECODED_REQUEST_LIMIT };
    struct reader reader = reader_of(bytes);
    struct gate_ask request = { 0 };
    const struct message_schema *schema = NULL;
    void *message = NULL;

    counter_add(&self->asked, 1);
    if (codec_decode(&gate_ask_schema, &reader, &arena, &request)) {
        asked->number = request.number;
        schema = request.type <= UINT16_MAX ? catalog_find((uint16_t)request.type) : NULL;
        message = schema != NULL ? arena_take(&arena, schema->size > 0 ? schema->size : 1) : NULL;
        reader = reader_of(request.message);
    }
    if (message == NULL || !codec_decode(schema, &reader, &arena, message))
        refuse(me, asked, ASK_FAILED, "the gate cannot read the question; is the program of another version?");
    else if (schema == &topology_read_schema)
        tell_topology(me, asked);
    else if (is_allowed(me, asked, key, schema, request.to))
        pass_on(me, asked, &request, schema, message);
    arena_free(&arena);
}

/* The whole of one request. False when there is none. */
static bool receive(struct actor *me)
{
    struct gate *self = actor_state(me);
    struct asked asked = { 0 };
    struct curve_key key;
    zmq_msg_t payload;
    int size = zmq_recv(self->socket, asked.identity, sizeof asked.identity, ZMQ_DONTWAIT);

    if (size < 0)
        return false;
    asked.identity_size = (size_t)size;
    zmq_msg_init(&payload);
    if (zmq_msg_recv(&payload, self->socket, ZMQ_DONTWAIT) >= 0) {
        const char *name = zmq_msg_gets(&payload, "User-Id");
        bool is_known = name != NULL && curve_keys_find(me->reactor->node->keys, name, &key) && key.role != CURVE_NODE;

        while (zmq_msg_more(&payload) && zmq_msg_recv(&payload, self->socket, ZMQ_DONTWAIT) >= 0)
            is_known = false; /* nobody of ours sends more than one */
        if (is_known)
            take_request(me, &asked, &key,
                         (struct slice){ .at = zmq_msg_data(&payload), .size = zmq_msg_size(&payload) });
    }
    zmq_msg_close(&payload);
    return true;
}

static void something_came(struct actor *me, void *context, int fd, unsigned events)
{
    (void)context;
    (void)fd;
    (void)events;
    while (receive(me)) {
    }
}

/* ZeroMQ's descriptor tells of changes; sending may swallow one. */
static void turn_end(struct actor *me)
{
    something_came(me, NULL, -1, WATCH_READ);
}

/* ------------------------------------------------------------------------------------------------ life */

/* A key was revoked: all connections begin anew. */
static void look_at_keys(struct actor *me, void *context)
{
    struct gate *self = actor_state(me);
    uint64_t version = curve_keys_version(me->reactor->node->keys);

    (void)context;
    if (version == self->keys_version && !self->is_rebinding)
        return;
    self->keys_version = version;
    self->is_rebinding = !socket_bind_gate_again(me->reactor->node, self->socket, self->listen) && errno == EADDRINUSE;
}

static void start(struct actor *me)
{
    struct gate *self = actor_state(me);
    int fd = -1;
    size_t size = sizeof fd;

    if (me->reactor->node->zmq == NULL || me->reactor->node->keys == NULL) {
        actor_fail(me, "a gate needs a node with sockets");
        return;
    }
    self->open = calloc(GATE_ASKS_LIMIT, sizeof *self->open);
    assert(self->open != NULL);
    self->keys_version = curve_keys_version(me->reactor->node->keys);
    self->socket = socket_bind_gate(me->reactor->node, self->listen, GATE_REQUEST_LIMIT);
    if (self->socket == NULL) {
        actor_fail(me, "it cannot listen on %s: %s", self->listen,
                   errno == ENOKEY ? "its node names no host, or that has no key (shunt keys make HOST)"
                                   : strerror(errno));
        return;
    }
    zmq_getsockopt(self->socket, ZMQ_FD, &fd, &size);
    self->watch = actor_watch(me, fd, WATCH_READ, something_came, NULL);
    if (self->watch == NULL)
        actor_fail(me, "its socket cannot be watched: %s", strerror(errno));
    actor_every(me, KEYS_LOOK_US, look_at_keys, NULL);
}

static void stop(struct actor *me)
{
    struct gate *self = actor_state(me);

    actor_unwatch(me, &self->watch);
    if (self->socket != NULL)
        zmq_close(self->socket);
    free(self->open);
}

static const struct option options[] = {
    { .name = "listen",
      .type = OPTION_TEXT,
      .offset = offsetof(struct gate, listen),
      .help = "HOST:PORT for consoles on other machines" },
};
static const struct metric metrics[] = {
    { "asked_total", METRIC_COUNTER, offsetof(struct gate, asked), "Questions from other machines.", NULL },
    { "refused_total", METRIC_COUNTER, offsetof(struct gate, refused), "Of them, those that were not passed on.",
      NULL },
};

const struct actor_kind gate_kind = {
    .name = "gate",
    .doc = "lets consoles and programs on other machines in, by their keys",
    .state_size = sizeof(struct gate),
    .start = start,
    .stop = stop,
    .turn_end = turn_end,
    TABLE(option, options),
    TABLE(metric, metrics),
};
