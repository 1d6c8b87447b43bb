/* SPDX-License-Identifier: MIT */
/* store_figures: what is taken out of a store's own words, whatever they look like. */
#include <stdio.h>
#include <string.h>

#include "actors/ops/store_figures.h"
#include "tests/testing.h"

static struct store_figures figures;

static double value_of(enum store_figure figure, const char *labels)
{
    for (uint32_t i = 0; i < figures.at[figure].count; i++) {
        if (strcmp(figures.at[figure].at[i].labels, labels) == 0)
            return figures.at[figure].at[i].value;
    }
    return -1;
}

static void what_redis_says(void **state)
{
    static const char info[] = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:0\r\n\r\n"
                               "# Replication\r\nrole:master\r\nconnected_slaves:1\r\nslave0:ip=127.0.0.1,port=1\r\n";

    (void)state;
    assert_int_equal(store_figures_take(&figures, "redis", slice_of(info), ':'), 3);
    assert_true(value_of(STORE_REDIS_MEMORY, "store=\"redis\"") == 1048576);
    assert_true(value_of(STORE_REDIS_REPLICAS, "store=\"redis\"") == 1);
}

static void what_clickhouse_says(void **state)
{
    (void)state;
    assert_int_equal(store_figures_take(&figures, "clicks", SLICE("Query\t12\nparts\t3\nUnheardOf\t1\n"), '\t'), 2);
    assert_true(value_of(STORE_CLICKHOUSE_PARTS, "store=\"clicks\"") == 3);
}

static void nonsense_is_passed_over(void **state)
{
    static const char *const nonsense[] = { "",
                                            "\n\n",
                                            "used_memory",
                                            "used_memory:",
                                            "used_memory:x",
                                            "used_memory:1x",
                                            ":1",
                                            "used_memory:11111111111111111111111111111111111111111" };

    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_int_equal(store_figures_take(&figures, "redis", slice_of(nonsense[i]), ':'), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_redis_says),
        cmocka_unit_test(what_clickhouse_says),
        cmocka_unit_test(nonsense_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
