/* SPDX-License-Identifier: MIT */
/*
 * id_allocator -- gives out numbers that nobody else was given or will be: row ids in blocks, and producer epochs.
 *
 * There is one line of numbers for both, and it only rises; so a row id is never an epoch, and an epoch is greater than
 * every one before it: the fencing token of click accounting. The line follows the wall clock in microseconds: a start
 * begins at the greatest of what the file, Postgres (high_water) and the clock say. Numbers are reserved ahead, a
 * second's worth at a time, and given out only once the reservation is durable. Therefore nothing repeats, not after
 * `kill -9`, nor when a store has lost its last seconds: what was given then lies below the clock as long as fewer than
 * a million numbers a second are used. What remains: the file lost, Postgres restored from an old copy, and a clock
 * that went back, all three at once.
 *
 * Values stay below 2^53 until the year 2255, so a JSON number holds them.
 *
 * One id_allocator per platform; on one host a second one in the same folder is refused by a lock.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "actors/io/postgres.h"
#include "actors/links/epoch_log.h"
#include "actors/links/high_water.h"
#include "proto/messages/links.h"
#include "runtime/actor.h"

enum {
    WAITING_LIMIT = 256,    /* questions that wait for a reservation */
    IDS_LIMIT = 100 * 1000, /* ids per question */
    LANES_LIMIT = 1024,     /* of one producer */
    RESERVE = 1000 * 1000,  /* numbers reserved at a time: what the clock advances in a second */
    LOOK_US = 250 * 1000,   /* how often an unsuccessful reservation is tried again */
    START_PATIENCE_US = 8000 * 1000
};

/* A question that waits for numbers, or (an epoch that has its number) for its record to be kept. */
struct waiting {
    bool used;
    bool is_epoch;
    bool recording;
    struct question question;
    uint64_t count; /* numbers wanted */
    struct epoch_record record;
};

struct id_allocator {
    const char *postgres_uri; /* option */

    struct postgres *postgres; /* owned */
    struct high_water *water;  /* owned */
    struct epoch_log *epochs;  /* owned */
    int lock_fd;               /* held as long as this actor lives; 0 when not taken */
    uint64_t next;             /* the next number to give out */
    uint64_t reserved;         /* numbers below are ours; next == reserved: none left */
    uint64_t reserving;        /* the start of the reservation under way; 0: none */
    struct waiting waiting[WAITING_LIMIT];
    bool is_up;

    counter ids_total;
    counter epochs_total;
    counter reservations_total;
    counter failures_total;
    gauge numbers_left;
    gauge epochs_unrecorded;
};

static const char *const mark_names[] = { "identities" };

/* ------------------------------------------------------------------------------------------------ giving out */

static void epoch_kept(struct actor *me, void *context, bool kept, const char *why)
{
    struct id_allocator *self = actor_state(me);
    struct waiting *waiting = context;

    waiting->used = false;
    if (!kept) {
        counter_add(&self->failures_total, 1);
        actor_refuse(me, waiting->question, "The epoch could not be recorded: %s", why);
        return;
    }
    counter_add(&self->epochs_total, 1);
    actor_log(me, LOG_INFO, "epoch %" PRIu64 " for %s/%s with %" PRIu64 " lanes", waiting->record.epoch,
              waiting->record.node, waiting->record.actor, waiting->record.lanes);
    ANSWER(me, waiting->question, epoch_leased, .epoch = waiting->record.epoch);
}

static void give_epoch(struct actor *me, struct waiting *waiting)
{
    struct id_allocator *self = actor_state(me);

    waiting->record.epoch = self->next++;
    waiting->record.started_us = actor_wall_us(me);
    waiting->recording = true;
    if (epoch_log_add(self->epochs, &waiting->record, epoch_kept, waiting))
        return;
    waiting->used = false;
    actor_refuse(me, waiting->question,
                 "%d epochs wait to be recorded in Postgres; no more can be given until it is back.",
                 EPOCH_RECORDS_LIMIT);
}

