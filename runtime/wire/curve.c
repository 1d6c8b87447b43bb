/* SPDX-License-Identifier: MIT */
/* curve -- see curve.h: the keys of a process. */
#include "runtime/wire/curve.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

struct curve_keys {
    pthread_mutex_t lock;
    char host[CURVE_NAME_LIMIT + 1]; /* "": none */
    struct curve_key *list;          /* by name */
    size_t count;
    uint64_t version;
};

/* Memory that held secrets is not left behind. */
static void forget(struct curve_key *list, size_t count)
{
    if (list != NULL)
        explicit_bzero(list, count * sizeof *list);
    free(list);
}

static struct curve_key *read_folder(size_t *ret_count)
{
    struct curve_key *list = calloc(CURVE_KEYS_LIMIT, sizeof *list);

    assert(list != NULL);
    *ret_count = curve_file_read_all(list);
    return list;
}

struct curve_keys *curve_keys_open(const char *host)
{
    struct curve_keys *keys = calloc(1, sizeof *keys);

    assert(keys != NULL);
    pthread_mutex_init(&keys->lock, NULL);
    snprintf(keys->host, sizeof keys->host, "%s", host != NULL ? host : "");
    keys->list = read_folder(&keys->count);
    return keys;
}

void curve_keys_destroy(struct curve_keys **keys)
{
    if (*keys == NULL)
        return;
    forget((*keys)->list, (*keys)->count);
    pthread_mutex_destroy(&(*keys)->lock);
    free(*keys);
    *keys = NULL;
}

static const struct curve_key *find(const struct curve_key *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool is_same(const struct curve_key *a, const struct curve_key *b)
{
    return b != NULL && a->role == b->role && strcmp(a->public_text, b->public_text) == 0 &&
           strcmp(a->secret_text, b->secret_text) == 0;
}

enum curve_change curve_keys_reload(struct curve_keys *keys)
{
    size_t count;
    struct curve_key *list = read_folder(&count);
    enum curve_change change = CURVE_SAME;

    pthread_mutex_lock(&keys->lock);
    struct curve_key *old = keys->list;
    size_t old_count = keys->count;

    keys->list = list;
    keys->count = count;
    if (count > old_count)
        change = CURVE_MORE;
    for (size_t i = 0; i < old_count; i++)
        if (!is_same(&old[i], find(list, count, old[i].name)))
            change = CURVE_REVOKED;
    if (find(list, count, keys->host) != NULL && find(old, old_count, keys->host) == NULL)
        change = CURVE_REVOKED; /* the host can listen again */
    keys->version += change == CURVE_REVOKED ? 1 : 0;
    pthread_mutex_unlock(&keys->lock);
    forget(old, old_count);
    return change;
}

uint64_t curve_keys_version(struct curve_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    uint64_t version = keys->version;

    pthread_mutex_unlock(&keys->lock);
    return version;
}

static bool copy(struct curve_keys *keys, const char *name, struct curve_key *ret_key)
{
    pthread_mutex_lock(&keys->lock);
    const struct curve_key *found = find(keys->list, keys->count, name);

    if (found != NULL)
        *ret_key = *found;
    pthread_mutex_unlock(&keys->lock);
    return found != NULL;
}

bool curve_keys_own(struct curve_keys *keys, struct curve_key *ret_key)
{
    return copy(keys, keys->host, ret_key) && ret_key->role == CURVE_NODE && ret_key->secret_text[0] != '\0';
}

bool curve_keys_find(struct curve_keys *keys, const char *name, struct curve_key *ret_key)
{
    if (!copy(keys, name, ret_key))
        return false;
    explicit_bzero(ret_key->secret_text, sizeof ret_key->secret_text);
    return true;
}

/* ------------------------------------------------------------------------------------------------ sockets */

static bool set_text(void *socket, int option, const char *text)
{
    return zmq_setsockopt(socket, option, text, strlen(text) + 1) == 0;
}

static bool no_key(struct curve_key *key)
{
    explicit_bzero(key, sizeof *key);
    errno = ENOKEY;
    return false;
}

bool curve_serve(struct curve_keys *keys, void *socket, const char *domain)
{
    struct curve_key own;
    int yes = 1;

    if (keys == NULL || !curve_keys_own(keys, &own))
        return no_key(&own);

    bool good = zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0 &&
                set_text(socket, ZMQ_CURVE_SECRETKEY, own.secret_text) &&
                zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0;

    explicit_bzero(&own, sizeof own);
    return good;
}

bool curve_connect(struct curve_keys *keys, void *socket, const char *server)
{
    struct curve_key own;
    struct curve_key other;

    if (keys == NULL || !curve_keys_own(keys, &own) || !curve_keys_find(keys, server, &other) ||
        other.role != CURVE_NODE)
        return no_key(&own);

    bool good = set_text(socket, ZMQ_CURVE_SERVERKEY, other.public_text) &&
                set_text(socket, ZMQ_CURVE_PUBLICKEY, own.public_text) &&
                set_text(socket, ZMQ_CURVE_SECRETKEY, own.secret_text);

    explicit_bzero(&own, sizeof own);
    return good;
}

/* ------------------------------------------------------------------------------------------------ who has a key */

bool curve_keys_admit(struct curve_keys *keys,
                      const char *public_text,
                      const char *domain,
                      char name[CURVE_NAME_LIMIT + 1])
{
    bool is_node = strcmp(domain, CURVE_DOMAIN_NODE) == 0;
    bool is_admitted = false;

    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->count && !is_admitted; i++) {
        is_admitted =
            strcmp(keys->list[i].public_text, public_text) == 0 && (keys->list[i].role == CURVE_NODE) == is_node;
        if (is_admitted)
            memcpy(name, keys->list[i].name, CURVE_NAME_LIMIT + 1);
    }
    pthread_mutex_unlock(&keys->lock);
    return is_admitted;
}
