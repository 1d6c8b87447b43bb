/* SPDX-License-Identifier: MIT */
#include "runtime/cell/cell.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cell/mailbox.h"
#include "runtime/cell/monitor.h"
#include "runtime/cell/post.h"
#include "runtime/cell/remote.h"
#include "runtime/cell/watch.h"
#include "runtime/watch/log.h"
#include "runtime/wire/socket.h"

/* How long a drained actor waits for its last letters to be accepted; then they go the way of the process. */
enum { LAST_LETTERS_US = 1000 * 1000 };

/* ------------------------------------------------------------------------------------------------ the others */

static struct actor *neighbour(const struct actor *cell, const char *address)
{
    for (size_t i = 0; i < cell->reactor->actor_count; i++) {
        if (strcmp(cell->reactor->actors[i]->address, address) == 0)
            return cell->reactor->actors[i];
    }
    return NULL;
}

static void end_peer(struct peer **peer)
{
    if ((*peer)->socket != NULL)
        zmq_close((*peer)->socket);
    peer_destroy(peer);
}

/* Consoles come and go, each under a new name: one that is silent and owed nothing makes room. */
static bool is_forgettable(const struct actor *cell, const struct peer *peer)
{
    return peer->is_temporary && !peer->is_wired && !peer->is_dirty && peer->asks_open == 0 &&
           peer->questions_open == 0 && cell->reactor->now_us >= peer->heard_at_us + STRANGER_IDLE_US &&
           (cell->current == NULL || cell->current->from != peer);
}

static uint32_t forget_strangers(struct actor *cell)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < cell->peer_count;) {
        if (is_forgettable(cell, cell->peers[i])) {
            end_peer(&cell->peers[i]);
            cell->peers[i] = cell->peers[--cell->peer_count];
        } else {
            left += cell->peers[i++]->is_temporary ? 1 : 0;
        }
    }
    return left;
}

struct peer *cell_peer(struct actor *cell, const char *address)
{
    bool is_temporary = cell->reactor->node->topology != NULL && !address_is_planned(cell->reactor->node, address);
    struct peer *peer;

    for (uint32_t i = 0; i < cell->peer_count; i++) {
        if (strcmp(cell->peers[i]->address, address) == 0)
            return cell->peers[i];
    }
    if ((is_temporary && forget_strangers(cell) >= STRANGERS_LIMIT) || cell->peer_count >= PEERS_LIMIT)
        return NULL;
    cell->peers = realloc(cell->peers, (cell->peer_count + 1) * sizeof(struct peer *));
    assert(cell->peers != NULL);
    peer = peer_new(address);
    peer->is_temporary = is_temporary;
    peer->heard_at_us = cell->reactor->now_us;
    peer->local = neighbour(cell, address);
    peer->incarnation = peer->local != NULL ? cell->reactor->node->incarnation : 0;
    cell->peers[cell->peer_count++] = peer;
    return peer;
}

void cell_touch_peer(struct actor *cell, struct peer *peer)
{
    if (peer->is_dirty)
        return;
    peer->is_dirty = true;
    peer->next_dirty = cell->dirty;
    cell->dirty = peer;
}

void cell_add_receiver(struct actor *cell, uint32_t index, const char *address)
{
    struct wired_outlet *outlet = &cell->outlets[index];
    struct peer *peer = cell_peer(cell, address);

    assert(peer != NULL);
    if (!peer->is_wired || outlet->route.window > peer->window)
        peer->window = outlet->route.window;
    peer->is_wired = true;
    outlet->receivers = realloc(outlet->receivers, (outlet->count + 1) * sizeof(struct peer *));
    assert(outlet->receivers != NULL);
    outlet->receivers[outlet->count++] = peer;
}

static void add_named(struct actor *cell, uint32_t index, const char *node, const char *actor)
{
    char address[ADDRESS_LIMIT + 1];

    snprintf(address, sizeof address, "%s/%s", node, actor);
    cell_add_receiver(cell, index, address);
}