static void give_ids(struct actor *me, struct waiting *waiting)
{
    struct id_allocator *self = actor_state(me);
    uint64_t first = self->next;

    self->next += waiting->count;
    waiting->used = false;
    counter_add(&self->ids_total, waiting->count);
    ANSWER(me, waiting->question, ids_leased, .first = first, .count = waiting->count);
}

static void reserve(struct actor *me);

static void serve(struct actor *me)
{
    struct id_allocator *self = actor_state(me);

    for (uint32_t i = 0; i < WAITING_LIMIT; i++) {
        struct waiting *waiting = &self->waiting[i];

        if (!waiting->used || waiting->recording)
            continue;
        if (self->reserved - self->next < waiting->count)
            break;
        if (waiting->is_epoch)
            give_epoch(me, waiting);
        else
            give_ids(me, waiting);
    }
    if (self->reserved - self->next < RESERVE / 2)
        reserve(me);
}

/* ------------------------------------------------------------------------------------------------ reserving */

static void reserved(struct actor *me, void *context, bool durable, const char *why)
{
    struct id_allocator *self = actor_state(me);
    uint64_t start = self->reserving;

    (void)context;
    self->reserving = 0;
    if (!durable) {
        counter_add(&self->failures_total, 1);
        actor_log(me, LOG_ERROR, "no numbers can be reserved: %s", why);
        return; /* tried again at the next look */
    }
    counter_add(&self->reservations_total, 1);
    if (start != self->reserved)
        self->next = start; /* a jump: the clock or Postgres was ahead. The rest of the old run is skipped */
    self->reserved = start + RESERVE;
    if (!self->is_up)
        actor_started(me);
    self->is_up = true;
    serve(me);
}

static void reserve(struct actor *me)
{
    struct id_allocator *self = actor_state(me);
    uint64_t start;

    if (self->reserving != 0 || !high_water_is_ready(self->water))
        return;
    start = high_water_known(self->water, 0);
    if (start < actor_wall_us(me))
        start = actor_wall_us(me);
    if (high_water_raise(self->water, 0, start + RESERVE, reserved, NULL))
        self->reserving = start;
}

static void look(struct actor *me, void *context)
{
    struct id_allocator *self = actor_state(me);

    (void)context;
    if (self->reserved - self->next < RESERVE / 2)
        reserve(me);
    gauge_set(&self->epochs_unrecorded, epoch_log_waiting(self->epochs));
}

static void marks_known(struct actor *me, void *context)
{
    (void)context;
    reserve(me);
}

/* ------------------------------------------------------------------------------------------------ questions */

static void wait_in_line(struct actor *me, struct waiting waiting)
{
    struct id_allocator *self = actor_state(me);

    for (uint32_t i = 0; i < WAITING_LIMIT; i++) {
        if (self->waiting[i].used)
            continue;
        self->waiting[i] = waiting;
        self->waiting[i].used = true;
        serve(me);
        return;
    }
    actor_refuse(me, waiting.question, "Too many questions wait for numbers; try again shortly.");
}

static void on_ids_lease(struct actor *me, const struct ids_lease *message, struct question question)
{
    if (message->count == 0 || message->count > IDS_LIMIT)
        actor_refuse(me, question, "A lease of %" PRIu64 " ids is not possible; ask for 1 to %d.", message->count,
                     IDS_LIMIT);
    else
        wait_in_line(me, (struct waiting){ .question = question, .count = message->count });
}

static bool is_name(struct slice text)
{
    return text.size > 0 && text.size <= EPOCH_NAME_LIMIT && memchr(text.at, ' ', text.size) == NULL &&
           memchr(text.at, '\n', text.size) == NULL && memchr(text.at, '\0', text.size) == NULL;
}

static void on_epoch_lease(struct actor *me, const struct epoch_lease *message, struct question question)
{
    struct waiting waiting = { .question = question, .is_epoch = true, .count = 1 };

    if (!is_name(message->node) || !is_name(message->actor) || message->lanes == 0 || message->lanes > LANES_LIMIT) {
        actor_refuse(me, question, "An epoch needs the names of its node and actor and 1 to %d lanes.", LANES_LIMIT);
        return;
    }
    (void)slice_copy(message->node, waiting.record.node, sizeof(waiting.record.node));
    (void)slice_copy(message->actor, waiting.record.actor, sizeof(waiting.record.actor));
    waiting.record.lanes = message->lanes;
    wait_in_line(me, waiting);
}

