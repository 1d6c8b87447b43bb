/* SPDX-License-Identifier: MIT */
/* supervisor_console -- what only a console asks of a node: its spans, what to trace, its failpoints; see supervisor.h.
 */
#include <stdlib.h>

#include "proto/catalog.h"
#include "runtime/failpoint.h"
#include "runtime/supervise/supervisor_state.h"
#include "runtime/watch/span.h"

enum { SPANS_ANSWER_LIMIT = 1024, FAILPOINTS_LIMIT = 256, FAILPOINT_TEXT_ROOM = 128 };

/* ------------------------------------------------------------------------------------------------ traces */

static struct span_row row_of(const struct span *span)
{
    return (struct span_row){
        .trace_high = span->trace[0],
        .trace_low = span->trace[1],
        .number = span->number,
        .started_us = span->started_wall_us,
        .duration_us = span->duration_us,
        .actor = slice_of(span->actor),
        .kind = slice_of(span_kind_name(span->kind)),
        .name = slice_of(span->name),
        .other = slice_of(span->other),
    };
}

void supervisor_on_spans_read(struct actor *me, const struct spans_read *m, struct question q)
{
    struct span *kept = calloc(SPANS_ANSWER_LIMIT, sizeof *kept);
    struct span_row *rows = calloc(SPANS_ANSWER_LIMIT, sizeof *rows);
    struct spans answer = { .rows.at = rows };

    if (kept == NULL || rows == NULL || me->reactor->node->spans == NULL) {
        actor_refuse(me, q, "node %s keeps no spans just now", actor_node(me));
    } else {
        answer.rows.count =
            (uint32_t)span_read(me->reactor->node->spans, (const uint64_t[]){ m->trace_high, m->trace_low }, m->since,
                                kept, SPANS_ANSWER_LIMIT, &answer.last);
        for (uint32_t i = 0; i < answer.rows.count; i++)
            rows[i] = row_of(&kept[i]);
        actor_answer(me, q, &spans_schema, &answer);
    }
    free(kept);
    free(rows);
}

static bool find_message(struct slice name, uint16_t *ret_id)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);

    *ret_id = 0;
    for (size_t i = 0; i < count && name.size > 0; i++) {
        if (slice_is(name, all[i]->name))
            *ret_id = all[i]->id;
    }
    return name.size == 0 || *ret_id != 0;
}

void supervisor_on_trace_watch(struct actor *me, const struct trace_watch *m, struct question q)
{
    uint64_t for_us = m->for_us < SPAN_WATCH_LIMIT_US ? m->for_us : SPAN_WATCH_LIMIT_US;
    uint32_t one_in = m->one_in < UINT32_MAX ? (uint32_t)m->one_in : UINT32_MAX;
    uint16_t message;

    if (me->reactor->node->spans == NULL) {
        actor_refuse(me, q, "node %s keeps no spans", actor_node(me));
        return;
    }
    if (!find_message(m->message, &message)) {
        actor_refuse(me, q, "there is no message '%.*s'", (int)(m->message.size < 64 ? m->message.size : 64),
                     m->message.at);
        return;
    }
    span_watch(me->reactor->node->spans, m->actor, message, one_in, actor_now_us(me) + for_us);
    actor_log(me, LOG_INFO, "%.*s: trace one in %u of %.*s at %.*s", (int)m->who.size, m->who.at, one_in,
              m->message.size > 0 ? (int)m->message.size : 12, m->message.size > 0 ? m->message.at : "all messages",
              m->actor.size > 0 ? (int)m->actor.size : 10, m->actor.size > 0 ? m->actor.at : "all actors");
    ANSWER(me, q, done, .detail = SLICE("done"));
}

/* ------------------------------------------------------------------------------------------------ failpoints */

static const char *action_name(int action)
{
    static const char *const names[] = {
        [FAILPOINT_OFF] = "off",   [FAILPOINT_CRASH] = "crash", [FAILPOINT_ERROR] = "error",
        [FAILPOINT_HANG] = "hang", [FAILPOINT_DELAY] = "delay",
    };

    return names[action];
}

void supervisor_on_failpoints_read(struct actor *me, const struct failpoints_read *m, struct question q)
{
    struct failpoint **points;
    size_t count = failpoint_list(&points);
    struct failpoint_row *rows = calloc(FAILPOINTS_LIMIT, sizeof *rows);
    struct failpoints answer = { .rows.at = rows };

    (void)m;
    for (size_t i = 0; rows != NULL && i < count && i < FAILPOINTS_LIMIT; i++)
        rows[answer.rows.count++] = (struct failpoint_row){
            .name = slice_of(points[i]->name),
            .action = slice_of(action_name(atomic_load(&points[i]->action))),
            .delay_us = atomic_load(&points[i]->delay_us),
            .skip = atomic_load(&points[i]->skip),
            .times = atomic_load(&points[i]->times),
            .hits = atomic_load(&points[i]->hits),
        };
    actor_answer(me, q, &failpoints_schema, &answer);
    free(rows);
}

static const char *set_all(const char *action)
{
    struct failpoint **points;
    size_t count = failpoint_list(&points);
    const char *mistake = strcmp(action, "off") == 0 ? NULL : "Without a name there is only off, for all of them.";

    for (size_t i = 0; i < count && mistake == NULL; i++)
        mistake = failpoint_set(points[i]->name, action);
    return mistake;
}

void supervisor_on_failpoint_order(struct actor *me, const struct failpoint_order *m, struct question q)
{
    char name[FAILPOINT_TEXT_ROOM];
    char action[FAILPOINT_TEXT_ROOM];
    struct failpoint **points;
    const char *mistake = "That is longer than any failpoint's name or action.";

    if (failpoint_list(&points) == 0) {
        actor_refuse(me, q, "this is a release build: it has no failpoints");
        return;
    }
    if (slice_copy(m->name, name, sizeof name) && slice_copy(m->action, action, sizeof action))
        mistake = name[0] != '\0' ? failpoint_set(name, action) : set_all(action);
    if (mistake != NULL) {
        actor_refuse(me, q, "%s", mistake);
        return;
    }
    actor_log(me, LOG_WARN, "%.*s: failpoint %s %s", (int)m->who.size, m->who.at, name[0] != '\0' ? name : "all",
              action);
    ANSWER(me, q, done, .detail = SLICE("done"));
}
