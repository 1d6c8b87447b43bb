/* SPDX-License-Identifier: MIT */
/* trace -- which trace an actor's work belongs to, and the spans it leaves behind; see actor.h and watch/span.h. */
#include "runtime/cell/cell.h"
#include "runtime/watch/span.h"

/* What a turn collects belongs to its first trace, or better to its first recorded one. */
void cell_trace(struct actor *cell, const struct trace *trace)
{
    cell->trace = *trace;
    if (trace_is_set(trace) &&
        (!trace_is_set(&cell->turn_trace) || (trace->is_recorded && !cell->turn_trace.is_recorded)))
        cell->turn_trace = *trace;
}

void actor_continue_trace(struct actor *me, const struct trace *trace)
{
    cell_trace(me, trace);
}

static uint64_t clock_us(const struct actor *cell)
{
    const struct clock_source *clock = cell->reactor->node->clock;

    return clock->monotonic_us(clock->context);
}

void cell_span(struct actor *cell,
               const struct trace *trace,
               enum span_kind kind,
               uint64_t began_us,
               const char *name,
               const char *other)
{
    const struct reactor *reactor = cell->reactor;
    uint64_t now_us = clock_us(cell);
    struct span span = { .trace = { trace->id[0], trace->id[1] }, .kind = kind };

    if (reactor->node->spans == NULL)
        return;
    span.duration_us = now_us > began_us ? now_us - began_us : 0;
    span.started_wall_us = reactor->wall_us + began_us - reactor->now_us; /* both clocks were read together */
    slice_copy(slice_of(cell->name), span.actor, sizeof span.actor);
    slice_copy(slice_of(name), span.name, sizeof span.name);
    slice_copy(slice_of(other), span.other, sizeof span.other);
    span_add(reactor->node->spans, &span);
}

struct span_mark actor_span_begin(const struct actor *me)
{
    return (struct span_mark){ .trace = me->trace, .began_us = me->trace.is_recorded ? clock_us(me) : 0 };
}

void actor_span_end(
    struct actor *me, const struct span_mark *mark, enum span_kind kind, const char *name, const char *other)
{
    if (kind != SPAN_REQUEST) /* with that its trace is at its end */
        cell_trace(me, &mark->trace);
    if (mark->trace.is_recorded)
        cell_span(me, &mark->trace, kind, mark->began_us, name, other);
}
