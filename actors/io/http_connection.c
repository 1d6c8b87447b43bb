/* SPDX-License-Identifier: MIT */
/*
 * http_connection -- stands between the socket and H2O's HTTP/1 code, so that H2O sees whole, unambiguous requests
 * only.
 *
 * See http_inside.h for how a connection lives. Deadlines are kept here too: H2O's single request timeout can tell
 * neither an idle connection from a slow head nor a slow head from a slow body.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/http_inside.h"

static const char refused_request[] = "GET / HTTP/1.1\r\nhost: refused\r\n\r\n";
static const char continue_answer[] = "HTTP/1.1 100 Continue\r\n\r\n";

static void on_read(h2o_socket_t *socket, const char *error);
static void read_on(struct http_connection *connection);

static struct http_connection *connection_of(h2o_socket_t *socket)
{
    return socket->on_close.data;
}

/* ------------------------------------------------------------------------------------------------ deadlines */

void http_connection_set_timer(struct http_connection *connection, h2o_timeout_t *queue)
{
    if (h2o_timeout_is_linked(&connection->timer))
        h2o_timeout_unlink(&connection->timer);
    if (queue != NULL)
        h2o_timeout_link(connection->server->loop, queue, &connection->timer);
}

void http_connection_on_timeout(h2o_timeout_entry_t *entry)
{
    struct http_connection *connection = H2O_STRUCT_FROM_MEMBER(struct http_connection, timer, entry);

    connection->server->figures.timeouts++;
    http_connection_end(connection);
}

/* H2O has let go of the connection, but TLS may still be saying goodbye to a client that does not listen. */
static void let_go(struct http_connection *connection)
{
    connection->h2o_on_read = NULL;
    if (!connection->is_closed)
        http_connection_set_timer(connection, &connection->server->write_queue);
}

void http_connection_end(struct http_connection *connection)
{
    if (connection->is_closed)
        return;
    if (connection->h2o_on_read == NULL) {
        h2o_socket_close(connection->socket);
        return;
    }
    connection->h2o_on_read(connection->socket, "ended"); /* any error makes H2O let go */
    let_go(connection);
}

/* ------------------------------------------------------------------------------------------------ one request */

/* Gives H2O the request that is now alone in the socket's input. */
static void hand_over(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;
    struct framing *framing = &connection->framing;

    if (connection->sends_continue) {
        connection->is_whole = true;
        h2o_socket_read_stop(socket);
        return;
    }
    /* The 100 is ours to send, and it is sent: H2O must not see the expectation. The field keeps its length. */
    if (framing->expect_at != 0 && connection->refusal.status == 0)
        memcpy(socket->input->bytes + framing->expect_at, "x-sent", 6);
    framing_start(framing, connection->server->limits.body_bytes);
    http_connection_set_timer(connection, NULL);
    socket->_cb.read = connection->h2o_on_read;
    connection->h2o_on_read(socket, NULL);
    /* H2O either has it now, or refuses it by itself and closes once that is written. Anything else would be two
     * parsers disagreeing about where the request ends. */
    if (!connection->is_closed && connection->request == NULL && !h2o_socket_is_writing(socket))
        http_connection_end(connection);
}

static void refuse(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;
    h2o_iovec_t room;

    connection->refusal = (struct http_refusal){ connection->framing.status, connection->framing.detail };
    connection->server->figures.refusals++;
    free(connection->ahead);
    connection->ahead = NULL;
    connection->ahead_size = 0;
    /* H2O gets a harmless request in place of the bad one, so that the refusal is answered in its turn and by the
     * ordinary way; http_connection_on_request sees the refusal. */
    h2o_buffer_consume(&socket->input, socket->input->size);
    room = h2o_buffer_reserve(&socket->input, sizeof(refused_request));
    memcpy(room.base, refused_request, sizeof(refused_request) - 1);
    socket->input->size = sizeof(refused_request) - 1;
    hand_over(connection);
}

static void on_continue_sent(h2o_socket_t *socket, const char *error)
{
    struct http_connection *connection = connection_of(socket);

    connection->sends_continue = false;
    if (error != NULL)
        http_connection_end(connection);
    else if (connection->is_whole) {
        connection->is_whole = false;
        hand_over(connection);
    }
}