/* The runtime's own two actors are in no topology file: a supervisor in each node, and the launcher. */
static void wire_outlet(struct actor *cell, uint32_t index)
{
    struct wired_outlet *outlet = &cell->outlets[index];
    const struct topology *topology = cell->reactor->node->topology;
    const char *to = outlet->route.to_kind;

    if (strcmp(to, "launcher") == 0)
        add_named(cell, index, "launcher", "launcher");
    for (size_t n = 0; n < topology->node_count; n++) {
        const struct topology_node *node = &topology->nodes[n];

        if (strcmp(to, "supervisor") == 0)
            add_named(cell, index, node->name, "supervisor");
        for (size_t a = 0; a < node->actor_count; a++) {
            if (strcmp(node->actors[a].kind->name, to) == 0)
                add_named(cell, index, node->name, node->actors[a].name);
        }
    }
    outlet->next = (uint32_t)(outlet->count > 0 ? reactor_random(cell->reactor) % outlet->count : 0);
}

static void read_route(struct actor *cell, uint32_t index)
{
    struct topology_route *route = &cell->outlets[index].route;
    const struct outlet *row = &cell->kind->outlets[index];

    if (cell->reactor->node->topology != NULL)
        topology_route_of(cell->reactor->node->topology, cell->kind, index, route);
    else
        *route = (struct topology_route){ .from_kind = cell->kind->name,
                                          .outlet = row->name,
                                          .to_kind = row->to,
                                          .pick = row->pick,
                                          .overload = row->overload,
                                          .window = row->window };
    if (route->window == 0)
        route->window = WINDOW_DEFAULT;
}

/* Wiring waits for the first start, when all actors of the thread are known. */
static void wire(struct actor *cell)
{
    if (cell->is_wired || cell->reactor->node->topology == NULL)
        return;
    cell->is_wired = true;
    for (uint32_t i = 0; i < cell->kind->outlet_count; i++)
        wire_outlet(cell, i);
}

/* ------------------------------------------------------------------------------------------------ making and ending */

struct actor *
cell_new(struct reactor *reactor, const struct actor_kind *kind, const char *name, const struct topology_actor *plan)
{
    struct actor *cell = calloc(1, sizeof *cell);

    assert(cell != NULL && kind->option_count <= OPTIONS_LIMIT && kind->outlet_count <= OUTLETS_LIMIT);
    cell->kind = kind;
    cell->reactor = reactor;
    cell->plan = plan;
    slice_copy(slice_of(name), cell->name, sizeof cell->name);
    snprintf(cell->address, sizeof cell->address, "%s/%s", reactor->node->name, name);
    cell->outlets = calloc(kind->outlet_count + 1, sizeof *cell->outlets);
    cell->option_texts = calloc(kind->option_count + 1, sizeof *cell->option_texts);
    assert(cell->outlets != NULL && cell->option_texts != NULL);
    cell->inbox_end = &cell->inbox;
    cell->tick_at_us = UINT64_MAX;
    ask_book_init(&cell->asks);
    question_book_init(&cell->questions, kind->mailbox_letters > 0 ? kind->mailbox_letters : QUESTIONS_DEFAULT);
    for (uint32_t i = 0; i < kind->outlet_count; i++)
        read_route(cell, i);
    if (reactor->node->zmq != NULL) {
        cell->mailbox = socket_bind_mailbox(reactor->node, cell->address);
        if (cell->mailbox == NULL || !remote_open(cell)) {
            int error = errno;

            cell_destroy(&cell);
            errno = error;
            return NULL;
        }
        cell->mailbox_watch = watch_socket(cell, cell->mailbox, &cell->mailbox_ready);
    }
    reactor_add(reactor, cell);
    return cell;
}

static void free_tables(struct actor *cell)
{
    for (uint32_t i = 0; i < cell->peer_count; i++)
        end_peer(&cell->peers[i]);
    free(cell->peers);
    for (uint32_t i = 0; i < cell->kind->outlet_count; i++)
        free(cell->outlets[i].receivers);
    free(cell->outlets);
    for (uint32_t i = 0; i < cell->kind->option_count; i++)
        free(cell->option_texts[i]);
    free(cell->option_texts);
    dead_letters_free(&cell->dead);
    ask_book_free(&cell->asks);
    question_book_free(&cell->questions);
}

void cell_destroy(struct actor **destroyed)
{
    struct actor *cell = *destroyed;

    if (cell == NULL)
        return;
    assert(cell->state == NULL);
    mailbox_discard(cell);
    free_tables(cell);
    remote_close(cell);
    free(cell->mailbox_watch);
    if (cell->mailbox != NULL)
        zmq_close(cell->mailbox);
    free(cell);
    *destroyed = NULL;
}

/* ------------------------------------------------------------------------------------------------ options */

