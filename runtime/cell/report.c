/* SPDX-License-Identifier: MIT */
#include "runtime/cell/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/catalog.h"
#include "runtime/watch/exposition.h"

static uint64_t thread_cpu_us(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}

static uint32_t fill_dependencies(const struct actor *cell, struct dependency_status *rows)
{
    for (uint32_t i = 0; i < cell->dependency_count; i++) {
        const struct dependency *dependency = &cell->dependencies[i];
        const struct breaker *breaker = dependency->breaker;

        rows[i] = (struct dependency_status){
            .name = slice_of(dependency->name),
            .mode = slice_of(dependency_mode(dependency)),
            .breaker = slice_of(breaker != NULL ? breaker_state_name(breaker->state) : ""),
            .reason = slice_of(breaker != NULL && breaker->state != BREAKER_CLOSED ? breaker->reason : ""),
        };
    }
    return cell->dependency_count;
}

static uint32_t fill_routes(const struct actor *cell, struct route_status *rows)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < cell->peer_count; i++) {
        const struct peer *peer = cell->peers[i];

        if (peer->letters_sent == 0)
            continue;
        rows[count++] = (struct route_status){
            .from = slice_of(cell->address),
            .to = slice_of(peer->address),
            .transport = slice_of(address_transport_name(peer->local != NULL ? TRANSPORT_THREAD : peer->transport)),
            .sent = peer->letters_sent,
            .in_flight = peer_under_way(peer),
            .window = peer->window,
            .waiting = peer_waiting(peer),
            .stalls = peer->stalls,
            .asks_open = peer->asks_open,
        };
    }
    return count;
}

static struct slice dead_message_name(const struct dead_letter *letter, char room[8])
{
    const struct message_schema *schema = catalog_find(letter->type);

    snprintf(room, 8, "0x%04x", letter->type);
    return slice_of(schema != NULL ? schema->name : room);
}

static uint32_t fill_dead_letters(const struct actor *cell, struct dead_letter_row *rows, char rooms[][8])
{
    const struct dead_letters *dead = &cell->dead;
    uint32_t count = dead->total < DEAD_LETTERS_KEPT ? (uint32_t)dead->total : DEAD_LETTERS_KEPT;

    for (uint32_t i = 0; i < count; i++) {
        const struct dead_letter *letter = &dead->kept[(dead->total - count + i) % DEAD_LETTERS_KEPT];

        rows[i] = (struct dead_letter_row){ .wall_us = letter->wall_us,
                                            .reason = slice_of(dead_reason_name(letter->reason)),
                                            .message = dead_message_name(letter, rooms[i]),
                                            .other = slice_of(letter->from) };
    }
    return count;
}

static void encode_status(const struct actor *cell, struct buffer *out)
{
    struct dependency_status dependencies[DEPENDENCIES_LIMIT];
    struct dead_letter_row dead[DEAD_LETTERS_KEPT];
    char names[DEAD_LETTERS_KEPT][8];
    struct route_status *routes = calloc(cell->peer_count + 1, sizeof *routes);
    struct actor_status status = {
        .name = slice_of(cell->name),
        .kind = slice_of(cell->kind->name),
        .state = slice_of(cell_state_name(cell->life)),
        .restarts = cell->restarts,
        .uptime_us = cell->life == CELL_UP ? cell->reactor->now_us - cell->started_at_us : 0,
        .mailbox = cell->inbox_letters,
        .mailbox_high_water = (uint64_t)gauge_read(&cell->mailbox_high_water),
        .letters_in = counter_read(&cell->letters_in),
        .letters_out = counter_read(&cell->letters_out),
        .cpu_us = thread_cpu_us(),
        .reason = slice_of(cell->reason),
    };

    status.dependencies.at = dependencies;
    status.dependencies.count = fill_dependencies(cell, dependencies);
    status.dead_letters.at = dead;
    status.dead_letters.count = fill_dead_letters(cell, dead, names);
    status.dead_letters_total = cell->dead.total;

    struct node_status node = { .name = slice_of(cell->reactor->node->name) };

    node.actors.at = &status;
    node.actors.count = 1;
    node.routes.at = routes;
    node.routes.count = routes != NULL ? fill_routes(cell, routes) : 0;
    codec_encode(&node_status_schema, &node, out);
    free(routes);
}

void report_send(struct actor *cell, uint64_t number)
{
    struct notice event = { .type = EVENT_REPORT, .actor = cell, .number = number };
    struct buffer text = { 0 };

    encode_status(cell, &event.payload);
    exposition_of_actor(cell, &text);
    codec_encode(&metrics_text_schema, &(struct metrics_text){ .text = buffer_slice(&text) }, &event.payload);
    buffer_free(&text);
    channel_send(cell->reactor->node->events, &event);
}
