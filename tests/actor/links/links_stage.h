/* SPDX-License-Identifier: MIT */
/*
 * links_stage -- a links actor whose stores are played by the test: Postgres and Redis answer what the test says, the
 * keygen and the id allocator gave what makes it ready.
 */
#ifndef TESTS_ACTOR_LINKS_LINKS_STAGE_H
#define TESTS_ACTOR_LINKS_LINKS_STAGE_H

#include <stdlib.h>
#include <string.h>

#include "proto/messages/clicks.h"
#include "proto/messages/links.h"
#include "runtime/harness.h"
#include "tests/actor/fakes/fake_file.h"
#include "tests/actor/fakes/fake_postgres.h"
#include "tests/actor/fakes/fake_redis.h"
#include "tests/testing.h"

extern const struct actor_kind links_kind;

#define FIRST_ID 1000

struct stage {
    struct harness *harness;
    struct actor *links;
};

/* Answers the leases that are asked for; of codes at most `leases`, four each, so that a test can use them up. */
static inline void stage_supply(struct stage *stage, int leases)
{
    const struct harness_letter *ask;

    while (leases-- > 0 && (ask = harness_take_type(stage->harness, &codes_lease_schema)) != NULL)
        harness_reply(stage->harness, ask, &codes_leased_schema,
                      &(struct codes_leased){
                          .codes = SLICE("codeAAAcodeBBBcodeCCCcodeDDD"), .code_length = 7, .recorded = true });
    while ((ask = harness_take_type(stage->harness, &ids_lease_schema)) != NULL)
        harness_reply(stage->harness, ask, &ids_leased_schema,
                      &(struct ids_leased){ .first = FIRST_ID, .count = 1000000 });
    harness_run(stage->harness);
}

/* Answers the reading of the changes in doubt: there were none. */
static inline void stage_no_changes(struct stage *stage)
{
    int index = fake_postgres_find("FROM link_changes");

    assert_int_not_equal(index, -1);
    fake_postgres_bring_forward(index);
    fake_postgres_done();
    harness_run(stage->harness);
}

/* Redis and Postgres are there, and the copies are trusted. */
static inline struct stage stage_open(uint32_t buffers)
{
    static const char *const settings[] = { "postgres=postgresql://h/d", "redis=redis://h", "redis_replica=redis://r",
                                            NULL };
    struct stage stage = { .harness = harness_new(7) };

    stage.links = harness_add(stage.harness, &links_kind, "links", settings);
    harness_receivers(stage.harness, stage.links, 2, buffers); /* OUT_BUFFERS */
    harness_start(stage.harness);
    fake_postgres_connect();
    fake_redis_connect("redis");
    harness_run(stage.harness);
    stage_supply(&stage, 2);
    harness_advance(stage.harness, 20 * 1000);
    stage_no_changes(&stage);
    assert_true(harness_is_up(stage.links));
    return stage;
}

static inline void stage_close(struct stage *stage)
{
    harness_destroy(&stage->harness);
}

static inline uint64_t stage_ask(struct stage *stage, const struct message_schema *schema, const void *message)
{
    uint64_t question = harness_ask(stage->harness, stage->links, schema, message);

    harness_run(stage->harness);
    return question;
}
#define STAGE_ASK(stage, type, ...) stage_ask((stage), &type##_schema, &(struct type){ __VA_ARGS__ })

/* The answer's message, which must be of this type. */
static inline const void *stage_answer(struct stage *stage, uint64_t question, const struct message_schema *schema)
{
    const struct harness_letter *answer;

    harness_run(stage->harness);
    answer = harness_answer(stage->harness, question);
    assert_non_null(answer);
    assert_string_equal(answer->schema->name, schema->name);
    return answer->message;
}
#define STAGE_ANSWER(stage, question, type) ((const struct type *)stage_answer((stage), (question), &type##_schema))

/* What the test has just said happens. */
static inline void stage_run(struct stage *stage)
{
    harness_run(stage->harness);
}

#endif
