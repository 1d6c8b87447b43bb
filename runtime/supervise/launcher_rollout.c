/* SPDX-License-Identifier: MIT */
/*
 * launcher_rollout -- a rolling restart: a node at a time, and on to the next only when this one is well again.
 *
 * Before a node is touched, all others of its role must be up, and no other may be on its way. It is restarted in an
 * orderly way (the others are told first, it drains). It is well again when its process is up, all its actors are up,
 * what they depend on is in order, and every other node has confirmed that it knows. What does not come true in time,
 * or a node that fails, ends the whole: those that are left are not touched, and the reason stays to be read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/supervise/launcher_state.h"

enum {
    LOOK_US = 50 * 1000,
    QUIET_LIMIT_US = 30 * 1000 * 1000,  /* for the others to be up */
    HEALTH_LIMIT_US = 60 * 1000 * 1000, /* for a node to be well again once it is up */
    ASK_LIMIT_US = 2 * 1000 * 1000,
    CHANGES_LIMIT_US = 300 * 1000 * 1000, /* for all actors to take over what concerns only them */
    RESTART_SLACK_US = 30 * 1000 * 1000   /* beyond the node's own time to stop */
};

static void look(struct actor *me, void *context);

static void go_to(struct actor *me, int step, uint64_t limit_us)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    rollout->step = step;
    rollout->deadline_us = actor_now_us(me) + limit_us;
    rollout->is_asked = false;
    rollout->reason[0] = '\0';
}

bool launcher_is_rolling(const struct launcher *self)
{
    const struct rollout *rollout = &self->rollout;

    return rollout->step != ROLLOUT_DONE && rollout->step != ROLLOUT_FAILED;
}

static const char *name_of_next(const struct rollout *rollout)
{
    return rollout->done < rollout->count ? rollout->units[rollout->done]->name : "";
}

void launcher_end_rollout(struct actor *me, const char *why)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    if (!launcher_is_rolling(launcher_of(me)))
        return;
    rollout->step = ROLLOUT_FAILED;
    snprintf(rollout->reason, sizeof rollout->reason, "%s", why);
    actor_cancel_timer(me, &rollout->timer);
    actor_log(me, LOG_ERROR, "the rolling restart or reload stops%s%s: %s",
              rollout->done < rollout->count ? " at " : "", name_of_next(rollout), why);
}

/* ------------------------------------------------------------------------------------------------ the steps */

static bool must_be_there(const struct unit *unit, const struct unit *next)
{
    bool is_of_its_role =
        next != NULL && unit->node != NULL && !unit->is_removed && strcmp(unit->node->role, next->node->role) == 0;

    return is_of_its_role || (unit->state != UNIT_STOPPED && unit->state != UNIT_GAVE_UP);
}

static void end_well(struct actor *me)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    go_to(me, ROLLOUT_DONE, 0);
    actor_cancel_timer(me, &rollout->timer);
    actor_log(me, LOG_INFO, "rolling restart: done, %zu nodes", rollout->count);
    launcher_stop_removed(me);
}

/* Whether nobody is missing while the next one is away. */
static void wait_for_others(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    struct rollout *rollout = &self->rollout;
    struct unit *next = rollout->done < rollout->count ? rollout->units[rollout->done] : NULL;

    for (size_t i = 0; i < self->unit_count; i++) {
        const struct unit *unit = &self->units[i];

        if (unit_is_there(unit) || (unit != next && !must_be_there(unit, next)))
            continue;
        snprintf(rollout->reason, sizeof rollout->reason, "%s is not up but %s", unit->name,
                 unit_state_name(unit->state));
        return;
    }
    if (next == NULL) {
        end_well(me);
        return;
    }
    actor_log(me, LOG_INFO, "rolling restart: %s, %zu of %zu", next->name, rollout->done + 1, rollout->count);
    go_to(me, ROLLOUT_RESTARTING, next->node->stop_limit_us + RESTART_SLACK_US);
    unit_restart(me, next);
}

static void wait_until_up(struct actor *me)
{
    struct rollout *rollout = &launcher_of(me)->rollout;
    const struct unit *unit = rollout->units[rollout->done];

    if (unit->state == UNIT_UP)
        go_to(me, ROLLOUT_CHECKING, HEALTH_LIMIT_US);
    else if (unit->state == UNIT_BACKOFF || unit->state == UNIT_GAVE_UP)
        launcher_end_rollout(me, unit->reason);
    else
        snprintf(rollout->reason, sizeof rollout->reason, "it is %s", unit_state_name(unit->state));
}

/* Writes what is not in order with the node's actors; "" when all is. */
static void judge(const struct node_status *status, char *why, size_t room)
{
    why[0] = '\0';
    for (uint32_t i = 0; i < status->actors.count; i++) {
        const struct actor_status *actor = &status->actors.at[i];

        if (!slice_is(actor->state, "up"))
            snprintf(why, room, "its actor %.*s is %.*s", (int)actor->name.size, actor->name.at, (int)actor->state.size,
                     actor->state.at);
        for (uint32_t d = 0; d < actor->dependencies.count; d++) {
            const struct dependency_status *row = &actor->dependencies.at[d];

            if (!slice_is(row->mode, "normal") && !slice_is(row->mode, "unknown"))
                snprintf(why, room, "for its actor %.*s %.*s is %.*s", (int)actor->name.size, actor->name.at,
                         (int)row->name.size, row->name.at, (int)row->mode.size, row->mode.at);
        }
    }
}

static void node_is_well(struct actor *me)
{
    launcher_of(me)->rollout.done++;
    go_to(me, ROLLOUT_WAITING, QUIET_LIMIT_US);
}

