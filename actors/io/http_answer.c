/* SPDX-License-Identifier: MIT */
/*
 * http_answer -- reads a request's parts and sends its answer. The 307 has a way of its own: it is what most requests
 * get, and costs one vector of header fields in the request's memory and nothing else.
 */
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "actors/io/http_inside.h"

static h2o_generator_t no_generator; /* answers are sent in one piece: nothing is generated later */

const char *http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 307, "Temporary Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Answer";
}

/* ------------------------------------------------------------------------------------------------ the request */

static struct http_connection *connection_of(const struct http_server *server, struct http_exchange exchange)
{
    const struct http_slot *slot;

    assert(exchange.slot < server->limits.connections);
    slot = &server->slots[exchange.slot];
    if (slot->connection == NULL || slot->generation != exchange.generation || slot->connection->request == NULL)
        return NULL;
    return slot->connection;
}

static enum http_method method_of(h2o_iovec_t name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        { "GET", HTTP_GET },     { "HEAD", HTTP_HEAD },     { "POST", HTTP_POST },       { "PUT", HTTP_PUT },
        { "PATCH", HTTP_PATCH }, { "DELETE", HTTP_DELETE }, { "OPTIONS", HTTP_OPTIONS },
    };
    size_t i;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (h2o_memis(name.base, name.len, methods[i].name, strlen(methods[i].name)))
            return methods[i].method;
    return HTTP_OTHER;
}

static void
describe(const struct http_connection *connection, struct http_exchange exchange, struct http_request *ret_request)
{
    h2o_req_t *inside = connection->request;
    size_t path_size = inside->query_at < inside->path.len ? inside->query_at : inside->path.len;

    *ret_request = (struct http_request){
        .exchange = exchange,
        .method = method_of(inside->method),
        .method_name = { inside->method.base, inside->method.len },
        .path = { inside->path.base, path_size },
        .body = { inside->entity.base, inside->entity.len },
        .is_tls = connection->is_tls,
        .refusal = connection->refusal,
        .inside = inside,
    };
    if (path_size < inside->path.len)
        ret_request->query = (struct slice){ inside->path.base + path_size + 1, inside->path.len - path_size - 1 };
}

bool http_take(struct http_server *server, struct http_request *ret_request)
{
    while (server->arrived_count > 0) {
        struct http_exchange exchange = server->arrived[server->arrived_first];
        struct http_connection *connection = connection_of(server, exchange);

        server->arrived_first = (server->arrived_first + 1) % server->limits.connections;
        server->arrived_count--;
        if (connection == NULL)
            continue; /* the client left already */
        connection->is_taken = true;
        describe(connection, exchange, ret_request);
        return true;
    }
    return false;
}

struct slice http_request_field(const struct http_request *request, enum http_field_name name)
{
    const h2o_token_t *const tokens[HTTP_FIELD_NAMES] = {
        [HTTP_FIELD_AUTHORIZATION] = H2O_TOKEN_AUTHORIZATION,
        [HTTP_FIELD_CONTENT_TYPE] = H2O_TOKEN_CONTENT_TYPE,
        [HTTP_FIELD_ACCEPT] = H2O_TOKEN_ACCEPT,
        [HTTP_FIELD_REFERER] = H2O_TOKEN_REFERER,
        [HTTP_FIELD_USER_AGENT] = H2O_TOKEN_USER_AGENT,
    };
    const h2o_req_t *inside = request->inside;
    ssize_t at = h2o_find_header(&inside->headers, tokens[name], -1);

    if (at < 0)
        return (struct slice){ 0 };
    return (struct slice){ inside->headers.entries[at].value.base, inside->headers.entries[at].value.len };
}

struct slice http_request_field_named(const struct http_request *request, const char *lower_case_name)
{
    const h2o_req_t *inside = request->inside;
    ssize_t at = h2o_find_header_by_str(&inside->headers, lower_case_name, strlen(lower_case_name), -1);

    if (at < 0)
        return (struct slice){ 0 };
    return (struct slice){ inside->headers.entries[at].value.base, inside->headers.entries[at].value.len };
}

