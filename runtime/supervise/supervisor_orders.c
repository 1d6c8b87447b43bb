/* SPDX-License-Identifier: MIT */
/* supervisor_orders -- what a supervisor passes on to its actors: live settings and an operator's orders; see
 * supervisor.h. */
#include "runtime/supervise/supervisor.h"
#include "runtime/supervise/supervisor_state.h"

enum {
    SETTINGS_WAIT_US = 300 * 1000, /* a node starts with its defaults rather than not at all */
    SETTINGS_RETRY_US = 2 * 1000 * 1000
};

/* ------------------------------------------------------------------------------------------------ settings */

static void apply_setting(struct actor *me, struct slice name, struct slice value)
{
    struct supervisor *self = supervisor_of(me);
    char kind[SETTING_NAME_LIMIT];
    char text[SETTING_VALUE_LIMIT];
    char *dot;

    if (!slice_copy(name, kind, sizeof kind) || !slice_copy(value, text, sizeof text) ||
        (dot = strchr(kind, '.')) == NULL)
        return;
    *dot = '\0';
    if (strcmp(kind, supervisor_kind.name) == 0)
        cell_set_option(me, dot + 1, text);
    for (size_t i = 0; i < self->process->child_count; i++) {
        if (strcmp(self->process->children[i].plan->kind->name, kind) == 0)
            supervisor_command(&self->process->children[i], COMMAND_SETTING, dot + 1, text);
    }
}

void supervisor_on_setting(struct actor *me, const struct setting_changed *m)
{
    supervisor_of(me)->settings_version = m->version;
    apply_setting(me, m->name, m->value);
}

static void settings_came(struct actor *me, void *context, const struct answer *answer)
{
    struct supervisor *self = supervisor_of(me);

    (void)context;
    if (answer->outcome == ASK_ANSWERED && answer->schema == &settings_schema) {
        const struct settings *settings = answer->message;

        self->has_settings = true;
        for (uint32_t i = 0; i < settings->rows.count; i++)
            apply_setting(me, settings->rows.at[i].name, settings->rows.at[i].value);
    } else if (answer->outcome != ASK_NO_TARGET) {
        actor_after(me, SETTINGS_RETRY_US, supervisor_ask_for_settings, NULL);
    }
    supervisor_start_next(me);
}

void supervisor_ask_for_settings(struct actor *me, void *context)
{
    (void)context;
    ASK(me, TO_CONFIG, (&(struct sending){ .deadline_us = SETTINGS_WAIT_US, .then = settings_came }), settings_read,
        .only_set = true);
}

/* ------------------------------------------------------------------------------------------------ orders */

struct actor_verb {
    const char *name;
    enum notice_type command;
};

static const struct actor_verb actor_verbs[] = {
    { "suspend", COMMAND_SUSPEND },
    { "resume", COMMAND_RESUME },
    { "drain", COMMAND_DRAIN },
    { "restart", COMMAND_FAIL },
};

static const struct actor_verb *find_verb(struct slice name)
{
    for (size_t i = 0; i < sizeof actor_verbs / sizeof actor_verbs[0]; i++) {
        if (slice_is(name, actor_verbs[i].name))
            return &actor_verbs[i];
    }
    return NULL;
}

void supervisor_on_command(struct actor *me, const struct actor_command *m, struct question q)
{
    struct supervisor *self = supervisor_of(me);
    const struct actor_verb *verb = find_verb(m->verb);
    size_t done_to = 0;

    if (self->draining != 0 && verb != NULL && verb->command == COMMAND_DRAIN) {
        actor_refuse(me, q, "another drain is under way in node %s; ask again when it is done", actor_node(me));
        return;
    }
    if (verb == NULL) {
        actor_refuse(me, q, "an actor can be told to suspend, resume, drain or restart, not to %.*s", (int)m->verb.size,
                     m->verb.at);
        return;
    }
    for (size_t i = 0; i < self->process->child_count; i++) {
        struct child *child = &self->process->children[i];

        if (m->actor.size > 0 && !slice_is(m->actor, child->plan->name))
            continue;
        if (verb->command == COMMAND_DRAIN) {
            supervisor_drain(me, child);
            self->draining |= (uint64_t)1 << i;
        } else { /* what an operator had drained comes back by the word for a restart */
            supervisor_command(
                child, verb->command == COMMAND_FAIL && child->life == CELL_STOPPED ? COMMAND_START : verb->command,
                "an operator asked for a restart", "");
        }
        done_to++;
    }
    if (done_to == 0) {
        actor_refuse(me, q, "node %s has no actor %.*s", actor_node(me), (int)m->actor.size, m->actor.at);
        return;
    }
    actor_log(me, LOG_INFO, "%.*s: %.*s %.*s", (int)m->who.size, m->who.at, (int)m->verb.size, m->verb.at,
              m->actor.size > 0 ? (int)m->actor.size : 3, m->actor.size > 0 ? m->actor.at : "all");
    if (verb->command == COMMAND_DRAIN)
        self->drain_question = q;
    else
        ANSWER(me, q, done, .detail = SLICE("done"));
}

void supervisor_child_stopped(struct actor *me, size_t index)
{
    struct supervisor *self = supervisor_of(me);
    uint64_t left = self->draining & ~((uint64_t)1 << index);

    if (left == self->draining)
        return;
    self->draining = left;
    if (left == 0)
        ANSWER(me, self->drain_question, done, .detail = SLICE("drained"));
}