/* ------------------------------------------------------------------------------------------------ life */

static void postgres_changed(struct actor *me, void *context, bool connected)
{
    (void)context;
    actor_dependency(me, "postgres", connected ? "normal" : "local-marks");
}

static void out_of_patience(struct actor *me, void *context)
{
    struct id_allocator *self = actor_state(me);

    (void)context;
    if (self->is_up)
        return;
    actor_log(me, LOG_WARN, "up without numbers: no witness of those already given has answered yet");
    actor_started(me);
    self->is_up = true;
}

/* Two in one folder would both trust the same file. The kernel lets go of the lock when the process ends. */
static bool lock_folder(struct actor *me)
{
    struct id_allocator *self = actor_state(me);
    const char *folder = actor_folder(me);
    char path[512];

    if (folder == NULL)
        return false;
    (void)snprintf(path, sizeof(path), "%s/lock", folder);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd > 0 && flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    actor_fail(me, "%s cannot be locked (%s): another id_allocator may be running in this folder; end it first.", path,
               strerrordesc_np(errno));
    return false;
}

static void start(struct actor *me)
{
    struct id_allocator *self = actor_state(me);
    char why[256];

    if (!lock_folder(me))
        return;
    self->postgres = postgres_open(
        me,
        &(struct postgres_options){
            .name = "postgres", .uri = self->postgres_uri, .connections = 1, .on_state = postgres_changed },
        why, sizeof(why));
    if (self->postgres != NULL)
        self->epochs = epoch_log_open(me, self->postgres, why, sizeof(why));
    if (self->epochs != NULL)
        self->water =
            high_water_open(me,
                            &(struct high_water_options){
                                .names = mark_names, .count = 1, .postgres = self->postgres, .on_ready = marks_known },
                            why, sizeof(why));
    if (self->water == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    (void)actor_every(me, LOOK_US, look, NULL);
    (void)actor_after(me, START_PATIENCE_US, out_of_patience, NULL);
}

static void stop(struct actor *me)
{
    struct id_allocator *self = actor_state(me);

    postgres_close(&self->postgres);
    high_water_close(&self->water);
    epoch_log_close(&self->epochs);
    if (self->lock_fd > 0)
        (void)close(self->lock_fd);
}

static void turn_end(struct actor *me)
{
    struct id_allocator *self = actor_state(me);

    gauge_set(&self->numbers_left, (int64_t)(self->reserved - self->next));
}

static const struct option options[] = {
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct id_allocator, postgres_uri),
      .help = "the store that remembers how far numbers were given, and the epochs" },
};

static const struct metric metrics[] = {
    { "ids_total", METRIC_COUNTER, offsetof(struct id_allocator, ids_total), "row ids given out", NULL },
    { "epochs_total", METRIC_COUNTER, offsetof(struct id_allocator, epochs_total), "producer epochs given out", NULL },
    { "reservations_total", METRIC_COUNTER, offsetof(struct id_allocator, reservations_total),
      "runs of numbers made durable", NULL },
    { "failures_total", METRIC_COUNTER, offsetof(struct id_allocator, failures_total),
      "reservations and records that neither the file nor Postgres kept", NULL },
    { "numbers_left", METRIC_GAUGE, offsetof(struct id_allocator, numbers_left), "numbers reserved and not given out",
      NULL },
    { "epochs_unrecorded", METRIC_GAUGE, offsetof(struct id_allocator, epochs_unrecorded),
      "epochs that only the local file has yet", NULL },
};

static const struct handler handlers[] = {
    ASKED(ids_lease, on_ids_lease),
    ASKED(epoch_lease, on_epoch_lease),
};

const struct actor_kind id_allocator_kind = {
    .name = "id_allocator",
    .doc = "gives out row ids in blocks and producer epochs; never a number twice",
    .state_size = sizeof(struct id_allocator),
    .start = start,
    .starts_slowly = true,
    .stop = stop,
    .turn_end = turn_end,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(handler, handlers),
};
