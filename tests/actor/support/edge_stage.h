/* SPDX-License-Identifier: MIT */
/*
 * edge_stage -- the edge with real clients on sockets and nobody behind it: the test plays application nodes and click
 * buffer, and holds the clock. What is looked at is what leaves: letters on one side, bytes on the other.
 */
#ifndef TESTS_ACTOR_SUPPORT_EDGE_STAGE_H
#define TESTS_ACTOR_SUPPORT_EDGE_STAGE_H

#include "actors/edge/edge_state.h"
#include "runtime/harness.h"
#include "tests/testing.h"

extern const struct actor_kind edge_kind;

enum { NODES = 2, FEED = 100 };

struct stage {
    struct harness *harness;
    struct actor *edge;
    int idle_fd; /* stands in for the reactor's */
    uint64_t numbers[NODES];
};

/* A letter that outlives the next one. */
struct kept {
    struct harness_letter letter;
    char from[80];
    char to[80];
};

/* A running edge that hears the feeds of all application nodes. For cmocka. */
int stage_setup(void **state);
int stage_teardown(void **state);
#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

void stage_start(struct stage *stage, const char *const *options);
/* Lets the edge read what clients sent, and answer; all feeds beat meanwhile. */
void stage_run(struct stage *stage);

/* Clients. Each sends one request on a connection of its own, and the edge reads it. */
int stage_client(struct stage *stage, const char *request);
int stage_get(struct stage *stage, const char *path);
int stage_post(struct stage *stage, const char *path, const char *type, const char *body);
/* What has come by now; "" when nothing has. Closes the connection. */
const char *stage_answer_of(int fd);
bool stage_has_come(int fd);
/* The answer has this status and holds `part`. Closes the connection. */
void stage_assert_status(int fd, const char *status, const char *part);

/* The letters. */
const struct harness_letter *stage_expect(struct stage *stage, const struct message_schema *schema);
void stage_expect_and_keep(struct stage *stage, const struct message_schema *schema, struct kept *kept);
void stage_expect_none(struct stage *stage, const struct message_schema *schema);
void stage_resolve_as(struct stage *stage, enum code_state state, const char *location, uint64_t expires_us);
void stage_commit(struct stage *stage);
void stage_change(struct stage *stage, const char *code);
/* Has the edge remember the code, which it must not know. */
void stage_warm(struct stage *stage, const char *path);

#endif