static const char *option_text(const struct actor *cell, size_t index)
{
    if (cell->option_texts[index] != NULL)
        return cell->option_texts[index];
    if (cell->plan != NULL && index < cell->plan->option_count)
        return cell->plan->options[index].value;
    return cell->kind->options[index].default_text;
}

static const char *resolve_store(const struct actor *cell, const char *name)
{
    const struct topology *topology = cell->reactor->node->topology;
    const struct topology_store *store = topology != NULL && name != NULL ? topology_find_store(topology, name) : NULL;

    return store != NULL ? store->uri : name;
}

/* Parses into `field`; NULL, or what is wrong. */
static const char *parse_option(const struct actor *cell, size_t index, const char *text, void *field)
{
    const struct option *row = &cell->kind->options[index];

    if (row->type == OPTION_STORE)
        text = resolve_store(cell, text);
    return text != NULL ? option_parse(row, text, field) : "it must be given";
}

static bool set_field(struct actor *cell, size_t index)
{
    const struct option *row = &cell->kind->options[index];
    const char *mistake = parse_option(cell, index, option_text(cell, index), (char *)cell->state + row->offset);

    if (mistake == NULL)
        return true;
    snprintf(cell->reason, sizeof cell->reason, "option %s: %s", row->name, mistake);
    return false;
}

/* The state of a running actor may point into the text in use, so that one stays until a new value is in its place. */
static void change_option(struct actor *cell, size_t index, const char *text)
{
    const struct option *row = &cell->kind->options[index];
    union {
        uint64_t number;
        const char *text;
    } scratch;
    const char *mistake = cell->state != NULL && !row->live ? "it can only be changed by a restart"
                                                            : parse_option(cell, index, text, &scratch);
    char *old = cell->option_texts[index];

    if (mistake != NULL) {
        actor_log(cell, LOG_WARN, "option %s stays as it was: %s", row->name, mistake);
        return;
    }
    cell->option_texts[index] = strdup(text);
    assert(cell->option_texts[index] != NULL);
    if (cell->state != NULL && set_field(cell, index) && cell->kind->option_changed != NULL) {
        cell->kind->option_changed(cell, row->name);
        cell_after_callback(cell);
    }
    free(old);
}

void cell_set_option(struct actor *cell, const char *option, const char *text)
{
    for (size_t i = 0; i < cell->kind->option_count; i++) {
        if (strcmp(cell->kind->options[i].name, option) == 0)
            change_option(cell, i, text);
    }
}

/* ------------------------------------------------------------------------------------------------ life */

static void report(struct actor *cell, enum notice_type type)
{
    struct notice event = { .type = type, .actor = cell };

    if (cell->reactor->node->events == NULL)
        return;
    slice_copy(slice_of(cell->reason), event.text, sizeof event.text);
    channel_send(cell->reactor->node->events, &event);
}

/* Ends the incarnation: whoever waits for an answer of it is told, and nothing of it comes back any more. */
static void end_incarnation(struct actor *cell)
{
    if (cell->state == NULL)
        return;
    if (cell->kind->stop != NULL)
        cell->kind->stop(cell);
    watch_remove_all(cell);
    timer_cancel_owner(&cell->reactor->timers, cell);
    monitor_forget_all(cell);
    post_forget_asks(cell);
    post_end_questions(cell);
    free(cell->state);
    cell->state = NULL;
    cell->dependency_count = 0;
    cell->drain_asked = false;
    cell->is_drained = false;
    cell->leave_by_us = 0;
    cell->has_failed = false;
}

static void fall(struct actor *cell)
{
    actor_log(cell, LOG_ERROR, "actor failed: %s", cell->reason);
    end_incarnation(cell);
    cell->life = CELL_FAILED;
    report(cell, EVENT_FAILED);
}

static void rise(struct actor *cell)
{
    cell->life = CELL_UP;
    cell->started_at_us = cell->reactor->now_us;
    report(cell, EVENT_STARTED);
}

