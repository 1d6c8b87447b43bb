/* SPDX-License-Identifier: MIT */
/* What is sent to a store to learn whether it is ready, byte for byte as topology/stores/README.md says. */
#include <string.h>

#include "actors/stores.h"
#include "runtime/plan/topology.h"
#include "tests/testing.h"

static const struct store_kind *kind_of(const char *name)
{
    for (size_t i = 0; shunt_store_kinds[i] != NULL; i++)
        if (strcmp(shunt_store_kinds[i]->name, name) == 0)
            return shunt_store_kinds[i];
    fail_msg("no store kind %s", name);
    return NULL;
}

static void postgres_gets_a_start_up_packet(void **state)
{
    static const char expected[] = "\0\0\0\x23\0\x03\0\0user\0shunt\0database\0shunt\0";
    const struct topology_store store = { .user = "shunt", .database = "shunt" };
    char bytes[STORE_PROBE_LIMIT];

    (void)state;
    assert_int_equal(kind_of("postgres")->probe(&store, bytes), 35);
    assert_memory_equal(bytes, expected, 35);
}

static void redis_gets_password_and_ping(void **state)
{
    static const char expected[] = "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n";
    const struct topology_store store = { .password = "secret" };
    char bytes[STORE_PROBE_LIMIT];

    (void)state;
    assert_int_equal(kind_of("redis")->probe(&store, bytes), sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
}

static void kafka_gets_an_api_versions_request(void **state)
{
    static const char expected[] = "\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff";
    char bytes[STORE_PROBE_LIMIT];

    (void)state;
    assert_int_equal(kind_of("kafka")->probe(NULL, bytes), 14);
    assert_memory_equal(bytes, expected, 14);
    assert_int_equal(kind_of("kafka")->ready_size, 2); /* two NULs are an answer, too */
}

static void what_does_not_fit_is_not_sent(void **state)
{
    char text[STORE_PROBE_LIMIT + 1];
    const struct topology_store store = { .user = text, .database = text, .password = text };
    char bytes[STORE_PROBE_LIMIT];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(kind_of("postgres")->probe(&store, bytes), 0);
    assert_int_equal(kind_of("redis")->probe(&store, bytes), 0);
}

static void every_kind_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; shunt_store_kinds[i] != NULL; i++) {
        const struct store_kind *kind = shunt_store_kinds[i];

        assert_true(kind->uri != NULL && kind->probe != NULL && kind->ready_size > 0);
        assert_true(kind->stop_signal > 0 && kind->start_limit_us > 0 && kind->stop_limit_us > 0);
        assert_true((strstr(kind->uri, "{user}") != NULL) <= (kind->user != NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postgres_gets_a_start_up_packet),
        cmocka_unit_test(redis_gets_password_and_ping),
        cmocka_unit_test(kafka_gets_an_api_versions_request),
        cmocka_unit_test(what_does_not_fit_is_not_sent),
        cmocka_unit_test(every_kind_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
