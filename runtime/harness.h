/* SPDX-License-Identifier: MIT */
/*
 * harness -- actors in a test: one thread, no sockets, time that moves only when told to.
 *
 * Actors that are added together talk to each other as in a node. What they send to kinds that are not there is caught,
 * to be looked at and answered. Everything is decided by the seed, so the same test gives the same trace each time.
 *
 *     struct harness *h = harness_new(1);
 *     struct actor *counter = harness_add(h, &counter_kind, "counter", (const char *[]){ "limit=3", NULL });
 *     harness_start(h);
 *     uint64_t question = harness_ask(h, counter, &count_schema, &(struct count){ .by = 2 });
 *     const struct harness_letter *answer = harness_answer(h, question);
 *     assert_ptr_equal(answer->schema, &counted_schema);
 *     harness_destroy(&h);
 */
#ifndef RUNTIME_HARNESS_H
#define RUNTIME_HARNESS_H

#include "runtime/actor.h"

struct harness;

enum harness_letter_kind { HARNESS_TELL, HARNESS_ASK, HARNESS_ANSWER };

/* One letter that left an actor for somebody who is not in the test. Valid until the next harness_* call that takes
 * one. */
struct harness_letter {
    enum harness_letter_kind kind;
    const char *from; /* "test/NAME" */
    const char *to;   /* "absent/KIND", or "test/outside" for an answer to harness_ask */
    const struct message_schema *schema;
    const void *message;
    uint64_t correlation;
};

struct harness *harness_new(uint64_t seed);
void harness_destroy(struct harness **harness);

/* Adds an actor. `options`: "name=value" texts, NULL at the end, or NULL; they are copied. Outlets lead to the actors
 * of their kind that are in the test when harness_start is called, else to one "absent/KIND". */
struct actor *
harness_add(struct harness *harness, const struct actor_kind *kind, const char *name, const char *const *options);
/* Gives an outlet this many absent receivers, "absent/KIND-0" ...; before harness_start. */
void harness_receivers(struct harness *harness, struct actor *actor, uint32_t outlet, uint32_t count);
/* Starts all actors that are not up, in the order of their adding, and runs until idle. */
void harness_start(struct harness *harness);
void harness_stop(struct harness *harness, struct actor *actor);
/* Begins to drain it, as a supervisor would, and runs until idle. harness_start starts it again. */
void harness_drain(struct harness *harness, struct actor *actor);
bool harness_is_up(const struct actor *actor);
const char *harness_failure(const struct actor *actor); /* the reason of its last failure; "" when none */

void harness_tell(struct harness *harness, struct actor *to, const struct message_schema *schema, const void *message);
/* Asks from outside; returns a number for harness_answer. */
uint64_t
harness_ask(struct harness *harness, struct actor *to, const struct message_schema *schema, const void *message);
/* The answer, once it is there; NULL before. It is ask_failed when the actor refused or overloaded. */
const struct harness_letter *harness_answer(struct harness *harness, uint64_t ask);

/* The oldest letter to somebody absent that was not taken yet; NULL when there is none. */
const struct harness_letter *harness_take(struct harness *harness);
/* The oldest of this type. */
const struct harness_letter *harness_take_type(struct harness *harness, const struct message_schema *schema);
/* Answers an ask that was taken. */
void harness_reply(struct harness *harness,
                   const struct harness_letter *ask,
                   const struct message_schema *schema,
                   const void *message);

/* Runs turns until nothing is left to do at this time. Asserts that this ends (100,000 turns). */
void harness_run(struct harness *harness);
/* Moves time forward, stopping at each timer on the way. */
void harness_advance(struct harness *harness, uint64_t by_us);
uint64_t harness_now_us(const struct harness *harness);
/* Steps the wall clock alone, also backwards. */
void harness_step_wall(struct harness *harness, int64_t by_us);
/* The node of an absent receiver goes down or comes up: "absent". */
void harness_node(struct harness *harness, const char *node, bool is_up);
void harness_leaves(struct harness *harness, const char *node); /* it is about to go down */
/* An actor that is monitored or linked goes down: "absent/KIND" or any other address. Actors of the test do so by
 * themselves when they fail or are stopped. */
void harness_down(struct harness *harness, const char *address, const char *reason);
/* Sets a live option as the config actor would. */
void harness_set_option(struct harness *harness, struct actor *actor, const char *option, const char *text);

#endif
