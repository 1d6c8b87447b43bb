/* SPDX-License-Identifier: MIT */
/*
 * click_buffer -- takes the edge's clicks, gives each its identity, and answers once they cannot be lost any more.
 *
 * Promise: a click that was answered with clicks_committed is in this node's journal, in Redis, or in both, and is
 * counted exactly once in the end, whatever process dies meanwhile. What it cannot store it refuses. It runs on the
 * edge's thread, so nothing here waits: not for Redis, not for a disk.
 *
 * The work is in click_commit (batches and answers), click_epoch and click_drain (windows, and how far each lane has
 * come), click_recovery (what earlier starts left). This file is the kind: what it can be told, its settings, its life.
 * Each start has an epoch of its own, so no two processes ever write to the same lane.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/clicks/click_buffer_state.h"
#include "actors/ops/health.h"
#include "runtime/actor.h"
#include "runtime/failpoint.h"

enum {
    TICK_US = 200 * 1000,
    MARKS_PERIOD_US = 2 * 1000 * 1000,    /* between two looks whether marks were missed */
    MARKS_PATIENCE_US = 12 * 1000 * 1000, /* without news of the current epoch: two flushes and a bit */
    BEAT_US = 10 * 1000 * 1000,
    LEASE_RETRY_US = 200 * 1000,
    LEASE_RETRY_MOST_US = 5 * 1000 * 1000,
    DRAIN_LIMIT_US = 5 * 1000 * 1000,
    WINDOWS_LIMIT = 16384, /* of one clicks_pending */
    COVERED_LIMIT = 1024
};

