/* SPDX-License-Identifier: MIT */
/*
 * stores -- the kinds of store as rows; topology/stores/ has the scripts that start them, and the reasons for the
 * answers that are waited for here.
 */
#include "actors/stores.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/plan/topology.h"

#define SECOND_US UINT64_C(1000000)

/* A server that still loads its data lets us in and answers -LOADING. */
static size_t probe_redis(const struct topology_store *store, char *bytes)
{
    int size = snprintf(bytes, STORE_PROBE_LIMIT, "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n*1\r\n$4\r\nPING\r\n",
                        strlen(store->password), store->password);

    return size > 0 && size < STORE_PROBE_LIMIT ? (size_t)size : 0;
}

/* A start-up packet: one that starts or recovers answers with an error, one that is ready asks for the password. */
static size_t probe_postgres(const struct topology_store *store, char *bytes)
{
    static const char head[] = { 0, 3, 0, 0, 'u', 's', 'e', 'r', 0 };
    static const char middle[] = "database";
    size_t user_size = strlen(store->user) + 1;
    size_t database_size = strlen(store->database) + 1;
    size_t size = 4 + sizeof head + user_size + sizeof middle + database_size + 1;
    char *at = bytes + 4;

    if (size > STORE_PROBE_LIMIT)
        return 0;
    bytes[0] = 0;
    bytes[1] = 0;
    bytes[2] = (char)(size >> 8);
    bytes[3] = (char)size;
    at = mempcpy(at, head, sizeof head);
    at = mempcpy(at, store->user, user_size);
    at = mempcpy(at, middle, sizeof middle);
    at = mempcpy(at, store->database, database_size);
    *at = '\0';
    return size;
}

/* An ApiVersions request, version 0. The answer begins with its length, which is less than 64 KiB. */
static size_t probe_kafka(const struct topology_store *store, char *bytes)
{
    static const char request[] = { 0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, (char)0xff, (char)0xff };

    (void)store;
    memcpy(bytes, request, sizeof request);
    return sizeof request;
}

static size_t put(char *bytes, const char *text)
{
    memcpy(bytes, text, strlen(text));
    return strlen(text);
}

static size_t probe_clickhouse(const struct topology_store *store, char *bytes)
{
    (void)store;
    return put(bytes, "GET /ping HTTP/1.0\r\n\r\n");
}

static size_t probe_prometheus(const struct topology_store *store, char *bytes)
{
    (void)store;
    return put(bytes, "GET /-/ready HTTP/1.0\r\n\r\n");
}

#define READY(literal) .ready = "" literal, .ready_size = sizeof literal - 1

static const struct store_kind redis = {
    .name = "redis",
    .doc = "Redis: cache and click buffer, or the block leases of keygen",
    .uri = "redis://:{password}@{host}:{port}/{database}",
    .database = "0",
    .probe = probe_redis,
    READY("+OK\r\n+PONG\r\n"),
    .stop_signal = SIGTERM,
    .start_limit_us = 30 * SECOND_US,
    .stop_limit_us = 10 * SECOND_US,
};

static const struct store_kind postgres = {
    .name = "postgres",
    .doc = "PostgreSQL: links, their counters, and the marks of what was counted",
    .uri = "postgresql://{user}:{password}@{host}:{port}/{database}",
    .user = "shunt",
    .database = "shunt",
    .probe = probe_postgres,
    READY("R"),
    .stop_signal = SIGINT,
    .start_limit_us = 120 * SECOND_US, /* it may have to recover */
    .stop_limit_us = 30 * SECOND_US,
};

static const struct store_kind kafka = {
    .name = "kafka",
    .doc = "Kafka: every click on its way to the databases",
    .uri = "kafka://{host}:{port}",
    .probe = probe_kafka,
    READY("\0\0"),
    .stop_signal = SIGTERM,
    .start_limit_us = 120 * SECOND_US,
    .stop_limit_us = 30 * SECOND_US,
};

static const struct store_kind clickhouse = {
    .name = "clickhouse",
    .doc = "ClickHouse: one row a click, for analysis",
    .uri = "http://{user}:{password}@{host}:{port}/?database={database}", /* as curl takes it */
    .user = "shunt",
    .database = "shunt",
    .probe = probe_clickhouse,
    READY("HTTP/1.0 200 "),
    .stop_signal = SIGTERM,
    .start_limit_us = 60 * SECOND_US,
    .stop_limit_us = 15 * SECOND_US,
};

static const struct store_kind prometheus = {
    .name = "prometheus",
    .doc = "Prometheus: what all metrics were over time",
    .uri = "http://{host}:{port}",
    .probe = probe_prometheus,
    READY("HTTP/1.0 200 "),
    .stop_signal = SIGTERM,
    .start_limit_us = 60 * SECOND_US,
    .stop_limit_us = 15 * SECOND_US,
};

const struct store_kind *const shunt_store_kinds[] = { &postgres, &redis, &kafka, &clickhouse, &prometheus, NULL };
