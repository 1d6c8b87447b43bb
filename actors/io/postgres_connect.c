/* SPDX-License-Identifier: MIT */
/*
 * postgres_connect -- how a connection of the pool comes to be: names looked up, libpq's connect driven by the loop.
 *
 * Each attempt begins with the next host, so that one that swallows packets cannot hide the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/io/postgres_pool.h"

static void ready(struct actor *me, void *context, int fd, unsigned events);

static void took_too_long(struct actor *me, void *context)
{
    struct postgres_connection *connection = context;

    (void)me;
    connection->timer = 0;
    postgres_connection_doubt(connection, "connecting took too long");
}

static void be_ready(struct postgres_connection *connection)
{
    struct postgres *pool = connection->pool;

    actor_cancel_timer(pool->me, &connection->timer);
    if (PQsetnonblocking(connection->link, 1) != 0 || PQenterPipelineMode(connection->link) != 1) {
        postgres_connection_doubt_link(connection);
        return;
    }
    connection->state = POSTGRES_READY;
    breaker_succeeded(&pool->breaker);
    actor_log(pool->me, LOG_INFO, "%s: connected to Postgres at %s:%s", pool->options.name, PQhost(connection->link),
              PQport(connection->link));
    if (pool->ready_count++ == 0 && pool->options.on_state != NULL)
        pool->options.on_state(pool->me, pool->options.context, true);
}

static void watch_link(struct postgres_connection *connection, unsigned events)
{
    connection->watched = events;
    connection->watched_fd = fcntl(PQsocket(connection->link), F_DUPFD_CLOEXEC, 0);
    if (connection->watched_fd >= 0)
        connection->watch = actor_watch(connection->pool->me, connection->watched_fd, events, ready, connection);
    if (connection->watch == NULL)
        postgres_connection_doubt(connection, strerrordesc_np(errno));
}

void postgres_connection_unwatch(struct postgres_connection *connection)
{
    actor_unwatch(connection->pool->me, &connection->watch);
    if (connection->watched_fd >= 0)
        close(connection->watched_fd);
    connection->watched_fd = -1;
}

/* libpq may go on to another socket in here, so the watch is made anew each time. */
static void go_on_connecting(struct postgres_connection *connection)
{
    postgres_connection_unwatch(connection);
    switch (PQconnectPoll(connection->link)) {
    case PGRES_POLLING_READING:
        watch_link(connection, WATCH_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch_link(connection, WATCH_WRITE);
        break;
    case PGRES_POLLING_OK:
        watch_link(connection, WATCH_READ);
        if (connection->doubt[0] == '\0')
            be_ready(connection);
        break;
    default:
        postgres_connection_doubt_link(connection);
    }
}

static void ready(struct actor *me, void *context, int fd, unsigned events)
{
    struct postgres_connection *connection = context;

    (void)me;
    (void)fd;
    if (connection->state == POSTGRES_CONNECTING)
        go_on_connecting(connection);
    else
        postgres_connection_serve(connection, events);
    postgres_work(connection->pool);
}

static void swallow_notice(void *context, const char *message)
{
    (void)context;
    (void)message; /* by default libpq writes them to stderr */
}

/* A plan is kept as long as its connection. Made while a table was still empty it would read the whole of it for each
 * row that is looked for, until the server's statistics catch up. */
#define BY_INDEX " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"

static void start_link(struct postgres_connection *connection)
{
    struct postgres *pool = connection->pool;
    struct postgres_host_lists lists;
    unsigned long long limit_ms = pool->options.statement_limit_us / 1000;
    char name[128];
    char options[320];
    bool is_looked_up = pool->address.is_looked_up;

    if (is_looked_up && !postgres_address_lists(&pool->address, connection->attempts, &lists)) {
        postgres_connection_doubt(connection, "none of its host names can be resolved");
        return;
    }
    connection->attempts++;
    snprintf(name, sizeof(name), "shunt:%s/%s", actor_node(pool->me), actor_name(pool->me));
    /* The last one makes the server notice that we have hung up, also while a statement waits for a lock. */
    snprintf(options, sizeof(options),
             "-c statement_timeout=%llu -c idle_in_transaction_session_timeout=%llu -c "
             "client_connection_check_interval=1000%s",
             limit_ms, limit_ms, pool->options.finds_by_index ? BY_INDEX : "");
    /* What stands before the address is a default, what stands behind it wins. */
    const char *const keywords[] = { "application_name", "options", "gssencmode", "client_encoding", "dbname", "host",
                                     "hostaddr",         "port",    NULL };
    const char *const values[] = { name,        options,         "disable",   "UTF8", pool->uri,
                                   lists.names, lists.addresses, lists.ports, NULL };
    const char *const bare_keywords[] = {
        "application_name", "options", "gssencmode", "client_encoding", "dbname", NULL
    };
    connection->state = POSTGRES_CONNECTING;
    connection->link = PQconnectStartParams(is_looked_up ? keywords : bare_keywords, values, 1);
    if (connection->link == NULL || PQstatus(connection->link) == CONNECTION_BAD) {
        postgres_connection_doubt_link(connection);
        return;
    }
    PQsetNoticeProcessor(connection->link, swallow_notice, NULL);
    watch_link(connection, WATCH_WRITE);
}

static void look_up_next(struct postgres_connection *connection);

static void looked_up(struct actor *me, void *context, const char *address, const char *why)
{
    struct postgres_connection *connection = context;
    struct postgres_host *host = &connection->pool->address.hosts[connection->resolving];

    connection->resolve = NULL;
    if (address == NULL)
        actor_log(me, LOG_WARN, "%s: %s", connection->pool->options.name, why);
    snprintf(host->address, sizeof(host->address), "%s", address != NULL ? address : "");
    connection->resolving++;
    look_up_next(connection);
}

static void look_up_next(struct postgres_connection *connection)
{
    struct postgres *pool = connection->pool;

    for (; connection->resolving < pool->address.count; connection->resolving++) {
        const char *name = pool->address.hosts[connection->resolving].name;

        if (resolve_is_address(name))
            continue;
        connection->resolve = resolve_start(pool->me, name, looked_up, connection);
        if (connection->resolve != NULL)
            return;
    }
    start_link(connection);
}

void postgres_connection_try(struct actor *me, void *context)
{
    struct postgres_connection *connection = context;
    struct postgres *pool = connection->pool;

    connection->timer = 0;
    if (!breaker_allows(&pool->breaker, actor_now_us(me))) {
        connection->timer = actor_after(me, POSTGRES_PAUSE_MIN_US, postgres_connection_try, connection);
        return;
    }
    connection->timer = actor_after(me, pool->options.connect_limit_us, took_too_long, connection);
    connection->state = POSTGRES_RESOLVING;
    connection->resolving = 0;
    if (pool->address.is_looked_up)
        look_up_next(connection);
    else
        start_link(connection);
}
