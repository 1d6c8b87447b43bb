/* SPDX-License-Identifier: MIT */
/*
 * http_linger -- lets the last answer of a connection reach a client that is still sending. See http_inside.h.
 *
 * H2O closes its descriptor as soon as the answer is written. A duplicate keeps the connection: we say that no more
 * comes, and read what the client still sends, for a bounded time and a bounded number of bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "actors/io/http_inside.h"

enum { LINGERING_BYTES = 16 * 1024 * 1024 };

struct http_lingering {
    struct http_server *server;
    h2o_socket_t *socket;
    h2o_timeout_entry_t timer;
    h2o_linklist_t link; /* of server->lingering */
    size_t bytes;        /* thrown away so far */
};

static void end(struct http_lingering *lingering)
{
    h2o_timeout_unlink(&lingering->timer);
    h2o_linklist_unlink(&lingering->link);
    lingering->server->lingering_count--;
    h2o_socket_close(lingering->socket);
    free(lingering);
}

static void on_time_up(h2o_timeout_entry_t *entry)
{
    end(H2O_STRUCT_FROM_MEMBER(struct http_lingering, timer, entry));
}

/* One read a round is enough: the loop comes back as long as there is more. */
static void on_more(h2o_socket_t *socket, const char *error)
{
    struct http_lingering *lingering = socket->data;
    char bytes[64 * 1024];
    ssize_t got = recv(h2o_socket_get_fd(socket), bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got > 0)
        lingering->bytes += (size_t)got;
    if (error != NULL || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
        lingering->bytes > LINGERING_BYTES)
        end(lingering);
}

void http_linger_prepare(struct http_connection *connection)
{
    if (connection->server->lingering_count < HTTP_LINGERING_LIMIT)
        connection->linger_fd = fcntl(h2o_socket_get_fd(connection->socket), F_DUPFD_CLOEXEC, 0);
}

void http_linger_start(struct http_server *server, int fd)
{
    struct http_lingering *lingering = calloc(1, sizeof(*lingering));

    if (lingering == NULL || server->is_closing || shutdown(fd, SHUT_WR) != 0) {
        free(lingering);
        close(fd);
        return;
    }
    lingering->server = server;
    lingering->socket = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    lingering->socket->data = lingering;
    lingering->timer.cb = on_time_up;
    h2o_timeout_link(server->loop, &server->linger_queue, &lingering->timer);
    h2o_linklist_insert(&server->lingering, &lingering->link);
    server->lingering_count++;
    h2o_socket_read_start(lingering->socket, on_more);
}

void http_linger_end_all(struct http_server *server)
{
    while (!h2o_linklist_is_empty(&server->lingering))
        end(H2O_STRUCT_FROM_MEMBER(struct http_lingering, link, server->lingering.next));
}