/* The request is not whole yet: which deadline holds, and does the client wait for our nod? */
static void wait_for_more(struct http_connection *connection)
{
    h2o_iovec_t answer = h2o_iovec_init(continue_answer, sizeof(continue_answer) - 1);

    if (framing_has_head(&connection->framing))
        http_connection_set_timer(connection, &connection->server->body_queue); /* there was progress: anew */
    if (connection->framing.wants_continue && !connection->sends_continue) {
        connection->framing.wants_continue = false;
        connection->sends_continue = true;
        h2o_socket_write(connection->socket, &answer, 1, on_continue_sent);
    }
}

/* Keeps what came behind the first `size` bytes of the input for later. False without memory. */
static bool put_aside(struct http_connection *connection, size_t size)
{
    h2o_buffer_t *input = connection->socket->input;
    size_t behind = input->size - size;

    if (behind == 0)
        return true;
    connection->ahead = malloc(behind);
    if (connection->ahead == NULL)
        return false;
    memcpy(connection->ahead, input->bytes + size, behind);
    connection->ahead_at = 0;
    connection->ahead_size = behind;
    input->size = size;
    return true;
}

static void judge(struct http_connection *connection)
{
    h2o_buffer_t *input = connection->socket->input;
    bool is_new = connection->framing.line + connection->framing.scanned == 0;

    connection->is_idle = false;

    switch (framing_feed(&connection->framing, input->bytes, input->size)) {
    case FRAMING_INCOMPLETE:
        if (is_new)
            http_connection_set_timer(connection, &connection->server->head_queue); /* once: for the whole head */
        wait_for_more(connection);
        break;
    case FRAMING_COMPLETE:
        if (put_aside(connection, connection->framing.size))
            hand_over(connection);
        else
            http_connection_end(connection);
        break;
    case FRAMING_REFUSED:
        refuse(connection);
        break;
    }
}

/* Takes the next request out of what came ahead of its time, without moving the rest. */
static void judge_ahead(struct http_connection *connection)
{
    const char *bytes = connection->ahead + connection->ahead_at;
    size_t size = connection->ahead_size;
    struct framing trial = connection->framing;
    h2o_iovec_t room;

    if (framing_feed(&trial, bytes, size) == FRAMING_COMPLETE)
        size = trial.size;
    room = h2o_buffer_reserve(&connection->socket->input, size);
    if (room.base == NULL) {
        http_connection_end(connection);
        return;
    }
    memcpy(room.base, bytes, size);
    connection->socket->input->size += size;
    connection->ahead_at += size;
    connection->ahead_size -= size;
    if (connection->ahead_size == 0) {
        free(connection->ahead);
        connection->ahead = NULL;
    }
    judge(connection);
}

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct http_connection *connection = connection_of(socket);

    if (error != NULL)
        http_connection_end(connection);
    else if (socket->input->size != 0) /* TLS wakes us for records that carry no data, too */
        judge(connection);
}

/* Between requests: our callback takes the place of H2O's. */
static void read_on(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;

    connection->h2o_on_read = socket->_cb.read;
    socket->_cb.read = on_read;
    h2o_socket_dont_read(socket, 0);
    if (connection->ahead != NULL) {
        judge_ahead(connection);
        return;
    }
    connection->is_idle = true;
    http_connection_set_timer(connection, connection->server->is_draining ? &connection->server->drain_queue
                                                                          : &connection->server->idle_queue);
}

/* ------------------------------------------------------------------------------------------------ H2O's side */

/* While an answer is made, nothing is read: the request's parts lie in the input. But the client may leave. A client
 * that has only finished sending still gets its answer, if it comes soon. */
