/* SPDX-License-Identifier: MIT */
/*
 * The server over TLS, with real clients in a thread of their own: both versions, only HTTP/1.1, requests that arrive
 * with the handshake's last flight, and certificates that change while connections are open.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/io/http.h"
#include "tests/testing.h"

static char folder[] = "/tmp/shunt-tls-XXXXXX";
static char certificate[64], key[64];
static struct http_server *server;
static int idle_fd;

/* ------------------------------------------------------------------------------------------------ certificates */

/* Writes a new key and its self-signed certificate, so that a look at the files' times sees it. */
static void make_certificate(const char *name)
{
    static int made;
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    struct timespec times[2] = { { .tv_sec = 1000000 + ++made }, { .tv_sec = 1000000 + made } };
    FILE *file;

    ASN1_INTEGER_set(X509_get_serialNumber(x509), made);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    assert_true(X509_sign(x509, pair, EVP_sha256()) > 0);
    file = fopen(certificate, "w");
    PEM_write_X509(file, x509);
    fclose(file);
    file = fopen(key, "w");
    PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    utimensat(AT_FDCWD, certificate, times, 0);
    utimensat(AT_FDCWD, key, times, 0);
    X509_free(x509);
    EVP_PKEY_free(pair);
}

/* ------------------------------------------------------------------------------------------------ the client */

struct client {
    int version;           /* TLS1_2_VERSION ... */
    const char *protocols; /* as ALPN wants them; NULL: none */
    unsigned requests;
    unsigned answers; /* that were as they should be */
    bool failed;      /* the handshake did */
    char name[64];    /* on the certificate */
    SSL *ssl;         /* kept open when `stays` */
    bool stays;
    atomic_bool is_done;
};

static bool exchange(SSL *ssl)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[2048];
    size_t size = 0;

    if (SSL_write(ssl, request, sizeof(request) - 1) <= 0)
        return false;
    while (size < sizeof(answer) - 1) {
        int got = SSL_read(ssl, answer + size, (int)(sizeof(answer) - 1 - size));

        if (got <= 0)
            return false;
        size += (size_t)got;
        answer[size] = '\0';
        if (strstr(answer, "hello") != NULL)
            return strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
    }
    return false;
}

static void read_name(struct client *client)
{
    X509 *x509 = SSL_get1_peer_certificate(client->ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, client->name, sizeof(client->name));
    X509_free(x509);
}

static void *be_client(void *pointer)
{
    struct client *client = pointer;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(http_port(server)) };

    if (client->ssl == NULL) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        SSL_CTX_set_min_proto_version(context, client->version);
        SSL_CTX_set_max_proto_version(context, client->version);
        client->ssl = SSL_new(context);
        SSL_CTX_free(context);
        if (client->protocols != NULL)
            SSL_set_alpn_protos(client->ssl, (const unsigned char *)client->protocols,
                                (unsigned)strlen(client->protocols));
        SSL_set_fd(client->ssl, fd);
        client->failed =
            connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || SSL_connect(client->ssl) != 1;
    }
    for (unsigned i = 0; !client->failed && i < client->requests; i++)
        client->answers += exchange(client->ssl);
    if (!client->failed)
        read_name(client);
    client->is_done = true;
    return NULL;
}

static void hang_up(struct client *client)
{
    int fd = SSL_get_fd(client->ssl);

    SSL_free(client->ssl);
    close(fd);
    client->ssl = NULL;
}

/* Runs client and server until the client has what it wants. */
static void run(struct client *client)
{
    pthread_t thread;
    struct http_request request;

    client->is_done = false;
    assert_int_equal(pthread_create(&thread, NULL, be_client, client), 0);
    while (!client->is_done) {
        http_wait(server, idle_fd, 5000);
        while (http_take(server, &request)) {
            assert_true(request.is_tls);
            http_answer(server, request.exchange, &(struct http_answer){ .status = 200, .body = SLICE("hello") });
        }
    }
    pthread_join(thread, NULL);
    if (!client->stays)
        hang_up(client);
    for (int i = 0; i < 5; i++)
        http_wait(server, idle_fd, 1000);
}