struct click_epoch *click_buffer_epoch(struct click_buffer *self, uint64_t number)
{
    EACH_EPOCH(self, epoch)
    {
        if (epoch->number == number)
            return epoch;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ committing */

static void on_commit(struct actor *me, const struct clicks_commit *message, struct question question)
{
    struct click_buffer *self = actor_state(me);

    if (self->commit == NULL) {
        actor_refuse(me, question, "the click buffer has no epoch yet; try again in a second");
    } else if (self->is_too_large) {
        counter_add(&self->figures.refused_total, message->clicks.count);
        actor_refuse(me, question, "too many clicks wait to be counted; try again in a second");
    } else {
        (void)failpoint("click_buffer.asked");
        click_commit_ask(self->commit, message, question);
    }
}

static void turn_end(struct actor *me)
{
    struct click_buffer *self = actor_state(me);

    if (self->commit != NULL)
        click_commit_dispatch(self->commit);
    if (self->redis != NULL)
        redis_flush(self->redis);
}

static void resolved(struct actor *me, struct click_epoch *epoch, uint32_t lane)
{
    struct click_buffer *self = actor_state(me);

    if (epoch == self->current)
        click_commit_resolved(self->commit, lane);
}

static const char *redis_mode(const struct click_buffer *self)
{
    if (self->current == NULL)
        return "starting"; /* no epoch yet: nothing can be committed */
    return self->current->state == EPOCH_LIVE ? "normal" : "journal-only";
}

static const char *journal_mode(const struct click_buffer *self)
{
    return self->commit == NULL || click_commit_has_journal(self->commit) ? "normal" : "redis-only";
}

static void say_modes(struct actor *me)
{
    struct click_buffer *self = actor_state(me);

    if (self->commit == NULL)
        return;
    actor_dependency(me, "redis", redis_mode(self));
    actor_dependency(me, "journal", journal_mode(self));
}

static void went_live(struct actor *me, struct click_epoch *epoch)
{
    (void)epoch;
    say_modes(me);
}

static void redis_connected(struct actor *me, void *context, uint64_t generation)
{
    struct click_buffer *self = actor_state(me);

    (void)context;
    (void)generation;
    EACH_EPOCH(self, epoch)
    {
        click_epoch_connected(epoch);
    }
}

static void redis_lost(struct actor *me, void *context, uint64_t generation, const char *why)
{
    struct click_buffer *self = actor_state(me);

    (void)context;
    (void)generation;
    (void)why;
    EACH_EPOCH(self, epoch)
    {
        click_epoch_lost(epoch);
    }
    if (self->commit != NULL)
        click_commit_redis_lost(self->commit);
    say_modes(me);
}

/* ------------------------------------------------------------------------------------------------ from down the
 * pipeline */

static void on_published(struct actor *me, const struct clicks_published *message)
{
    struct click_buffer *self = actor_state(me);

    for (uint32_t i = 0; i < message->ends.count; i++) {
        const struct lane_position *end = &message->ends.at[i];
        struct click_epoch *epoch = click_buffer_epoch(self, end->epoch);

        if (epoch != NULL && end->lane < BATCH_LANES_LIMIT)
            click_epoch_published(epoch, (uint32_t)end->lane, end->seq);
    }
}

static void on_marks(struct actor *me, const struct marks_moved *message)
{
    struct click_buffer *self = actor_state(me);

    for (uint32_t i = 0; i < message->marks.count; i++) {
        const struct lane_position *mark = &message->marks.at[i];
        struct click_epoch *epoch = click_buffer_epoch(self, mark->epoch);

        if (epoch != NULL && mark->lane < BATCH_LANES_LIMIT)
            click_epoch_marked(epoch, (uint32_t)mark->lane, mark->seq);
    }
}

static void marks_answered(struct actor *me, void *context, const struct answer *answer)
{
    struct click_buffer *self = actor_state(me);

    (void)context;
    self->is_asking_marks = false;
    if (answer->outcome == ASK_ANSWERED && answer->schema == &marks_moved_schema)
        on_marks(me, answer->message);
}

/* Marks may have been missed: a letter is lost with its receiver. Earlier epochs hear of theirs only so. */
static void ask_marks(struct actor *me, void *context)
{
    struct click_buffer *self = actor_state(me);
    struct covered_lane rows[COVERED_LIMIT];
    struct marks_read message = { .lanes = { .at = rows } };
    struct sending how = { .then = marks_answered };

    (void)context;
    EACH_EPOCH(self, epoch)
    {
        bool is_quiet = !epoch->is_current || actor_now_us(me) > epoch->marks_heard_us + MARKS_PATIENCE_US;

        for (uint32_t i = 0; is_quiet && i < epoch->lane_count && message.lanes.count < COVERED_LIMIT; i++) {
            if (epoch_lane_has_pending(&epoch->lanes[i]))
                rows[message.lanes.count++] = (struct covered_lane){ .epoch = epoch->number, .lane = i };
        }
    }
    if (message.lanes.count == 0 || self->is_asking_marks)
        return;
    self->is_asking_marks = true;
    (void)actor_ask(me, TO_SINK, &how, &marks_read_schema, &message);
}

/* ------------------------------------------------------------------------------------------------ what is pending */

static void on_pending(struct actor *me, const struct clicks_pending_read *message, struct question question)
{
    struct click_buffer *self = actor_state(me);
    struct covered_lane *covered = calloc(COVERED_LIMIT, sizeof *covered);
    struct click_window *windows = calloc(WINDOWS_LIMIT, sizeof *windows); /* the kernel maps what is written to */
    struct clicks_pending answer = { .covered = { .at = covered }, .windows = { .at = windows } };

    assert(covered != NULL && windows != NULL);
    answer.incomplete = self->current == NULL || !self->knows_earlier;
    EACH_EPOCH(self, epoch)
    {
        answer.covered.count +=
            click_epoch_covered(epoch, covered + answer.covered.count, COVERED_LIMIT - answer.covered.count);
        answer.windows.count += click_epoch_windows(epoch, message->code, windows + answer.windows.count,
                                                    WINDOWS_LIMIT - answer.windows.count);
        if (!epoch->is_current && !epoch->is_known)
            answer.incomplete = true;
    }
    if (answer.windows.count == WINDOWS_LIMIT || answer.covered.count == COVERED_LIMIT)
        answer.incomplete = true;
    actor_answer(me, question, &clicks_pending_schema, &answer);
    free(covered);
    free(windows);
}

/* ------------------------------------------------------------------------------------------------ time */

static bool is_published(const struct click_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        if (epoch->lanes[i].committed > epoch->lanes[i].published)
            return false;
    }
    return true;
}

static void tick(struct actor *me, void *context)
{
    struct click_buffer *self = actor_state(me);
    bool is_draining = self->draining_until_us != 0;

    (void)context;
    click_epoch_tick(self->current, is_draining);
    click_earlier_tick(self);
    click_progress_measure(self);
    say_modes(me);
    if (is_draining && click_commit_is_idle(self->commit) &&
        (is_published(self->current) || actor_now_us(me) > self->draining_until_us))
        actor_drained(me);
}

/* ------------------------------------------------------------------------------------------------ life */

static void ask_epoch(struct actor *me, void *context);

static void epoch_leased_answer(struct actor *me, void *context, const struct answer *answer)
{
    struct click_buffer *self = actor_state(me);
    const struct epoch_leased *lease = answer->message;

    (void)context;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &epoch_leased_schema || lease->epoch == 0) {
        actor_log(me, LOG_WARN, "no epoch yet, so no clicks can be taken: %s", answer->detail);
        (void)actor_after(me, self->lease_pause_us + actor_random(me) % self->lease_pause_us, ask_epoch, NULL);
        if (self->lease_pause_us < LEASE_RETRY_MOST_US)
            self->lease_pause_us *= 2;
        return;
    }
    self->current = click_epoch_new(&self->place, lease->epoch, (uint32_t)self->lanes, true);
    self->current->marks_heard_us = actor_now_us(me);
    self->commit = click_commit_new(self->current, &self->figures);
    click_earlier_look(me, NULL);
    click_epoch_connected(self->current);
    (void)actor_every(me, TICK_US, tick, NULL);
    (void)actor_every(me, MARKS_PERIOD_US, ask_marks, NULL);
    (void)actor_every(me, MARKS_PERIOD_US, click_earlier_look, NULL);
    (void)actor_every(me, BEAT_US, click_earlier_beat, NULL);
    actor_started(me);
}