static void status_came(struct actor *me, void *context, const struct answer *answer)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    if (rollout->step != ROLLOUT_CHECKING || rollout->units[rollout->done] != context)
        return;
    rollout->is_asked = false;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &node_status_schema)
        snprintf(rollout->reason, sizeof rollout->reason, "its supervisor does not answer: %s", answer->detail);
    else
        judge(answer->message, rollout->reason, sizeof rollout->reason);
    if (rollout->reason[0] == '\0')
        node_is_well(me);
}

static void check_health(struct actor *me)
{
    struct launcher *self = launcher_of(me);
    struct rollout *rollout = &self->rollout;
    struct unit *unit = rollout->units[rollout->done];

    if (unit->state != UNIT_UP) {
        launcher_end_rollout(me, unit->reason[0] != '\0' ? unit->reason : "it is up no longer");
        return;
    }
    if (rollout->is_asked)
        return;
    if (!launcher_others_know(me)) {
        snprintf(rollout->reason, sizeof rollout->reason, "not all other nodes know that it is back");
        return;
    }
    rollout->is_asked = true;
    ASK(me, TO_SUPERVISORS,
        (&(struct sending){ .deadline_us = ASK_LIMIT_US,
                            .then = status_came,
                            .context = unit,
                            .only = launcher_receiver_of(me, unit) + 1 }),
        status_read, );
}

static void look(struct actor *me, void *context)
{
    struct rollout *rollout = &launcher_of(me)->rollout;
    char why[REASON_LIMIT];

    (void)context;
    if (actor_now_us(me) >= rollout->deadline_us) {
        snprintf(why, sizeof why, "%.480s for too long", rollout->reason[0] != '\0' ? rollout->reason : "no news");
        launcher_end_rollout(me, why);
    } else if (rollout->step == ROLLOUT_CHANGING) {
        launcher_apply_changes(me);
    } else if (rollout->step == ROLLOUT_WAITING) {
        wait_for_others(me);
    } else if (rollout->step == ROLLOUT_RESTARTING) {
        wait_until_up(me);
    } else {
        check_health(me);
    }
}

/* ------------------------------------------------------------------------------------------------ messages */

void launcher_answer_rollout(struct actor *me, struct question q)
{
    static const char *const steps[] = {
        [ROLLOUT_DONE] = "",
        [ROLLOUT_CHANGING] = "changing",
        [ROLLOUT_WAITING] = "waiting",
        [ROLLOUT_RESTARTING] = "restarting",
        [ROLLOUT_CHECKING] = "checking",
        [ROLLOUT_FAILED] = "",
    };
    const struct rollout *rollout = &launcher_of(me)->rollout;
    const char *state = rollout->step == ROLLOUT_DONE     ? "done"
                        : rollout->step == ROLLOUT_FAILED ? "failed"
                                                          : "under_way";

    ANSWER(me, q, rolling_status, .number = rollout->number, .state = slice_of(state),
           .node = slice_of(name_of_next(rollout)), .step = slice_of(steps[rollout->step]), .done = rollout->done,
           .total = rollout->count, .reason = slice_of(rollout->reason));
}

void launcher_on_rollout_read(struct actor *me, const struct rolling_read *m, struct question q)
{
    (void)m;
    launcher_answer_rollout(me, q);
}

void launcher_roll(struct actor *me, int step)
{
    struct rollout *rollout = &launcher_of(me)->rollout;

    rollout->number++;
    rollout->done = 0;
    go_to(me, step, step == ROLLOUT_CHANGING ? CHANGES_LIMIT_US : QUIET_LIMIT_US);
    rollout->timer = actor_every(me, LOOK_US, look, NULL);
}

void launcher_rolled_changes(struct actor *me)
{
    go_to(me, ROLLOUT_WAITING, QUIET_LIMIT_US);
}

/* Which units are meant. False when a name is none of a node's. */
static bool choose(struct launcher *self, const struct rolling_restart *m, struct question q, struct actor *me)
{
    struct rollout *rollout = &self->rollout;

    rollout->count = 0;
    for (size_t i = 0; i < self->unit_count && m->nodes.count == 0; i++)
        if (self->units[i].node != NULL && !self->units[i].is_removed)
            rollout->units[rollout->count++] = &self->units[i];
    for (uint32_t i = 0; i < m->nodes.count; i++) {
        struct slice name = m->nodes.at[i].name;
        struct unit *unit = launcher_find(self, name);

        if (unit == NULL || unit->node == NULL || unit->is_removed) {
            rollout->count = 0;
            actor_refuse(me, q, "there is no node %.*s", (int)name.size, name.at);
            return false;
        }
        rollout->units[rollout->count++] = unit;
    }
    return true;
}

void launcher_on_rollout(struct actor *me, const struct rolling_restart *m, struct question q)
{
    struct launcher *self = launcher_of(me);
    struct rollout *rollout = &self->rollout;

    if (self->is_stopping) {
        actor_refuse(me, q, "the platform is stopping");
        return;
    }
    if (launcher_is_rolling(self)) {
        actor_refuse(me, q, "a rolling restart or a reload is under way already%s%s",
                     rollout->done < rollout->count ? ", at " : "", name_of_next(rollout));
        return;
    }
    rollout->done = 0;
    rollout->step = ROLLOUT_DONE;
    if (!choose(self, m, q, me))
        return;
    actor_log(me, LOG_INFO, "%.*s: rolling restart of %zu nodes", (int)m->who.size, m->who.at, rollout->count);
    launcher_roll(me, ROLLOUT_WAITING);
    launcher_answer_rollout(me, q);
}
