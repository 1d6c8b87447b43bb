/* SPDX-License-Identifier: MIT */
#include "runtime/watch/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cell/cell.h"

/* ------------------------------------------------------------------------------------------------ lines */

__attribute__((format(printf, 2, 3))) static void put(struct buffer *out, const char *format, ...)
{
    va_list arguments;
    char *at = buffer_reserve(out, 1024);

    va_start(arguments, format);
    int size = vsnprintf(at, 1024, format, arguments);
    va_end(arguments);
    assert(size >= 0 && size < 1024);
    out->size += (size_t)size;
}

static void put_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    put(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void exposition_line(
    struct buffer *out, const char *name, const char *type, const char *help, const char *labels, double value)
{
    put_head(out, name, type, help);
    put(out, "%s{%s} %.17g\n", name, labels, value);
}

/* `unit`: what one of the histogram's own steps is in the exposition. */
static void
put_histogram(struct buffer *out, const char *name, const char *labels, const struct histogram *histogram, double unit)
{
    uint64_t below = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += counter_read(&histogram->buckets[i]);
        if (i + 1 < HISTOGRAM_BUCKETS)
            put(out, "%s_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n", name, labels, (double)((uint64_t)1 << i) * unit, below);
    }
    put(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, below);
    put(out, "%s_sum{%s} %.9g\n", name, labels, (double)counter_read(&histogram->sum_us) * unit);
    put(out, "%s_count{%s} %" PRIu64 "\n", name, labels, below);
}

void histogram_observe_us(struct histogram *histogram, uint64_t value_us)
{
    unsigned bucket = value_us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value_us - 1);

    counter_add(&histogram->buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1], 1);
    counter_add(&histogram->sum_us, value_us);
    counter_add(&histogram->count, 1);
}

void series_clear(struct series *series)
{
    series->count = 0;
}

void series_set(struct series *series, double value, const char *labels, ...)
{
    char text[SERIES_LABELS_SIZE];
    uint32_t at = 0;
    va_list arguments;

    va_start(arguments, labels);
    int size = vsnprintf(text, sizeof text, labels, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof text)
        return;
    while (at < series->count && strcmp(series->at[at].labels, text) != 0)
        at++;
    if (at == SERIES_LIMIT)
        return;
    if (at == series->count)
        memcpy(series->at[series->count++].labels, text, (size_t)size + 1);
    series->at[at].value = value;
}

static void put_series(struct buffer *out, const char *name, const char *labels, const struct series *series)
{
    for (uint32_t i = 0; i < series->count; i++)
        put(out, "%s{%s,%s} %.17g\n", name, labels, series->at[i].labels, series->at[i].value);
}

/* ------------------------------------------------------------------------------------------------ an actor's */

/* Histograms are kept in microseconds and exposed in seconds: a row named x_us comes out as x_seconds. */
static void exposed_name(const char *prefix, const struct metric *row, char name[160])
{
    size_t size = strlen(row->name);

    if (row->type == METRIC_HISTOGRAM_US && size > 3 && strcmp(row->name + size - 3, "_us") == 0)
        snprintf(name, 160, "shunt_%s%.*s_seconds", prefix, (int)(size - 3), row->name);
    else
        snprintf(name, 160, "shunt_%s%s", prefix, row->name);
}

static void put_row(struct buffer *out, const char *prefix, const struct metric *row, const char *base, const char *own)
{
    static const char *const types[] = { "counter", "gauge", "histogram", "histogram", "counter", "gauge" };
    const void *at = base + row->offset;
    char name[160];
    char labels[320];

    exposed_name(prefix, row, name);
    snprintf(labels, sizeof labels, "%s%s%s", own, row->labels != NULL ? "," : "",
             row->labels != NULL ? row->labels : "");
    put_head(out, name, types[row->type], row->help);
    switch (row->type) {
    case METRIC_COUNTER:
        put(out, "%s{%s} %" PRIu64 "\n", name, labels, counter_read(at));
        break;
    case METRIC_GAUGE:
        put(out, "%s{%s} %" PRId64 "\n", name, labels, gauge_read(at));
        break;
    case METRIC_HISTOGRAM_US:
        put_histogram(out, name, labels, at, 1e-6);
        break;
    case METRIC_HISTOGRAM:
        put_histogram(out, name, labels, at, 1);
        break;
    case METRIC_COUNTER_SERIES:
    case METRIC_GAUGE_SERIES:
        put_series(out, name, labels, at);
        break;
    }
}

/* What every actor has, without writing anything. */
static const struct metric common[] = {
    { "letters_in_total", METRIC_COUNTER, offsetof(struct actor, letters_in), "Letters handled.", NULL },
    { "letters_out_total", METRIC_COUNTER, offsetof(struct actor, letters_out), "Letters sent.", NULL },
    { "late_answers_total", METRIC_COUNTER, offsetof(struct actor, late_answers),
      "Answers that came after their deadline.", NULL },
    { "errors_total", METRIC_COUNTER, offsetof(struct actor, errors), "Letters that could not be handled.", NULL },
    { "mailbox_high_water_letters", METRIC_GAUGE, offsetof(struct actor, mailbox_high_water),
      "Most letters that ever waited on the actor's own thread.", NULL },
    { "handling_us", METRIC_HISTOGRAM_US, offsetof(struct actor, handling), "Time that a letter's handler took.",
      NULL },
};

