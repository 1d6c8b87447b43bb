/* SPDX-License-Identifier: MIT */
/*
 * http -- the server itself: addresses, accepting, H2O's loop inside the actor's wait. See http.h.
 */
#include "actors/io/http.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/io/http_inside.h"

enum { READ_BUFFERS_KEPT = 256 /* of 8 KiB */, HEAP_KEPT = 8 * 1024 * 1024, HEAP_STEP = 256 * 1024 };
static const uint64_t never_ms = UINT32_MAX; /* H2O's own request timeout: ours are finer */
static const uint64_t gone_ms = 1000;        /* how long a client that has finished sending is worth answering */
static const uint64_t linger_ms = 2000;      /* see http_linger.c */
static const uint64_t resume_ms = 200;       /* when accepting failed for want of descriptors */

/* ------------------------------------------------------------------------------------------------ life */

static void set_up_h2o(struct http_server *server)
{
    h2o_globalconf_t *configuration = &server->configuration;
    h2o_hostconf_t *host;
    h2o_handler_t *handler;

    h2o_config_init(configuration);
    configuration->server_name = h2o_iovec_init(NULL, 0); /* no Server field: it tells attackers more than clients */
    configuration->http1.req_timeout = never_ms;
    configuration->http1.upgrade_to_http2 = 0;
    configuration->max_request_entity_size = 2 * (size_t)server->limits.body_bytes + 1024; /* ours is the limit */
    host = h2o_config_register_host(configuration, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    handler = h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(*handler));
    handler->on_req = http_connection_on_request;
    /* Targets that do not start with '/' fall through to here. */
    handler = h2o_create_handler(&host->fallback_path, sizeof(*handler));
    handler->on_req = http_connection_on_request;
    h2o_context_init(&server->context, server->loop, configuration);
    server->accepting = (h2o_accept_ctx_t){ .ctx = &server->context, .hosts = configuration->hosts };
}

static void on_flush(h2o_timeout_entry_t *entry)
{
    (void)entry; /* h2o_timeout_run runs what is pending behind every callback: that is what it is for */
}

static void set_up_queues(struct http_server *server)
{
    const struct http_limits *limits = &server->limits;

    h2o_timeout_init(server->loop, &server->head_queue, limits->head_us / 1000);
    h2o_timeout_init(server->loop, &server->body_queue, limits->body_us / 1000);
    h2o_timeout_init(server->loop, &server->idle_queue, limits->idle_us / 1000);
    h2o_timeout_init(server->loop, &server->write_queue, limits->write_us / 1000);
    h2o_timeout_init(server->loop, &server->gone_queue, gone_ms);
    h2o_timeout_init(server->loop, &server->linger_queue, linger_ms);
    h2o_timeout_init(server->loop, &server->resume_queue, resume_ms);
    h2o_timeout_init(server->loop, &server->flush_queue, 0);
    h2o_timeout_init(server->loop, &server->drain_queue, HTTP_DRAIN_IDLE_US / 1000);
    server->resume_timer.cb = http_accept_on_timer;
    server->flush_timer.cb = on_flush;
    h2o_linklist_init_anchor(&server->lingering);
}

static void dispose_queues(struct http_server *server)
{
    h2o_timeout_t *queues[] = {
        &server->head_queue,   &server->body_queue,   &server->idle_queue,  &server->write_queue, &server->gone_queue,
        &server->linger_queue, &server->resume_queue, &server->flush_queue, &server->drain_queue,
    };
    size_t i;

    for (i = 0; i < sizeof(queues) / sizeof(queues[0]); i++)
        h2o_timeout_dispose(server->loop, queues[i]);
}

/* H2O keeps 16 read buffers for reuse, enough for one request after the other; ours are under way together, as many as
 * a turn brings. The same holds for the heap: what a turn takes and gives back should not go to the kernel in between.
 */
static void keep_memory(void)
{
    h2o_socket_buffer_prototype.allocator.max = READ_BUFFERS_KEPT;
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    mallopt(M_TOP_PAD, HEAP_STEP);
}

static void give_memory_back(void)
{
    h2o_mem_recycle_t *kept = &h2o_socket_buffer_prototype.allocator;

    while (kept->cnt > 0)
        free(h2o_mem_alloc_recycle(kept, 0)); /* takes one of those kept, whatever the size */
}

struct http_server *http_open(const char *address,
                              const struct http_tls_files *tls,
                              const struct http_limits *limits,
                              const struct http_events *events,
                              char *why,
                              size_t why_size)
{
    struct http_server *server = calloc(1, sizeof(*server));
    struct http_slot *slots = calloc(limits->connections, sizeof(*slots));
    struct http_exchange *arrived = calloc(limits->connections, sizeof(*arrived));
    uint32_t i;

    assert(limits->connections >= 1 && limits->connections <= 1000000);
    if (server == NULL || slots == NULL || arrived == NULL) {
        snprintf(why, why_size, "there is no memory for %u connections; lower the limit", limits->connections);
        free(server);
        free(slots);
        free(arrived);
        return NULL;
    }
    for (i = 0; i < limits->connections; i++)
        slots[i].next_free = i + 1;
    server->slots = slots;
    server->arrived = arrived;
    server->limits = *limits;
    server->events = *events;
    server->reactor_fd = -1;
    server->loop = h2o_evloop_create();
    keep_memory();
    set_up_h2o(server);
    set_up_queues(server);
    if (!http_listen(server, address, tls, why, why_size))
        http_close(&server);
    return server;
}

