/* SPDX-License-Identifier: MIT */
/*
 * io_stage -- an actor whose time stands still but whose sockets are real, and a server that the test plays.
 *
 * Deadlines pass when the test says so (harness_advance); bytes travel by themselves. Nothing waits by the clock:
 * io_stage_until runs the actor and the server until a condition holds, and fails when it does not within seconds.
 */
#ifndef TESTS_ACTOR_SUPPORT_IO_STAGE_H
#define TESTS_ACTOR_SUPPORT_IO_STAGE_H

#include "proto/buffer.h"
#include "runtime/harness.h"
#include "tests/testing.h"

struct io_stage {
    struct harness *harness;
    struct actor *actor;
};

void io_stage_open(struct io_stage *stage);
/* Before this everything that the actor owns is closed by the test. */
void io_stage_close(struct io_stage *stage);
/* One turn of the actor. */
void io_stage_turn(struct io_stage *stage);
/* Turns until `holds` does; `context` is handed to it. */
void io_stage_until(struct io_stage *stage, bool (*holds)(void *context), void *context);

/* A server with one client at a time. */
struct io_server {
    int listener;
    int client; /* -1: none */
    uint16_t port;
    bool has_ended; /* the client closed */
    uint32_t reads; /* that brought something */
    struct buffer input;
};

void io_server_open(struct io_server *server);
void io_server_close(struct io_server *server);
/* Accepts and reads what there is, without waiting. */
void io_server_serve(struct io_server *server);
void io_server_send(struct io_server *server, const char *text);
void io_server_send_bytes(struct io_server *server, struct slice bytes);
/* Ends the connection, with a reset. */
void io_server_hang_up(struct io_server *server);

#endif