uint64_t http_request_network(const struct http_request *request)
{
    const h2o_req_t *inside = request->inside;
    struct sockaddr_storage address;
    uint64_t network = 0;

    if (inside->conn->callbacks->get_peername(inside->conn, (struct sockaddr *)&address) == 0)
        return 0;
    if (address.ss_family == AF_INET)
        memcpy(&network, &((struct sockaddr_in *)&address)->sin_addr, 4);
    else if (address.ss_family == AF_INET6)
        memcpy(&network, &((struct sockaddr_in6 *)&address)->sin6_addr, 8);
    return network;
}

bool http_request_of(const struct http_server *server, struct http_exchange exchange, struct http_request *ret_request)
{
    const struct http_connection *connection = connection_of(server, exchange);

    if (connection == NULL || connection->is_answered)
        return false;
    describe(connection, exchange, ret_request);
    return true;
}

/* ------------------------------------------------------------------------------------------------ the answer */

bool http_is_waiting(const struct http_server *server, struct http_exchange exchange)
{
    const struct http_connection *connection = connection_of(server, exchange);

    return connection != NULL && !connection->is_answered;
}

/* What every answer needs before it is sent. */
static void begin(struct http_connection *connection, unsigned status, size_t body_size, bool close)
{
    struct http_server *server = connection->server;
    h2o_req_t *request = connection->request;

    assert(!connection->is_answered);
    connection->is_answered = true;
    server->has_sent = true;
    request->res.status = (int)status;
    request->res.reason = http_reason(status);
    request->res.content_length = status == 204 ? SIZE_MAX : body_size; /* RFC 9110 8.6: none with 204 */
    if (connection->refusal.status != 0) {
        http_linger_prepare(connection);
        close = true;
    }
    if (close || server->is_draining)
        request->http1_is_persistent = 0;
    http_connection_set_timer(connection, &server->write_queue);
    h2o_start_response(request, &no_generator);
}

void http_add_field(struct http_server *server, struct http_exchange exchange, const struct http_field *field)
{
    struct http_connection *connection = connection_of(server, exchange);
    h2o_iovec_t value;

    if (connection == NULL || connection->is_answered)
        return;
    value = h2o_strdup(&connection->request->pool, field->value.at, field->value.size);
    h2o_add_header_by_str(&connection->request->pool, &connection->request->res.headers, field->name,
                          strlen(field->name), 0, NULL, value.base, value.len);
}

bool http_redirect(struct http_server *server,
                   struct http_exchange exchange,
                   struct slice location,
                   const struct http_field *extra)
{
    struct http_connection *connection = connection_of(server, exchange);
    h2o_req_t *request;

    if (connection == NULL)
        return false;
    request = connection->request;
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_LOCATION, "Location", location.at, location.size);
    if (extra != NULL)
        h2o_add_header_by_str(&request->pool, &request->res.headers, extra->name, strlen(extra->name), 0, NULL,
                              extra->value.at, extra->value.size);
    begin(connection, 307, 0, false);
    h2o_send(request, NULL, 0, H2O_SEND_STATE_FINAL);
    return true;
}

bool http_answer(struct http_server *server, struct http_exchange exchange, const struct http_answer *answer)
{
    struct http_connection *connection = connection_of(server, exchange);
    h2o_req_t *request;
    h2o_iovec_t body = h2o_iovec_init(answer->body.at, answer->body.size);
    size_t i;
    bool is_head;

    if (connection == NULL)
        return false;
    request = connection->request;
    is_head = h2o_memis(request->input.method.base, request->input.method.len, H2O_STRLIT("HEAD"));
    if (answer->content_type.size != 0)
        h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, "Content-Type",
                       answer->content_type.at, answer->content_type.size);
    for (i = 0; i < answer->field_count; i++)
        h2o_add_header_by_str(&request->pool, &request->res.headers, answer->fields[i].name,
                              strlen(answer->fields[i].name), 0, NULL, answer->fields[i].value.at,
                              answer->fields[i].value.size);
    if (!answer->body_lives_on && body.len != 0)
        body = h2o_strdup(&request->pool, body.base, body.len);
    begin(connection, answer->status, answer->body.size, answer->close);
    h2o_send(request, &body, is_head || body.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
    return true;
}