static void on_sign_of_life(h2o_socket_t *socket, const char *error)
{
    struct http_connection *connection = connection_of(socket);
    char byte;
    ssize_t got = recv(h2o_socket_get_fd(socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (error == NULL && got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    h2o_socket_read_stop(socket);
    if (error != NULL || got < 0)
        http_connection_end(connection);
    else if (got == 0 && !connection->is_answered)
        http_connection_set_timer(connection, &connection->server->gone_queue);
}

/* H2O clears the request's memory: it was answered, or the connection is going down. */
static void on_disposed(void *pointer)
{
    struct http_connection *connection = *(struct http_connection **)pointer;
    struct http_server *server = connection->server;
    struct http_exchange exchange = { connection->slot, server->slots[connection->slot].generation };

    connection->request = NULL;
    server->under_way--;
    http_connection_set_timer(connection, NULL);
    if (!connection->is_finished) {
        connection->is_finished = true;
        connection->next = server->finished;
        server->finished = connection;
    }
    if (connection->is_taken && !connection->is_answered)
        server->events.left(server->events.context, exchange);
}

/* The ring has room: a connection has one request at a time, and those that died before they were taken are few enough
 * to be dropped here when they are in the way. */
static void arrive(struct http_server *server, struct http_exchange exchange)
{
    uint32_t limit = server->limits.connections;

    if (server->arrived_count == limit) {
        server->arrived_first = (server->arrived_first + 1) % limit;
        server->arrived_count--;
    }
    server->arrived[(server->arrived_first + server->arrived_count++) % limit] = exchange;
}

int http_connection_on_request(h2o_handler_t *handler, h2o_req_t *request)
{
    struct http_connection *connection = connection_of(request->conn->callbacks->get_socket(request->conn));
    struct http_server *server = connection->server;
    struct http_slot *slot = &server->slots[connection->slot];
    struct http_connection **tag = h2o_mem_alloc_shared(&request->pool, sizeof(connection), on_disposed);

    (void)handler;
    *tag = connection;
    connection->request = request;
    connection->is_taken = false;
    connection->is_answered = false;
    server->under_way++;
    server->figures.requests++;
    if (++slot->generation == 0)
        slot->generation = 1;
    h2o_socket_dont_read(connection->socket, 1);
    h2o_socket_read_start(connection->socket, on_sign_of_life);
    arrive(server, (struct http_exchange){ connection->slot, slot->generation });
    return 0;
}

/* ------------------------------------------------------------------------------------------------ life */

static void on_closed(void *pointer)
{
    struct http_connection *connection = pointer;
    struct http_server *server = connection->server;
    struct http_slot *slot = &server->slots[connection->slot];

    http_connection_set_timer(connection, NULL);
    connection->is_closed = true;
    server->figures.open--;
    if (connection->linger_fd >= 0)
        http_linger_start(server, connection->linger_fd);
    slot->connection = NULL;
    slot->next_free = server->first_free;
    server->first_free = connection->slot;
    if (!connection->is_finished) {
        connection->is_finished = true;
        connection->next = server->finished;
        server->finished = connection;
    }
}

static void start_http(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    h2o_socket_t *socket = connection->socket;

    /* H2O would read what came with the TLS handshake at once, before we could. */
    if (socket->input->size != 0) {
        bool is_kept = put_aside(connection, 0);

        h2o_buffer_consume(&socket->input, socket->input->size);
        if (!is_kept) {
            http_connection_end(connection);
            return;
        }
    }
    h2o_http1_accept(&server->accepting, socket, *h2o_get_timestamp(&server->context, NULL, NULL));
    read_on(connection);
}

static void on_handshake(h2o_socket_t *socket, const char *error)
{
    struct http_connection *connection = connection_of(socket);

    http_connection_set_timer(connection, NULL);
    if (error != NULL)
        http_connection_end(connection);
    else
        start_http(connection);
}

void http_connection_open(struct http_server *server, struct http_listener *listener, h2o_socket_t *socket)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    struct http_slot *slot = &server->slots[server->first_free];

    if (connection == NULL) {
        h2o_socket_close(socket);
        return;
    }
    connection->server = server;
    connection->socket = socket;
    connection->slot = server->first_free;
    connection->linger_fd = -1;
    connection->timer.cb = http_connection_on_timeout;
    connection->is_tls = listener->tls != NULL;
    framing_start(&connection->framing, server->limits.body_bytes);
    server->first_free = slot->next_free;
    slot->connection = connection;
    server->figures.accepted++;
    server->figures.open++;
    socket->on_close.cb = on_closed;
    socket->on_close.data = connection;
    if (!connection->is_tls) {
        start_http(connection);
        return;
    }
    http_connection_set_timer(connection, &server->head_queue);
    h2o_socket_ssl_handshake(socket, listener->tls, NULL, on_handshake);
}

/* Reading on may finish or close further connections: they land on the lists again and have their turn. */
void http_connection_end_round(struct http_server *server)
{
    struct http_connection *connection;

    while ((connection = server->finished) != NULL) {
        server->finished = connection->next;
        connection->is_finished = false;
        if (connection->is_closed) {
            connection->next = server->closed;
            server->closed = connection;
        } else if (connection->socket->_cb.read != NULL && connection->request == NULL) {
            read_on(connection);
        } else if (connection->request == NULL) {
            let_go(connection);
        }
    }
    while ((connection = server->closed) != NULL) {
        server->closed = connection->next;
        free(connection->ahead);
        free(connection);
    }
}
