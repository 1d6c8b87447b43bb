/* SPDX-License-Identifier: MIT */
/* gate_caller -- see gate_caller.h. */
#include "runtime/wire/gate_caller.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "proto/catalog.h"
#include "proto/codec.h"
#include "runtime/cell/node.h"
#include "runtime/cell/reactor.h"
#include "runtime/wire/curve_file.h"
#include "runtime/wire/socket.h"

enum { GATE_SLACK_US = 250 * 1000 /* for the way there and back, beyond the deadline that is asked for */ };

static bool set_keys(void *socket, const char *key, const char *server, char *why)
{
    struct curve_key own;
    struct curve_key other;

    if (!curve_file_read(key, &own, why) || !curve_file_read(server, &other, why))
        return false;
    if (own.secret_text[0] == '\0') {
        if (!own.is_exposed)
            snprintf(why, CLIENT_SENTENCE_LIMIT, "%s has no secret half; the file NAME.cert_secret has it", key);
        return false;
    }

    bool good = zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, other.public_text, CURVE_TEXT_BYTES + 1) == 0 &&
                zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own.public_text, CURVE_TEXT_BYTES + 1) == 0 &&
                zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own.secret_text, CURVE_TEXT_BYTES + 1) == 0;

    explicit_bzero(&own, sizeof own);
    if (!good)
        snprintf(why, CLIENT_SENTENCE_LIMIT, "the keys cannot be used: %s", strerror(errno));
    return good;
}

void *gate_caller_open(void *zmq, const char *gate, const char *key, const char *server, char *why)
{
    void *socket = zmq_socket(zmq, ZMQ_DEALER);
    char endpoint[ENDPOINT_LIMIT];
    int64_t most = PARCEL_BYTES_LIMIT;
    int no_linger = 0;

    assert(socket != NULL);
    zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    snprintf(endpoint, sizeof endpoint, "tcp://%s", gate);
    if (set_keys(socket, key, server, why)) {
        if (zmq_connect(socket, endpoint) == 0)
            return socket;
        snprintf(why, CLIENT_SENTENCE_LIMIT, "'%s' is no gate's address: expected HOST:PORT", gate);
    }
    zmq_close(socket);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ asking */

struct round {
    uint64_t first; /* the number of the first question */
    uint32_t count;
    uint32_t open;
    bool *is_answered;
    client_handler *handler;
    void *context;
};

static void send(void *socket,
                 uint64_t number,
                 const char *to,
                 const struct message_schema *schema,
                 const void *message,
                 uint64_t deadline_us)
{
    struct buffer inner = { 0 };
    struct buffer bytes = { 0 };

    codec_encode(schema, message, &inner);
    codec_encode(&gate_ask_schema,
                 &(struct gate_ask){ .number = number,
                                     .to = slice_of(to),
                                     .type = schema->id,
                                     .message = buffer_slice(&inner),
                                     .deadline_us = deadline_us },
                 &bytes);
    zmq_send(socket, bytes.at, bytes.size, ZMQ_DONTWAIT);
    buffer_free(&inner);
    buffer_free(&bytes);
}

static void tell(struct round *round, uint32_t index, const struct client_answer *answer)
{
    round->is_answered[index] = true;
    round->open--;
    round->handler(round->context, index, answer);
}

/* Hands one answer on, when it is one of this round. */
static void take(struct round *round, struct slice bytes)
{
    struct arena arena = { .limit = DECODED_LIMIT };
    struct reader reader = reader_of(bytes);
    struct gate_answer heard = { 0 };
    struct client_answer answer = { .outcome = ASK_FAILED, .detail = "the answer cannot be read" };
    char detail[256] = "";
    bool is_ours = codec_decode(&gate_answer_schema, &reader, &arena, &heard) && heard.number >= round->first &&
                   heard.number - round->first < round->count && !round->is_answered[heard.number - round->first];

    if (is_ours && heard.outcome != ASK_ANSWERED) {
        slice_copy(heard.detail, detail, sizeof detail);
        answer.outcome = heard.outcome <= ASK_FAILED ? (enum ask_outcome)heard.outcome : ASK_FAILED;
        answer.detail = detail;
    } else if (is_ours) {
        const struct message_schema *schema = heard.type <= UINT16_MAX ? catalog_find((uint16_t)heard.type) : NULL;
        void *message = schema != NULL ? arena_take(&arena, schema->size > 0 ? schema->size : 1) : NULL;

        reader = reader_of(heard.message);
        if (message != NULL && codec_decode(schema, &reader, &arena, message))
            answer =
                (struct client_answer){ .outcome = ASK_ANSWERED, .schema = schema, .message = message, .detail = "" };
    }
    if (is_ours)
        tell(round, (uint32_t)(heard.number - round->first), &answer);
    arena_free(&arena);
}

static void wait_for_answers(void *socket, struct round *round, uint64_t until_us)
{
    for (uint64_t now_us = machine_clock.monotonic_us(NULL); round->open > 0 && now_us < until_us;
         now_us = machine_clock.monotonic_us(NULL)) {
        zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
        zmq_msg_t message;

        if (zmq_poll(&item, 1, (long)((until_us - now_us + 999) / 1000)) <= 0)
            continue;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0)
            take(round, (struct slice){ .at = zmq_msg_data(&message), .size = zmq_msg_size(&message) });
        zmq_msg_close(&message);
    }
}

void gate_caller_ask(void *socket,
                     uint64_t *number,
                     const char *const *addresses,
                     uint32_t count,
                     const struct message_schema *schema,
                     const void *message,
                     uint64_t deadline_us,
                     client_handler *handler,
                     void *context)
{
    struct round round = {
        .first = *number + 1, .count = count, .open = count, .handler = handler, .context = context
    };

    round.is_answered = calloc(count + 1, sizeof *round.is_answered);
    assert(round.is_answered != NULL);
    for (uint32_t i = 0; i < count; i++)
        send(socket, ++*number, addresses[i], schema, message, deadline_us);
    wait_for_answers(socket, &round, machine_clock.monotonic_us(NULL) + deadline_us + GATE_SLACK_US);
    for (uint32_t i = 0; i < count; i++)
        if (!round.is_answered[i])
            tell(&round, i,
                 &(struct client_answer){ .outcome = ASK_TIMED_OUT,
                                          .detail =
                                              "no answer came; a gate does not answer a key that it does not know" });
    free(round.is_answered);
}
