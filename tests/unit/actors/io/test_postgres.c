/* SPDX-License-Identifier: MIT */
/* postgres: parameters in binary byte for byte, jobs as they are copied, SQLSTATEs as they are classed, addresses taken
 * apart. */
#include <stdio.h>
#include <string.h>

#include "actors/io/postgres_address.h"
#include "actors/io/postgres_job.h"
#include "actors/io/postgres_type.h"
#include "tests/testing.h"

static const struct postgres_statement first = { "select 1" };
static const struct postgres_statement second = { "select 2" };

static uint32_t index_of(void *pool, const struct postgres_statement *statement)
{
    (void)pool;
    return statement == &first ? 7 : 8;
}

static void copies_values_in_binary(void **state)
{
    const struct postgres_call calls[] = {
        POSTGRES_CALL(&first, postgres_int8(-2), postgres_int4(258), postgres_bool(true), postgres_null()),
        POSTGRES_CALL_BARE(&second),
        POSTGRES_CALL(&second, postgres_text(SLICE("a\0b")), postgres_text((struct slice){ 0 }),
                      postgres_timestamp(POSTGRES_EPOCH_US + 1)),
    };
    struct postgres_job *job = postgres_job_create(JOB_RUN, calls, 3, index_of, NULL);

    (void)state;
    assert_int_equal(job->count, 3);
    assert_int_equal(job->calls[0].statement, 7);
    assert_int_equal(job->calls[2].statement, 8);
    assert_int_equal(job->calls[1].value_count, 0);
    assert_int_equal(job->calls[2].first_value, 4);
    assert_memory_equal(job->values[0], "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
    assert_int_equal(job->lengths[1], 4);
    assert_memory_equal(job->values[1], "\0\0\1\2", 4);
    assert_int_equal(job->lengths[2], 1);
    assert_memory_equal(job->values[2], "\1", 1);
    assert_null(job->values[3]);
    assert_int_equal(job->lengths[4], 3);
    assert_memory_equal(job->values[4], "a\0b", 3);
    assert_non_null(job->values[5]); /* empty is not null */
    assert_int_equal(job->lengths[5], 0);
    assert_memory_equal(job->values[6], "\0\0\0\0\0\0\0\1", 8);
    assert_int_equal(job->bytes, 8 + 4 + 1 + 3 + 8);
    postgres_job_destroy(job);
}

static void counts_steps(void **state)
{
    const struct postgres_call calls[] = { POSTGRES_CALL_BARE(&first), POSTGRES_CALL_BARE(&second) };
    struct postgres_job *job = postgres_job_create(JOB_SNAPSHOT, calls, 2, index_of, NULL);

    (void)state;
    assert_int_equal(postgres_job_steps(job), 2);
    assert_int_equal(postgres_job_call_of(job, 0), 0);
    job->begins = true;
    job->ends = true;
    assert_int_equal(postgres_job_steps(job), 4);
    assert_int_equal(postgres_job_call_of(job, 0), 2); /* BEGIN is no call */
    assert_int_equal(postgres_job_call_of(job, 1), 0);
    assert_int_equal(postgres_job_call_of(job, 2), 1);
    assert_int_equal(postgres_job_call_of(job, 3), 2);
    postgres_job_destroy(job);
}

static void builds_arrays(void **state)
{
    static const char expected[] = "\0\0\0\1"         /* dimensions */
                                   "\0\0\0\1"         /* may have nulls */
                                   "\0\0\0\x19"       /* text */
                                   "\0\0\0\3\0\0\0\1" /* length, lower bound */
                                   "\0\0\0\2ab"
                                   "\xff\xff\xff\xff"
                                   "\0\0\0\0";
    struct postgres_array array;
    struct postgres_value value;

    (void)state;
    postgres_array_of_text(&array);
    postgres_array_add_text(&array, SLICE("ab"));
    postgres_array_add_null(&array);
    postgres_array_add_text(&array, (struct slice){ 0 });
    value = postgres_array_value(&array);
    assert_int_equal(value.bytes.size, sizeof(expected) - 1);
    assert_memory_equal(value.bytes.at, expected, sizeof(expected) - 1);
    postgres_array_clear(&array);
    value = postgres_array_value(&array);
    assert_int_equal(value.bytes.size, 12);
    assert_memory_equal(value.bytes.at, "\0\0\0\0\0\0\0\1\0\0\0\x19", 12);
    postgres_array_add_text(&array, SLICE("z")); /* usable after it was empty */
    value = postgres_array_value(&array);
    assert_int_equal(value.bytes.size, 25);
    assert_memory_equal(value.bytes.at + 20, "\0\0\0\1z", 5);
    postgres_array_destroy(&array);
}

static void refuses_an_array_beyond_the_limit(void **state)
{
    static char megabyte[1 << 20];
    struct postgres_array array;
    struct postgres_call call;

    (void)state;
    postgres_array_of_text(&array);
    for (int i = 0; i < 64; i++)
        postgres_array_add_text(&array, (struct slice){ .at = megabyte, .size = sizeof(megabyte) });
    assert_true(array.failed);
    call = POSTGRES_CALL(&first, postgres_array_value(&array));
    assert_null(postgres_job_create(JOB_RUN, &call, 1, index_of, NULL));
    postgres_array_destroy(&array);
}

static void classes_sqlstates(void **state)
{
    (void)state;
    assert_int_equal(postgres_outcome_of("40001"), OUTCOME_RETRY);
    assert_int_equal(postgres_outcome_of("40P01"), OUTCOME_RETRY);
    assert_int_equal(postgres_outcome_of("53300"), OUTCOME_RETRY);
    assert_int_equal(postgres_outcome_of("57014"), OUTCOME_RETRY);
    assert_int_equal(postgres_outcome_of("25006"), OUTCOME_RETRY);
    assert_int_equal(postgres_outcome_of("57P02"), OUTCOME_UNKNOWN);
    assert_int_equal(postgres_outcome_of("23505"), OUTCOME_REJECTED);
    assert_int_equal(postgres_outcome_of("42P01"), OUTCOME_REJECTED);
    assert_int_equal(postgres_outcome_of("22021"), OUTCOME_REJECTED);
}

static void lists_the_hosts_that_are_known(void **state)
{
    struct postgres_address address;
    struct postgres_host_lists lists;
    char why[300] = "";

    (void)state;
    assert_true(postgres_address_parse("postgresql://u:p@10.0.0.1:1,name:2,10.0.0.3:3/d", &address, why, sizeof(why)));
    assert_int_equal(address.count, 3);
    assert_true(address.is_looked_up);
    assert_true(postgres_address_lists(&address, 0, &lists));
    assert_string_equal(lists.names, "10.0.0.1,10.0.0.3");
    assert_string_equal(lists.ports, "1,3");
    snprintf(address.hosts[1].address, sizeof(address.hosts[1].address), "10.9.9.9");
    assert_true(postgres_address_lists(&address, 1, &lists)); /* begins with another */
    assert_string_equal(lists.names, "name,10.0.0.3,10.0.0.1");
    assert_string_equal(lists.addresses, "10.9.9.9,10.0.0.3,10.0.0.1");
    assert_string_equal(lists.ports, "2,3,1");
    assert_true(postgres_address_parse("postgresql:///d?host=/run/postgresql", &address, why, sizeof(why)));
    assert_false(address.is_looked_up);
    assert_false(postgres_address_parse("mysql://h/d", &address, why, sizeof(why)));
    assert_non_null(strstr(why, "postgresql://"));
    assert_false(postgres_address_parse("postgresql://u:secret%@h/d", &address, why, sizeof(why)));
    assert_null(strstr(why, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_values_in_binary), cmocka_unit_test(counts_steps),
        cmocka_unit_test(builds_arrays),           cmocka_unit_test(refuses_an_array_beyond_the_limit),
        cmocka_unit_test(classes_sqlstates),       cmocka_unit_test(lists_the_hosts_that_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