/* ------------------------------------------------------------------------------------------------ the stage */

static void on_left(void *context, struct http_exchange id)
{
    (void)context;
    (void)id;
}

static int setup(void **state)
{
    const struct http_limits limits = { .connections = 100,
                                        .body_bytes = 1024,
                                        .head_us = 5000000,
                                        .body_us = 5000000,
                                        .idle_us = 5000000,
                                        .write_us = 5000000 };
    const struct http_tls_files tls = { certificate, key };
    char why[256];

    (void)state;
    make_certificate("first");
    server = http_open("127.0.0.1:0", &tls, &limits, &(struct http_events){ .left = on_left }, why, sizeof(why));
    if (server == NULL)
        fail_msg("%s", why);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_close(&server);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ tests */

static void test_both_versions(void **state)
{
    const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct client client = { .version = versions[i], .requests = 20, .protocols = "\x08http/1.1" };

        run(&client);
        assert_false(client.failed);
        assert_int_equal(client.answers, 20);
        assert_string_equal(client.name, "first");
    }
}

static void test_what_is_not_spoken(void **state)
{
    struct client old = { .version = TLS1_1_VERSION, .requests = 1 };
    struct client http2 = { .version = TLS1_3_VERSION, .requests = 1, .protocols = "\x02h2" };
    struct client both = { .version = TLS1_3_VERSION, .requests = 1, .protocols = "\x02h2\x08http/1.1" };

    (void)state;
    run(&old);
    assert_true(old.failed);
    run(&http2);
    assert_true(http2.failed);
    run(&both);
    assert_int_equal(both.answers, 1);
    assert_int_equal(http_figures(server).open, 0);
}

static void test_certificates_change(void **state)
{
    struct client old = { .version = TLS1_3_VERSION, .requests = 1, .stays = true };
    struct client new = { .version = TLS1_3_VERSION, .requests = 1 };
    char why[256];
    FILE *file;

    (void)state;
    run(&old);
    assert_int_equal(old.answers, 1);
    assert_true(http_reload_certificates(server, why, sizeof(why)));
    assert_in_range(http_certificate_end_s(server), time(NULL) + 3600 - 60, time(NULL) + 3600);
    make_certificate("second");
    assert_true(http_reload_certificates(server, why, sizeof(why)));
    run(&new);
    assert_string_equal(new.name, "second");
    run(&old); /* the open connection goes on */
    assert_int_equal(old.answers, 2);
    file = fopen(key, "w");
    fputs("no key", file);
    fclose(file);
    assert_false(http_reload_certificates(server, why, sizeof(why)));
    assert_non_null(strstr(why, key));
    assert_true(http_reload_certificates(server, why, sizeof(why))); /* said once */
    new.answers = 0;
    run(&new);
    assert_int_equal(new.answers, 1);
    assert_string_equal(new.name, "second");
    hang_up(&old);
}

static void test_unusable_files(void **state)
{
    const struct http_limits limits = { 10, 10, 1000000, 1000000, 1000000, 1000000 };
    const struct http_tls_files tls = { "/nowhere/certificate.pem", key };
    char why[256];

    (void)state;
    assert_null(http_open("127.0.0.1:0", &tls, &limits, &(struct http_events){ .left = on_left }, why, sizeof(why)));
    assert_non_null(strstr(why, "/nowhere/certificate.pem"));
    assert_null(http_open("localhost", NULL, &limits, &(struct http_events){ .left = on_left }, why, sizeof(why)));
    assert_non_null(strstr(why, "127.0.0.1:8080"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_spoken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certificates_change, setup, teardown),
        cmocka_unit_test(test_unusable_files),
    };
    int failed;

    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(certificate, sizeof(certificate), "%s/certificate.pem", folder);
    snprintf(key, sizeof(key), "%s/key.pem", folder);
    idle_fd = eventfd(0, EFD_CLOEXEC);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(certificate);
    unlink(key);
    rmdir(folder);
    return failed;
}
