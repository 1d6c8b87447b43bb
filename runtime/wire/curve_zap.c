/* SPDX-License-Identifier: MIT */
/* curve_zap -- see curve.h: the answer to ZeroMQ's question whom to let in. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "runtime/wire/curve.h"

enum { FRAME_LIMIT = 128, KEY_BYTES = 32 };

struct curve_zap {
    struct curve_keys *keys;
    void *socket; /* REP: one question at a time, each answered before the next is taken */
};

/* A question's frames, in this order. */
enum { VERSION, NUMBER, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

struct frame {
    char bytes[FRAME_LIMIT];
    size_t size; /* FRAME_LIMIT: it was longer */
};

struct curve_zap *curve_zap_open(void *zmq, struct curve_keys *keys)
{
    struct curve_zap *zap = calloc(1, sizeof *zap);
    int no_linger = 0;

    assert(zap != NULL);
    zap->keys = keys;
    zap->socket = zmq_socket(zmq, ZMQ_REP);
    assert(zap->socket != NULL);
    zmq_setsockopt(zap->socket, ZMQ_LINGER, &no_linger, sizeof no_linger);

    int result = zmq_bind(zap->socket, "inproc://zeromq.zap.01");

    assert(result == 0); /* one for each context */
    return zap;
}

void curve_zap_close(struct curve_zap **zap)
{
    if (*zap == NULL)
        return;
    zmq_close((*zap)->socket);
    free(*zap);
    *zap = NULL;
}

int curve_zap_fd(const struct curve_zap *zap)
{
    int fd = -1;
    size_t size = sizeof fd;
    int result = zmq_getsockopt(zap->socket, ZMQ_FD, &fd, &size);

    assert(result == 0);
    return fd;
}

static bool has_more(const struct curve_zap *zap)
{
    int more = 0;
    size_t size = sizeof more;

    return zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0;
}

/* Takes a whole question; returns how many frames it had, 0 when there is none. */
static size_t receive(const struct curve_zap *zap, struct frame frames[FRAMES])
{
    size_t count = 0;
    bool more = true;

    while (more) {
        struct frame *frame = &frames[count < FRAMES ? count : FRAMES - 1];
        int size = zmq_recv(zap->socket, frame->bytes, FRAME_LIMIT - 1, ZMQ_DONTWAIT);

        if (size < 0)
            return 0;
        frame->size = (size_t)size < FRAME_LIMIT ? (size_t)size : FRAME_LIMIT;
        frame->bytes[frame->size < FRAME_LIMIT ? frame->size : FRAME_LIMIT - 1] = '\0';
        count++;
        more = has_more(zap);
    }
    return count;
}

static void reply(const struct curve_zap *zap, const struct frame *number, const char *status, const char *user)
{
    const char *text = strcmp(status, "200") == 0 ? "OK" : "";

    zmq_send(zap->socket, "1.0", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(zap->socket, number->bytes, number->size < FRAME_LIMIT ? number->size : 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(zap->socket, status, strlen(status), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(zap->socket, text, strlen(text), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(zap->socket, user, strlen(user), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(zap->socket, "", 0, ZMQ_DONTWAIT);
}

void curve_zap_answer(struct curve_zap *zap, curve_refused_handler *refused, void *context)
{
    struct frame frames[FRAMES];
    size_t count;

    while ((count = receive(zap, frames)) > 0) {
        char public_text[CURVE_TEXT_BYTES + 1] = "";
        char name[CURVE_NAME_LIMIT + 1] = "";

        if (count == FRAMES && strcmp(frames[MECHANISM].bytes, "CURVE") == 0 && frames[CREDENTIALS].size == KEY_BYTES)
            zmq_z85_encode(public_text, (const uint8_t *)frames[CREDENTIALS].bytes, KEY_BYTES);
        if (public_text[0] != '\0' && curve_keys_admit(zap->keys, public_text, frames[DOMAIN].bytes, name)) {
            reply(zap, &frames[NUMBER], "200", name);
        } else {
            reply(zap, &frames[NUMBER], "300", "");
            refused(context, public_text, count > ADDRESS ? frames[ADDRESS].bytes : "", frames[DOMAIN].bytes);
        }
    }
}