static void ask_epoch(struct actor *me, void *context)
{
    struct click_buffer *self = actor_state(me);
    struct sending how = { .then = epoch_leased_answer };

    (void)context;
    (void)failpoint("click_buffer.before_lease");
    (void)ASK(me, TO_ALLOCATOR, &how, epoch_lease, .node = slice_of(actor_node(me)), .actor = slice_of(actor_name(me)),
              .lanes = self->lanes);
}

static void set_place(struct actor *me)
{
    struct click_buffer *self = actor_state(me);

    self->place = (struct click_place){ .me = me,
                                        .redis = self->redis,
                                        .folder = self->folder,
                                        .segment_bytes = self->segment_bytes,
                                        .journal_limit = self->journal_limit,
                                        .seal_every_us = self->seal_every_us,
                                        .seal_clicks = self->seal_clicks,
                                        .to_bridge = TO_BRIDGE,
                                        .to_sink = TO_SINK,
                                        .windows_total = &self->windows_total,
                                        .drained_total = &self->drained_total,
                                        .doubts_total = &self->doubts_total,
                                        .on_resolved = resolved,
                                        .on_live = went_live };
}

static void start(struct actor *me)
{
    struct click_buffer *self = actor_state(me);
    const char *folder = actor_folder(me);
    char why[256];

    if (folder == NULL)
        return;
    if ((size_t)snprintf(self->folder, sizeof self->folder, "%s/journal", folder) >= sizeof self->folder) {
        actor_fail(me, "The folder's name is too long for a journal: %s; give node and actor shorter names.", folder);
        return;
    }
    self->redis = redis_open(me,
                             &(struct redis_options){ .name = "redis",
                                                      .uri = self->redis_uri,
                                                      .beats = true,
                                                      .primary_only = true,
                                                      .deadline_us = self->redis_deadline_us,
                                                      .on_connected = redis_connected,
                                                      .on_lost = redis_lost },
                             why, sizeof why);
    if (self->redis == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    set_place(me);
    self->lease_pause_us = LEASE_RETRY_US;
    ask_epoch(me, NULL);
}

static void stop(struct actor *me)
{
    struct click_buffer *self = actor_state(me);

    click_commit_free(&self->commit);
    click_epoch_free(&self->current);
    for (int i = 0; i < EARLIER_LIMIT; i++)
        click_epoch_free(&self->earlier[i]);
    redis_close(&self->redis);
}

/* Everything is sealed and, if Kafka is there, published before the node ends; what is not, the next start finds. */
static void drain(struct actor *me)
{
    struct click_buffer *self = actor_state(me);

    if (self->current == NULL) {
        actor_drained(me);
        return;
    }
    self->draining_until_us = actor_now_us(me) + DRAIN_LIMIT_US;
    click_epoch_tick(self->current, true);
}

static void option_changed(struct actor *me, const char *option)
{
    (void)option;
    set_place(me);
}

#define AT(field) offsetof(struct click_buffer, field)

static const struct option options[] = {
    { "redis", OPTION_STORE, AT(redis_uri), NULL, "the Redis that clicks are committed to" },
    { "lanes", OPTION_NUMBER, AT(lanes), "6",
      "runs of clicks side by side; lane i goes to partition i, so not more than the topic has", 1, BATCH_LANES_LIMIT },
    { "journal_limit", OPTION_BYTES, AT(journal_limit), "2GiB",
      "bytes of clicks on disk that are not counted yet; beyond, clicks are refused", 1024 * 1024 },
    { "journal_segment", OPTION_BYTES, AT(segment_bytes), "16MiB",
      "bytes after which the journal goes on in a new file", 64 * 1024, 1024 * 1024 * 1024 },
    { "windows_limit", OPTION_BYTES, AT(windows_limit), "256MiB",
      "bytes of memory for counts that are not in Postgres yet; beyond, clicks are refused", 1024 * 1024 },
    { "seal_every", OPTION_DURATION, AT(seal_every_us), "1s", "how often a lane's clicks are sealed and sent to Kafka",
      50 * 1000, 60ull * 1000 * 1000, NULL, true },
    { "seal_clicks", OPTION_NUMBER, AT(seal_clicks), "100k",
      "clicks of a lane that are sealed at the next look, whatever the time", 1, 0, NULL, true },
    { "redis_deadline", OPTION_DURATION, AT(redis_deadline_us), "500ms",
      "how long Redis may take for a commit before the journal alone has to do", 10 * 1000, 10ull * 1000 * 1000 },
    { "adopt_after", OPTION_DURATION, AT(adopt_after_us), "10min",
      "how long another producer is silent before what it left in Redis is published from here", 30 * 1000 * 1000,
      UINT64_C(31) * 24 * 3600 * 1000 * 1000, NULL, true },
};

#define COUNTER(field, text)                                                                                           \
    {                                                                                                                  \
        .name = #field, .type = METRIC_COUNTER, .offset = AT(field), .help = text                                      \
    }
#define FIGURE(field, kind, text)                                                                                      \
    {                                                                                                                  \
        .name = #field, .type = kind, .offset = AT(figures.field), .help = text                                        \
    }
#define GAUGE(field, text)                                                                                             \
    {                                                                                                                  \
        .name = #field, .type = METRIC_GAUGE, .offset = AT(field), .help = text                                        \
    }

/* By rank, not by code: labels that change with what is popular would be new series for ever. */
#define LARGEST(index, rank_text)                                                                                      \
    {                                                                                                                  \
        .name = "largest_code_clicks", .type = METRIC_GAUGE, .offset = AT(largest[index]),                             \
        .help = "clicks of the codes with the most that Postgres does not have yet, by rank",                          \
        .labels = "rank=\"" rank_text "\""                                                                             \
    }

static const struct metric metrics[] = {
    FIGURE(clicks_total, METRIC_COUNTER, "clicks committed"),
    FIGURE(batches_total, METRIC_COUNTER, "batches committed"),
    FIGURE(journal_only_total, METRIC_COUNTER, "clicks committed by the journal alone"),
    FIGURE(redis_only_total, METRIC_COUNTER, "clicks committed by Redis alone"),
    FIGURE(refused_total, METRIC_COUNTER, "clicks refused, because they could not be stored"),
    FIGURE(commit_us, METRIC_HISTOGRAM_US, "time from the edge's question to its answer"),
    COUNTER(windows_total, "windows sealed"),
    COUNTER(drained_total, "batches sent to Redis from the journal"),
    COUNTER(doubts_total, "times that Redis's word could not be relied on"),
    GAUGE(journal_bytes, "bytes of journal on disk"),
    GAUGE(windows_bytes, "memory of counts that Postgres does not have yet"),
    GAUGE(windows_waiting, "sealed windows that Postgres does not have yet"),
    GAUGE(unpublished_clicks, "clicks committed and not yet in Kafka"),
    GAUGE(epochs_earlier, "earlier epochs of this node that are not drained yet"),
    LARGEST(0, "1"),
    LARGEST(1, "2"),
    LARGEST(2, "3"),
    LARGEST(3, "4"),
    LARGEST(4, "5"),
    LARGEST(5, "6"),
    LARGEST(6, "7"),
    LARGEST(7, "8"),
};

static const struct outlet outlets[] = {
    [TO_ALLOCATOR] = { .name = "epochs", .to = "id_allocator", .doc = "gives each start its epoch" },
    [TO_BRIDGE] = { .name = "bridge",
                    .to = "kafka_bridge",
                    .doc = "publishes sealed windows",
                    .pick = PICK_SAME_NODE,
                    .overload = OVERLOAD_DROP_OLDEST },
    [TO_SINK] = { .name = "marks",
                  .to = "postgres_sink",
                  .doc = "tells what is counted",
                  .pick = PICK_ROUND_ROBIN,
                  .optional = true },
};

static const struct handler handlers[] = {
    ASKED(clicks_commit, on_commit),    TOLD(clicks_published, on_published),
    TOLD(marks_moved, on_marks),        ASKED(clicks_pending_read, on_pending),
    ASKED(health_read, health_on_read), ASKED(lanes_read, click_progress_on_read),
};

const struct actor_kind click_buffer_kind = {
    .name = "click_buffer",
    .doc = "commits clicks before their redirects are answered",
    .state_size = sizeof(struct click_buffer),
    .start = start,
    .starts_slowly = true,
    .start_limit_us = 120ull * 1000 * 1000,
    .stop = stop,
    .drain = drain,
    .turn_end = turn_end,
    .option_changed = option_changed,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
