/* SPDX-License-Identifier: MIT */
/* database -- see the header. */
#include "actors/links/database.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum {
    BEAT_US = 250 * 1000,
    BEAT_LIMIT_US = 450 * 1000, /* with the pause before it less than a second */
    CONNECTIONS = 3,
    REPLICA_CONNECTIONS = 2
};

struct server {
    struct database *database;
    struct postgres *pool; /* owned; NULL: there is none */
    bool answers;          /* its last beat was answered, or it has just connected */
    bool beat_under_way;
};

struct database {
    struct actor *me;
    struct server primary;
    struct server replica;
    uint64_t timer;
};

static const struct postgres_statement beat_statement = { .sql = "SELECT 1" };

static bool is_there(const struct server *server)
{
    return server->pool != NULL && postgres_is_connected(server->pool) && server->answers;
}

const char *database_mode(const struct database *database)
{
    if (is_there(&database->primary))
        return "normal";
    return is_there(&database->replica) ? "replica" : "cache-only";
}

static void show_mode(const struct database *database)
{
    actor_dependency(database->me, "postgres", database_mode(database));
    if (database->replica.pool != NULL)
        actor_dependency(database->me, "postgres-replica", is_there(&database->replica) ? "normal" : "away");
}

/* ------------------------------------------------------------------------------------------------ beats */

static void answered(struct actor *me, void *context, const struct postgres_result *result)
{
    struct server *server = context;

    (void)me;
    server->beat_under_way = false;
    server->answers = result->outcome == OUTCOME_DONE;
    show_mode(server->database);
}

static void send_beat(struct server *server)
{
    struct postgres_call call = POSTGRES_CALL_BARE(&beat_statement);

    if (server->pool == NULL || server->beat_under_way || !postgres_is_connected(server->pool))
        return;
    server->beat_under_way = true;
    postgres_run(server->pool, &call, 1, BEAT_LIMIT_US, answered, server);
}

static void beat(struct actor *me, void *context)
{
    struct database *database = context;

    (void)me;
    send_beat(&database->primary);
    send_beat(&database->replica);
}

static void changed(struct actor *me, void *context, bool connected)
{
    struct server *server = context;

    (void)me;
    server->answers = connected;
    show_mode(server->database);
}

/* ------------------------------------------------------------------------------------------------ asking */

struct postgres *database_primary(struct database *database)
{
    return database->primary.pool;
}

bool database_is_there(const struct database *database)
{
    return is_there(&database->primary);
}

struct postgres *database_reader(struct database *database, bool *ret_is_replica)
{
    *ret_is_replica = !is_there(&database->primary) && is_there(&database->replica);
    return *ret_is_replica ? database->replica.pool : database->primary.pool;
}

/* ------------------------------------------------------------------------------------------------ life */

static bool open_server(
    struct database *database, struct server *server, const struct postgres_options *options, char *why, size_t room)
{
    struct postgres_options own = *options;

    own.on_state = changed;
    own.context = server;
    server->database = database;
    server->pool = postgres_open(database->me, &own, why, room);
    return server->pool != NULL;
}

struct database *database_open(struct actor *me, const struct database_options *options, char *why, size_t room)
{
    struct database *database = calloc(1, sizeof(*database));
    struct postgres_options primary = {
        .name = "postgres", .uri = options->uri, .connections = CONNECTIONS, .finds_by_index = true
    };
    struct postgres_options replica = { .name = "postgres-replica",
                                        .uri = options->replica_uri,
                                        .connections = REPLICA_CONNECTIONS,
                                        .finds_by_index = true };

    assert(database != NULL);
    database->me = me;
    if (!open_server(database, &database->primary, &primary, why, room) ||
        (options->replica_uri[0] != '\0' && !open_server(database, &database->replica, &replica, why, room)))
        database_close(&database);
    else
        database->timer = actor_every(me, BEAT_US, beat, database);
    return database;
}

void database_close(struct database **database_at)
{
    struct database *database = *database_at;

    *database_at = NULL;
    if (database == NULL)
        return;
    actor_cancel_timer(database->me, &database->timer);
    postgres_close(&database->primary.pool);
    postgres_close(&database->replica.pool);
    free(database);
}
