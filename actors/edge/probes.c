/* SPDX-License-Identifier: MIT */
/*
 * probes -- /health, /livez and /readyz: how the platform is, answered from memory.
 *
 * Several times a second everybody between a click and the databases is asked how its stores are. Their last words are
 * kept for a while; of several words about one store the worst counts. An edge is ready when an application node and
 * the click buffer answer: then it can redirect, whatever mode the stores are in.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/edge_state.h"

static const uint64_t remembered_us = 2500000; /* a word that is older says nothing */
static const char reachable[] = "reachable";   /* a row of our own for each source that answers at all */

/* ------------------------------------------------------------------------------------------------ listening */

static bool is_current(const struct edge *self, const struct health_row *row)
{
    return row->heard_us != 0 && actor_now_us(self->me) - row->heard_us <= remembered_us;
}

static void note(struct edge *self, uint32_t outlet, uint32_t receiver, struct slice dependency, struct slice mode)
{
    struct health_row *place = NULL;
    uint32_t i;

    for (i = 0; i < HEALTH_ROWS; i++) {
        struct health_row *row = &self->health[i];

        if (is_current(self, row) && row->outlet == outlet && row->receiver == receiver &&
            slice_is(dependency, row->dependency)) {
            place = row;
            break;
        }
        if (place == NULL && !is_current(self, row))
            place = row;
    }
    if (place == NULL)
        return; /* more than anybody has: the ones there are are as good */
    place->outlet = outlet;
    place->receiver = receiver;
    place->heard_us = actor_now_us(self->me);
    slice_copy(dependency, place->dependency, sizeof(place->dependency));
    slice_copy(mode, place->mode, sizeof(place->mode));
}

static void on_health(struct actor *me, void *context, const struct answer *answer)
{
    struct edge *self = actor_state(me);
    uint32_t outlet = (uint32_t)(uintptr_t)context;
    const struct health *health = answer->message;
    uint32_t i;

    /* Whoever says anything is reachable, also when it does not know the question. */
    if (answer->outcome != ASK_ANSWERED && answer->outcome != ASK_FAILED)
        return;
    note(self, outlet, answer->receiver, slice_of(reachable), SLICE("normal"));
    if (answer->outcome != ASK_ANSWERED || answer->schema != &health_schema)
        return;
    for (i = 0; i < health->stores.count; i++)
        note(self, outlet, answer->receiver, health->stores.at[i].dependency, health->stores.at[i].mode);
}

void probes_poll(struct edge *self)
{
    struct sending how = { .deadline_us = 1000000, .then = on_health };

    for (uint32_t outlet = 0; outlet < EDGE_OUTLETS; outlet++) {
        how.context = (void *)(uintptr_t)outlet;
        actor_ask_each(self->me, outlet, &how, &health_read_schema, &(struct health_read){});
    }
}

/* ------------------------------------------------------------------------------------------------ speaking */

static bool is_reachable(const struct edge *self, uint32_t outlet)
{
    uint32_t i;

    for (i = 0; i < HEALTH_ROWS; i++)
        if (is_current(self, &self->health[i]) && self->health[i].outlet == outlet)
            return true;
    return false;
}

/* Of several words about one dependency the first that is not normal; what serves requests speaks first. */
static void add_words_of(const struct edge *self, uint32_t outlet, json_t *modes)
{
    for (uint32_t i = 0; i < HEALTH_ROWS; i++) {
        const struct health_row *row = &self->health[i];
        const char *known = json_string_value(json_object_get(modes, row->dependency));

        if (row->outlet != outlet || !is_current(self, row) || strcmp(row->dependency, reachable) == 0)
            continue;
        if (known == NULL || strcmp(known, "normal") == 0)
            json_object_set_new(modes, row->dependency, json_string(row->mode));
    }
}

static json_t *dependencies_of(const struct edge *self)
{
    json_t *modes = json_object();

    for (uint32_t outlet = 0; outlet < EDGE_OUTLETS; outlet++)
        add_words_of(self, outlet, modes);
    if (!is_reachable(self, EDGE_TO_LINKS))
        json_object_set_new(modes, "links", json_string("unreachable"));
    if (!is_reachable(self, EDGE_TO_CLICK_BUFFER))
        json_object_set_new(modes, "click_buffer", json_string("unreachable"));
    return modes;
}

static const char *word_for(json_t *modes, const char *dependency)
{
    const char *mode = json_string_value(json_object_get(modes, dependency));

    return mode != NULL && strcmp(mode, "normal") == 0 ? "healthy" : "unhealthy";
}

static void answer(struct edge *self, const struct http_request *request, unsigned status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
    struct http_field fields[] = { { "Cache-Control", SLICE("no-store") }, { "Retry-After", SLICE("1") } };

    json_decref(body);
    edge_answer(self, request->exchange,
                &(struct http_answer){ .status = status,
                                       .content_type = SLICE("application/json"),
                                       .fields = fields,
                                       .field_count = status == 503 ? 2 : 1,
                                       .body = slice_of(text) });
    free(text);
}

static void answer_health(struct edge *self, const struct http_request *request)
{
    json_t *modes = dependencies_of(self);
    const char *database = word_for(modes, "postgres");
    const char *cache = word_for(modes, "redis");
    bool is_well = strcmp(database, "healthy") == 0 && strcmp(cache, "healthy") == 0;

    json_decref(modes);
    answer(self, request, 200,
           json_pack("{s:s, s:s, s:s}", "status", is_well ? "healthy" : "unhealthy", "database", database, "cache",
                     cache));
}

static void answer_readyz(struct edge *self, const struct http_request *request)
{
    bool is_ready = !self->is_draining && is_reachable(self, EDGE_TO_LINKS) && is_reachable(self, EDGE_TO_CLICK_BUFFER);

    answer(self, request, is_ready ? 200 : 503,
           json_pack("{s:b, s:o}", "ready", is_ready, "dependencies", dependencies_of(self)));
}

void probes_request(struct edge *self, const struct http_request *request)
{
    switch (self->exchanges[request->exchange.slot].route) {
    case ROUTE_HEALTH:
        answer_health(self, request);
        break;
    case ROUTE_READYZ:
        answer_readyz(self, request);
        break;
    default:
        answer(self, request, 200, json_pack("{s:b}", "alive", true));
    }
}