static void close_connections(struct http_server *server)
{
    uint32_t i;

    for (i = 0; i < server->limits.connections; i++)
        while (server->slots[i].connection != NULL) /* TLS needs a second time: the first one says goodbye */
            http_connection_end(server->slots[i].connection);
    http_connection_end_round(server);
    http_linger_end_all(server);
}

static void close_listeners(struct http_server *server)
{
    uint32_t i;

    for (i = 0; i < server->listener_count; i++) {
        h2o_socket_close(server->listeners[i].socket);
        http_tls_forget(&server->listeners[i]);
    }
    server->listener_count = 0;
}

void http_close(struct http_server **server_pointer)
{
    struct http_server *server = *server_pointer;
    h2o_multithread_queue_t *queue;
    if (server == NULL)
        return;
    *server_pointer = NULL;
    server->is_draining = true;
    server->is_closing = true;
    close_listeners(server);
    close_connections(server);
    if (h2o_timeout_is_linked(&server->resume_timer))
        h2o_timeout_unlink(&server->resume_timer);
    if (server->reactor != NULL)
        h2o_socket_close(server->reactor);
    dispose_queues(server);
    queue = server->context.queue;
    h2o_context_dispose(&server->context);
    free(queue);                     /* H2O 2.2.5 and 2.2.6 forget it */
    h2o_evloop_run(server->loop, 0); /* frees the sockets that were closed */
    h2o_evloop_destroy(server->loop);
    h2o_config_dispose(&server->configuration);
    give_memory_back();
    free(server->slots);
    free(server->arrived);
    free(server);
}

void http_drain(struct http_server *server)
{
    uint32_t i;

    server->is_draining = true;
    for (i = 0; i < server->listener_count; i++)
        h2o_socket_read_stop(server->listeners[i].socket);
    for (i = 0; i < server->limits.connections; i++) {
        struct http_connection *connection = server->slots[i].connection;

        if (connection != NULL && connection->is_idle)
            http_connection_set_timer(connection, &server->drain_queue);
    }
    http_connection_end_round(server);
}

/* ------------------------------------------------------------------------------------------------ the loop */

static void on_reactor_ready(h2o_socket_t *socket, const char *error)
{
    (void)socket;
    (void)error; /* being woken is all that is needed: the runtime reads its reactor when http_wait returns */
}

static void watch_reactor(struct http_server *server, int reactor_fd)
{
    int copy;

    if (server->reactor_fd == reactor_fd)
        return;
    if (server->reactor != NULL)
        h2o_socket_close(server->reactor);
    server->reactor = NULL;
    server->reactor_fd = reactor_fd;
    copy = fcntl(reactor_fd, F_DUPFD_CLOEXEC, 0); /* H2O closes what it watches */
    if (copy < 0) {
        server->reactor_fd = -1; /* out of descriptors: next time; until then the wait is short */
        return;
    }
    server->reactor = h2o_evloop_socket_create(server->loop, copy, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(server->reactor, on_reactor_ready);
}

/* H2O takes note that an answer has left only behind its next poll, when the client's next request may be there
 * already: it would then poll once more for it, and change what it polls for. So the completions of the last turn come
 * first. */
static void finish_answers(struct http_server *server)
{
    if (!server->has_sent)
        return;
    server->has_sent = false;
    h2o_timeout_link(server->loop, &server->flush_queue, &server->flush_timer);
    h2o_timeout_run(server->loop, &server->flush_queue, h2o_now(server->loop));
    http_connection_end_round(server);
}

void http_wait(struct http_server *server, int reactor_fd, uint64_t timeout_us)
{
    uint64_t wait_ms = timeout_us / 1000 + (timeout_us % 1000 != 0);

    watch_reactor(server, reactor_fd);
    if (wait_ms > 1000)
        wait_ms = 1000;
    if (server->reactor == NULL && wait_ms > 1)
        wait_ms = 1;
    finish_answers(server);
    if (server->has_sent || server->arrived_count != 0)
        wait_ms = 0;
    h2o_evloop_run(server->loop, (int32_t)wait_ms);
    http_connection_end_round(server);
    http_accept_again(server);
}

/* ------------------------------------------------------------------------------------------------ figures */

uint32_t http_under_way(const struct http_server *server)
{
    return server->under_way;
}

uint32_t http_connections(const struct http_server *server)
{
    return (uint32_t)server->figures.open;
}

uint16_t http_port(const struct http_server *server)
{
    return server->listeners[0].port;
}

struct http_figures http_figures(const struct http_server *server)
{
    return server->figures;
}
