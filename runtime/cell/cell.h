/* SPDX-License-Identifier: MIT */
/*
 * cell -- one running actor from the runtime's side: its mailbox, its peers, its books, its life.
 *
 * The cell belongs to its reactor's thread from the moment that thread starts, and outlives every incarnation of the
 * actor in it: mailbox, peers and letters not yet handled stay when the actor fails, is restarted or suspended.
 */
#ifndef RUNTIME_CELL_CELL_H
#define RUNTIME_CELL_CELL_H

#include <zmq.h>

#include "proto/codec.h"
#include "runtime/cell/reactor.h"
#include "runtime/watch/deadletter.h"
#include "runtime/wire/ask.h"

enum {
    PEERS_LIMIT = 1024,
    STRANGERS_LIMIT = 256,               /* of them, peers that are not in the topology */
    STRANGER_IDLE_US = 10 * 1000 * 1000, /* after that long without a word of it a stranger is forgotten */
    OUTLETS_LIMIT = 16,
    OPTIONS_LIMIT = 64,
    DEPENDENCIES_LIMIT = 8
};

enum cell_state { CELL_STOPPED, CELL_STARTING, CELL_UP, CELL_SUSPENDED, CELL_DRAINING, CELL_FAILED };

struct parcel;

struct wired_outlet {
    struct topology_route route;
    struct peer **receivers;
    uint32_t count;
    uint32_t next; /* of round robin */
};

struct dependency {
    const char *name;
    const char *mode;
    const struct breaker *breaker;
};

/* What the actor declared; when it declared nothing worse, what the breaker says: "normal" or "away". */
const char *dependency_mode(const struct dependency *dependency);

struct actor {
    const struct actor_kind *kind;
    struct reactor *reactor;
    char name[ACTOR_NAME_LIMIT + 1];
    char address[ADDRESS_LIMIT + 1];
    char folder[ADDRESS_LIMIT + 16]; /* empty until asked for */
    void *state;
    enum cell_state life;
    uint64_t incarnation;
    uint64_t started_at_us;
    uint64_t restarts;
    bool has_failed;  /* in the callback that is running */
    char reason[256]; /* of the last failure */
    bool had_event;   /* in this turn */
    bool drain_asked; /* the kind has no drain of its own: stop when nothing is left */
    bool is_drained;
    uint64_t leave_by_us; /* when drained: its last letters may take until then; 0: not yet */
    bool is_wired;

    /* options: texts as given; live changes replace them */
    const struct topology_actor *plan; /* NULL in a test */
    char **option_texts;               /* one each of the kind's options */

    /* the mailbox */
    void *mailbox;      /* PULL socket; NULL in a test */
    bool mailbox_ready; /* there may be something to receive */
    struct watch *mailbox_watch;
    void *remote; /* the same for other hosts; NULL: the node has no tcp endpoint */
    bool remote_ready;
    bool turn_of_remote; /* it was read last */
    bool is_rebinding;   /* `remote`, since a key was revoked */
    struct watch *remote_watch;
    struct parcel *current;
    struct parcel *inbox; /* local parcels */
    struct parcel **inbox_end;
    uint32_t inbox_letters;
    bool was_drained;    /* since its last start: askers are refused, all else waits for the next one */
    uint32_t held;       /* parcels that wait for it */
    uint64_t held_bytes; /* theirs */

    /* the others */
    struct peer **peers;
    uint32_t peer_count;
    struct peer *dirty;
    uint64_t tick_at_us;          /* when a peer wants peer_tick */
    struct wired_outlet *outlets; /* one each of the kind's */
    struct monitor *monitors;
    uint64_t monitor_numbers;
    struct ask_book asks;
    struct question_book questions;
    struct trace trace;      /* of the letter being handled */
    struct trace turn_trace; /* of the first recorded letter of the turn: what turn_end sends belongs to it */
    struct question in_hand; /* that the letter being handled opened; generation 0: none */

    /* foreign events */
    struct watch *watches;

    /* being watched */
    struct dependency dependencies[DEPENDENCIES_LIMIT];
    uint32_t dependency_count;
    counter letters_in;
    counter letters_out;
    counter late_answers;
    counter errors; /* letters that could not be handled */
    gauge mailbox_high_water;
    struct histogram handling;
    struct dead_letters dead;

    /* a test's hook: parcels for actors that are not on this thread */
    void (*undeliverable)(struct actor *from, struct peer *to, struct slice letters);
};

/* Makes a cell and, when the node has sockets, binds its mailbox. NULL with `errno` set when an endpoint is taken.
 * `plan` may be NULL: then options have their defaults. */
struct actor *
cell_new(struct reactor *reactor, const struct actor_kind *kind, const char *name, const struct topology_actor *plan);
void cell_destroy(struct actor **cell);

void cell_start(struct actor *cell);
void cell_fail(struct actor *cell, const char *why); /* as if the actor had failed now */
void cell_stop(struct actor *cell);
void cell_drain(struct actor *cell);
void cell_set_option(struct actor *cell, const char *option, const char *text);
/* Handles up to `most` letters. Returns whether there may be more. */
bool cell_handle_letters(struct actor *cell, uint32_t most);
bool cell_has_letters(const struct actor *cell);
/* The trace of what is handled now. */
void cell_trace(struct actor *cell, const struct trace *trace);
/* Writes a span of a recorded trace down. */
void cell_span(struct actor *cell,
               const struct trace *trace,
               enum span_kind kind,
               uint64_t began_us,
               const char *name,
               const char *other);
/* After each callback: acts on a failure, an end of drain. */
void cell_after_callback(struct actor *cell);
void cell_end_turn(struct actor *cell);
enum node_change { NODE_ENDED, NODE_SILENT, NODE_IS_UP, NODE_IS_LEAVING };
void cell_node_changed(struct actor *cell, const char *node, enum node_change change);
const char *cell_state_name(enum cell_state state);
/* Found or made; NULL at PEERS_LIMIT, or at STRANGERS_LIMIT for one that is not in the topology. */
struct peer *cell_peer(struct actor *cell, const char *address);
void cell_touch_peer(struct actor *cell, struct peer *peer); /* it has something to send */
/* Looks after its peers at that time at the latest. */
static inline void cell_tick_at(struct actor *cell, uint64_t at_us)
{
    if (at_us < cell->tick_at_us)
        cell->tick_at_us = at_us;
}
/* One more receiver for an outlet: what the topology's wiring does, and a test or a console by hand. */
void cell_add_receiver(struct actor *cell, uint32_t outlet, const char *address);

#endif
