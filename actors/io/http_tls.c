/* SPDX-License-Identifier: MIT */
/*
 * http_tls -- certificates: read at the start, and again when the files change.
 *
 * A new pair is used for handshakes from then on; connections that exist keep the context they were made with, which
 * OpenSSL counts. A pair that cannot be used is reported once for each change of the files, and the old one stays.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/io/http_inside.h"

/* RFC 7301: HTTP/1.1 is all there is. A client that insists on something else is told so by an alert. */
static int choose_protocol(SSL *ssl,
                           const unsigned char **ret_chosen,
                           unsigned char *ret_size,
                           const unsigned char *offered,
                           unsigned int offered_size,
                           void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&chosen, ret_size, ours, sizeof(ours) - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const struct http_listener *listener, char *why, size_t why_size)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    const char *stage = NULL;

    if (tls == NULL) {
        snprintf(why, why_size, "TLS cannot be set up: there is no memory");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, listener->certificate_file) != 1)
        stage = listener->certificate_file;
    else if (SSL_CTX_use_PrivateKey_file(tls, listener->key_file, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(tls) != 1)
        stage = listener->key_file;
    if (stage == NULL)
        return tls;
    snprintf(why, why_size, "%s cannot be used for TLS (%s): give a certificate chain and its key, both in PEM", stage,
             ERR_reason_error_string(ERR_get_error()));
    ERR_clear_error();
    SSL_CTX_free(tls);
    return NULL;
}

static struct timespec changed_at(const char *file)
{
    struct stat found;

    if (stat(file, &found) != 0)
        return (struct timespec){ 0 };
    return found.st_mtim;
}

bool http_tls_load(struct http_listener *listener, char *why, size_t why_size)
{
    SSL_CTX *tls;

    listener->certificate_changed = changed_at(listener->certificate_file);
    listener->key_changed = changed_at(listener->key_file);
    tls = make_context(listener, why, why_size);
    if (tls == NULL)
        return false;
    SSL_CTX_free(listener->tls);
    listener->tls = tls;
    return true;
}

void http_tls_forget(struct http_listener *listener)
{
    SSL_CTX_free(listener->tls);
    free(listener->certificate_file);
    free(listener->key_file);
    listener->tls = NULL;
    listener->certificate_file = NULL;
    listener->key_file = NULL;
}

int64_t http_certificate_end_s(const struct http_server *server)
{
    int64_t first = 0;

    for (uint32_t i = 0; i < server->listener_count; i++) {
        const SSL_CTX *tls = server->listeners[i].tls;
        const X509 *certificate = tls != NULL ? SSL_CTX_get0_certificate(tls) : NULL;
        struct tm ends;
        int64_t end;

        if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &ends) != 1)
            continue;
        end = timegm(&ends);
        first = first == 0 || end < first ? end : first;
    }
    return first;
}

static bool has_changed(const char *file, struct timespec then)
{
    struct timespec now = changed_at(file);

    return now.tv_sec != then.tv_sec || now.tv_nsec != then.tv_nsec;
}

bool http_reload_certificates(struct http_server *server, char *why, size_t why_size)
{
    bool all_fit = true;
    uint32_t i;

    for (i = 0; i < server->listener_count; i++) {
        struct http_listener *listener = &server->listeners[i];

        if (listener->tls != NULL && (has_changed(listener->certificate_file, listener->certificate_changed) ||
                                      has_changed(listener->key_file, listener->key_changed)))
            all_fit = http_tls_load(listener, why, why_size) && all_fit;
    }
    return all_fit;
}