/* What flows between it and the others. */
static void put_flow(const struct actor *actor, struct buffer *out, const char *own)
{
    uint64_t waiting = 0;
    uint64_t stalls = 0;
    uint64_t credit = UINT64_MAX;

    for (uint32_t i = 0; i < actor->peer_count; i++) {
        const struct peer *peer = actor->peers[i];
        uint64_t under_way = peer_under_way(peer);
        uint64_t left = peer->window > under_way ? peer->window - under_way : 0;

        waiting += peer_waiting(peer);
        stalls += peer->stalls;
        if (peer->is_wired && left < credit)
            credit = left;
    }
    exposition_line(out, "shunt_actor_mailbox_letters", "gauge", "Letters that wait to be handled.", own,
                    (double)actor->inbox_letters);
    exposition_line(out, "shunt_actor_waiting_letters", "gauge", "Letters held back for lack of credit.", own,
                    (double)waiting);
    exposition_line(out, "shunt_actor_credit_stalls_total", "counter", "How often credit ran out.", own,
                    (double)stalls);
    if (credit != UINT64_MAX)
        exposition_line(out, "shunt_actor_credit_letters", "gauge",
                        "Letters that the receiver with the least credit would still take.", own, (double)credit);
}

static void put_dependency(const struct dependency *dependency, struct buffer *out, const char *own)
{
    const char *mode = dependency_mode(dependency);
    char labels[320];

    if (dependency->breaker == NULL && strcmp(mode, "unknown") == 0)
        return; /* not in use: it was closed, and nobody says anything of it */
    snprintf(labels, sizeof labels, "%s,dependency=\"%s\"", own, dependency->name);
    exposition_line(out, "shunt_actor_dependency_normal", "gauge",
                    "1 when the dependency works as it should, 0 in a degraded mode.", labels,
                    strcmp(mode, "normal") == 0);
    if (dependency->breaker != NULL)
        exposition_line(out, "shunt_actor_breaker_open", "gauge", "1 until the breaker lets all through again.", labels,
                        dependency->breaker->state != BREAKER_CLOSED);
    snprintf(labels, sizeof labels, "%s,dependency=\"%s\",mode=\"%s\"", own, dependency->name, mode);
    exposition_line(out, "shunt_actor_dependency_mode", "gauge", "Always 1; its label is the mode the actor is in.",
                    labels, 1);
}

static void put_derived(const struct actor *actor, struct buffer *out, const char *own)
{
    char labels[320];

    exposition_line(out, "shunt_actor_up", "gauge", "Whether the actor is up.", own, actor->life == CELL_UP);
    exposition_line(out, "shunt_actor_restarts_total", "counter", "Restarts after failures.", own,
                    (double)actor->restarts);
    put_flow(actor, out, own);
    for (unsigned reason = 0; reason < DEAD_REASONS; reason++) {
        snprintf(labels, sizeof labels, "%s,reason=\"%s\"", own, dead_reason_name((enum dead_reason)reason));
        exposition_line(out, "shunt_actor_dead_letters_total", "counter", "Letters that nobody handled.", labels,
                        (double)actor->dead.counts[reason]);
    }
    for (uint32_t i = 0; i < actor->dependency_count; i++)
        put_dependency(&actor->dependencies[i], out, own);
}

void exposition_of_actor(const struct actor *actor, struct buffer *out)
{
    char own[160];
    char prefix[64];

    snprintf(own, sizeof own, "node=\"%s\",actor=\"%s\"", actor->reactor->node->name, actor->name);
    snprintf(prefix, sizeof prefix, "%s_", actor->kind->name);
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        put_row(out, "actor_", &common[i], (const char *)actor, own);
    put_derived(actor, out, own);
    for (size_t i = 0; i < actor->kind->metric_count && actor->state != NULL; i++)
        put_row(out, prefix, &actor->kind->metrics[i], actor->state, own);
}

/* ------------------------------------------------------------------------------------------------ merging */

struct family {
    struct slice name;
    struct slice head; /* HELP and TYPE */
    struct buffer samples;
};

struct families {
    struct family *at;
    size_t count;
};

static struct family *family_of(struct families *families, struct slice name)
{
    for (size_t i = families->count; i-- > 0;) {
        if (slice_equal(families->at[i].name, name))
            return &families->at[i];
    }
    families->at = realloc(families->at, (families->count + 1) * sizeof *families->at);
    assert(families->at != NULL);
    families->at[families->count] = (struct family){ .name = name };
    return &families->at[families->count++];
}

static struct slice take_line(struct slice *text)
{
    const char *end = memchr(text->at, '\n', text->size);
    struct slice line = { .at = text->at, .size = end != NULL ? (size_t)(end - text->at) + 1 : text->size };

    text->at += line.size;
    text->size -= line.size;
    return line;
}

/* "# HELP name text" begins a family; its "# TYPE" follows at once, then its samples. */
static void sort_lines(struct slice text, struct families *families)
{
    struct family *family = NULL;

    while (text.size > 0) {
        struct slice line = take_line(&text);

        if (line.size > 7 && memcmp(line.at, "# HELP ", 7) == 0) {
            const char *space = memchr(line.at + 7, ' ', line.size - 7);
            struct slice name = { .at = line.at + 7, .size = (size_t)(space - line.at) - 7 };
            struct slice type = take_line(&text);

            family = family_of(families, name);
            if (family->head.size == 0)
                family->head = (struct slice){ .at = line.at, .size = line.size + type.size };
        } else if (family != NULL) {
            buffer_append(&family->samples, line.at, line.size);
        }
    }
}

void exposition_merge(const struct buffer *text, struct buffer *out)
{
    struct families families = { 0 };

    sort_lines(buffer_slice(text), &families);
    for (size_t i = 0; i < families.count; i++) {
        buffer_append(out, families.at[i].head.at, families.at[i].head.size);
        buffer_append(out, families.at[i].samples.at, families.at[i].samples.size);
        buffer_free(&families.at[i].samples);
    }
    free(families.at);
}
