/* SPDX-License-Identifier: MIT */
/* reconcile_run -- what the reconciler's files share: reconciler.c the run, reconciler_read.c its eyes,
 * reconciler_mend.c its hands; reconciler_audit.c what it says when it is only asked. */
#ifndef ACTORS_CLICKS_RECONCILE_RUN_H
#define ACTORS_CLICKS_RECONCILE_RUN_H

#include "actors/clicks/recount.h"
#include "actors/io/clickhouse.h"
#include "actors/io/kafka_consumer.h"
#include "actors/io/kafka_topic.h"
#include "actors/io/postgres.h"
#include "actors/io/rowbinary.h"
#include "proto/messages/operations.h"
#include "runtime/actor.h"

enum {
    RECONCILER_QUESTIONS_LIMIT = 16,
    DRIFT_ROWS_SHOWN = 1000,                /* the limit of drift_report */
    DRIFT_ROWS_LIMIT = 1000000,             /* codes that are mended in one run */
    RECONCILER_LIMIT_US = 300 * 1000 * 1000 /* of one query */
};

enum reconciler_step {
    STEP_IDLE,
    STEP_CUT_POSTGRES,
    STEP_CUT_GROUP,
    STEP_CUT_CLICKHOUSE,
    STEP_REPLAY,
    STEP_READ_CLICKHOUSE,
    STEP_MEND_POSTGRES,
    STEP_MEND_CLICKHOUSE,
    STEP_DONE
};

struct drift {
    struct drift_row *rows; /* codes on which somebody is off; texts point into the recount and the counts */
    uint32_t count;
    uint32_t codes;   /* compared */
    int64_t postgres; /* sums of absolute differences */
    int64_t clickhouse;
};

struct reconciler {
    const char *postgres_uri;   /* option */
    const char *clickhouse_uri; /* option */
    const char *kafka_uri;      /* option */
    const char *topic;          /* option */
    const char *group;          /* option */
    uint64_t every_us;          /* option */
    uint64_t sample_every_us;   /* option */
    struct postgres *postgres;
    struct clickhouse *clickhouse;
    uint64_t daily; /* timer */

    /* the run under way */
    enum reconciler_step step;
    bool must_repair;
    bool has_repaired;
    uint64_t started_wall_us;
    struct question questions[RECONCILER_QUESTIONS_LIMIT];
    uint32_t question_count;
    struct recount recount;
    struct code_counts found[RECOUNT_SIDES]; /* what the databases say */
    uint64_t absent;                         /* clicks at or below a cut that Kafka does not have */
    int64_t holes;                           /* clicks that Postgres knew to be missing when it was asked */
    struct drift drift;

    /* a replay under way */
    struct kafka_topic_request *extents;
    struct kafka_consumer *consumer;
    struct kafka_position ends[KAFKA_PARTITIONS_LIMIT]; /* offset: where the replay of it ends */
    int64_t from[KAFKA_PARTITIONS_LIMIT];               /* where it begins; 0: with the oldest record */
    uint32_t partitions;
    uint32_t partitions_left;
    kafka_messages_handler *on_messages;
    void (*on_topic_read)(struct actor *me);

    struct sample *sample; /* owned; the one under way, or NULL */
    uint64_t sample_timer;
    bool drew_nothing;   /* the last sample had no codes */
    struct audit *audit; /* owned; the one under way, or NULL */

    /* mending ClickHouse */
    struct code_counts wanted; /* codes that miss rows */
    struct rowbinary rows;
    uint32_t row_count;

    gauge postgres_drift;
    gauge clickhouse_drift;
    gauge finished_s;
    gauge sampled_drift;
    counter sampled_codes_total;
    counter runs_total;
    counter failures_total;
};

/* Each step ends with this; `trouble` is a sentence, or NULL when it was done. */
void reconciler_step_done(struct actor *me, const char *trouble);

/* reconciler_read.c */
void reconciler_cut_postgres(struct actor *me);
void reconciler_cut_group(struct actor *me);
void reconciler_cut_clickhouse(struct actor *me);
void reconciler_replay(struct actor *me);
void reconciler_read_clickhouse(struct actor *me);
/* Reads the topic from `from` to its present end; `messages` gets the records, `then` is called at the end. When
 * it cannot be read, the step ends with that. */
void reconciler_read_topic(struct actor *me, kafka_messages_handler *messages, void (*then)(struct actor *me));

/* reconciler_audit.c */
void reconciler_on_audit(struct actor *me, const struct audit_read *message, struct question question);
void reconciler_audit_stopped(struct actor *me, const char *trouble); /* instead of the end of a step */
void reconciler_audit_free(struct audit **audit);

/* reconciler_sample.c */
void reconciler_sample(struct actor *me, void *context); /* a timer's, for ever */
void reconciler_sample_free(struct actor *me, struct sample **sample);

/* reconciler_mend.c */
void reconciler_compare(struct reconciler *self);
void reconciler_mend_postgres(struct actor *me);
void reconciler_mend_clickhouse(struct actor *me);
void reconciler_forget(struct reconciler *self);                             /* all that belongs to a run */
void reconciler_record(struct actor *me, const struct drift_report *report); /* a row in reconcile_runs */

#endif