void cell_start(struct actor *cell)
{
    if (cell->state != NULL)
        return;
    wire(cell);
    cell->restarts += cell->life == CELL_FAILED ? 1 : 0;
    cell->life = CELL_STARTING;
    cell->was_drained = false;
    cell->held = 0;
    cell->held_bytes = 0;
    cell->reason[0] = '\0';
    cell->incarnation = cell->reactor->wall_us > cell->incarnation ? cell->reactor->wall_us : cell->incarnation + 1;
    cell->state = calloc(1, cell->kind->state_size > 0 ? cell->kind->state_size : 1);
    assert(cell->state != NULL);
    for (size_t i = 0; i < cell->kind->option_count && !cell->has_failed; i++)
        cell->has_failed = !set_field(cell, i);
    if (!cell->has_failed) {
        reactor_busy(cell->reactor, cell, "start");
        if (cell->kind->start != NULL)
            cell->kind->start(cell);
    }
    if (!cell->has_failed && !cell->kind->starts_slowly && cell->life == CELL_STARTING)
        rise(cell);
    cell_after_callback(cell);
}

void actor_started(struct actor *me)
{
    if (me->life == CELL_STARTING && !me->has_failed)
        rise(me);
}

void cell_fail(struct actor *cell, const char *why)
{
    if (cell->state == NULL)
        return;
    slice_copy(slice_of(why), cell->reason, sizeof cell->reason);
    fall(cell);
}

void cell_stop(struct actor *cell)
{
    end_incarnation(cell);
    cell->life = CELL_STOPPED;
    report(cell, EVENT_STOPPED);
}

void cell_drain(struct actor *cell)
{
    cell->was_drained = true;
    if (cell->state == NULL) {
        cell_stop(cell);
        return;
    }
    if (cell->life == CELL_DRAINING)
        return;
    cell->life = CELL_DRAINING;
    if (cell->kind->drain != NULL)
        cell->kind->drain(cell);
    else
        cell->drain_asked = true;
    cell_after_callback(cell);
}

void actor_drained(struct actor *me)
{
    if (me->life == CELL_DRAINING)
        me->is_drained = true;
}

void cell_after_callback(struct actor *cell)
{
    if (cell->state != NULL && cell->has_failed)
        fall(cell);
}

/* ------------------------------------------------------------------------------------------------ the end of a turn */

static void finish_drain(struct actor *cell)
{
    uint64_t now_us = cell->reactor->now_us;

    if (cell->life != CELL_DRAINING)
        return;
    if (cell->drain_asked && cell->questions.open == 0 && !cell_has_letters(cell))
        cell->is_drained = true;
    if (!cell->is_drained)
        return;
    if (cell->leave_by_us == 0)
        cell->leave_by_us = now_us + LAST_LETTERS_US;
    if (post_has_letters(cell) && now_us < cell->leave_by_us) {
        cell_tick_at(cell, now_us + LAST_LETTERS_US / 100);
        return;
    }
    cell_stop(cell);
}

void cell_end_turn(struct actor *cell)
{
    if (cell->had_event && cell->state != NULL && cell->kind->turn_end != NULL && cell->life != CELL_STARTING) {
        cell->trace = cell->turn_trace;
        reactor_busy(cell->reactor, cell, "turn_end");
        cell->kind->turn_end(cell);
        cell_after_callback(cell);
    }
    if (cell->tick_at_us <= cell->reactor->now_us)
        post_tick(cell);
    post_send_all(cell);
    finish_drain(cell);
    cell->had_event = false;
    cell->turn_trace = (struct trace){ 0 };
}

void cell_node_changed(struct actor *cell, const char *node, enum node_change change)
{
    for (uint32_t i = 0; i < cell->peer_count; i++) {
        struct peer *peer = cell->peers[i];

        if (!address_on_node(peer->address, node))
            continue;
        if (change == NODE_IS_LEAVING)
            peer->is_leaving = true;
        else if (change == NODE_ENDED)
            peer_died(peer);
        else if (change == NODE_SILENT)
            peer_fell_silent(peer);
        else
            peer_came_back(peer, cell->reactor->now_us);
        if (change == NODE_ENDED || change == NODE_SILENT)
            post_fail_asks(cell, peer, ASK_TARGET_DIED);
        cell_touch_peer(cell, peer);
        cell->tick_at_us = 0;
    }
    cell->had_event = true;
    cell_after_callback(cell);
}

const char *cell_state_name(enum cell_state state)
{
    static const char *const names[] = {
        [CELL_STOPPED] = "stopped",     [CELL_STARTING] = "starting", [CELL_UP] = "up",
        [CELL_SUSPENDED] = "suspended", [CELL_DRAINING] = "draining", [CELL_FAILED] = "failed",
    };

    return names[state];
}
