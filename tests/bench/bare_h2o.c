/* SPDX-License-Identifier: MIT */
/*
 * bare_h2o -- what Shunt's redirects are compared with: H2O answering every request with the same 307, knowing nothing.
 *
 * usage: bare_h2o PORT [CERTIFICATE KEY]     with a certificate, over TLS
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include <h2o.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accepting;

static int redirect(h2o_handler_t *self, h2o_req_t *request)
{
    static h2o_generator_t generator = { NULL, NULL };
    h2o_iovec_t body = h2o_iovec_init(NULL, 0);

    (void)self;
    request->res.status = 307;
    request->res.reason = "Temporary Redirect";
    request->res.content_length = 0;
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_LOCATION, NULL,
                   H2O_STRLIT("https://example.org/a/rather/common/path?x=1"));
    h2o_start_response(request, &generator);
    h2o_send(request, &body, 1, 1);
    return 0;
}

static void accepted(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *socket;

    if (error == NULL && (socket = h2o_evloop_socket_accept(listener)) != NULL)
        h2o_accept(&accepting, socket);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4096) == 0);
    return fd;
}

static SSL_CTX *certified(const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    int is_good = SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
                  SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1;

    assert(is_good);
    return tls;
}

int main(int argc, char **argv)
{
    uint16_t port = (uint16_t)(argc == 2 || argc == 4 ? atoi(argv[1]) : 0);

    h2o_config_init(&config);

    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);

    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = redirect;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accepting.ctx = &context;
    accepting.hosts = config.hosts;
    accepting.ssl_ctx = argc == 4 ? certified(argv[2], argv[3]) : NULL;
    h2o_socket_read_start(h2o_evloop_socket_create(context.loop, listen_on(port), H2O_SOCKET_FLAG_DONT_READ), accepted);
    /* callgrind_control interrupts what waits */
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0 || errno == EINTR)
        ;
    return 1;
}
