/* SPDX-License-Identifier: MIT */
/* Metrics as Prometheus reads them: two actors' pages put together, checked by promtool where it is installed, and by
 * the format's own rules everywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cell/cell.h"
#include "runtime/harness.h"
#include "runtime/watch/exposition.h"
#include "tests/testing.h"

struct shop_state {
    counter sold;
    counter sold_online;
    gauge stock;
    struct histogram served;
    struct histogram basket;
    struct series shelves;
};

static const struct metric shop_metrics[] = {
    { "sold_total", METRIC_COUNTER, offsetof(struct shop_state, sold), "Things sold.", "where=\"shop\"" },
    { "sold_total", METRIC_COUNTER, offsetof(struct shop_state, sold_online), "Things sold.", "where=\"online\"" },
    { "stock_things", METRIC_GAUGE, offsetof(struct shop_state, stock), "Things there.", NULL },
    { "served_us", METRIC_HISTOGRAM_US, offsetof(struct shop_state, served), "Time to serve.", NULL },
    { "basket_things", METRIC_HISTOGRAM, offsetof(struct shop_state, basket), "Things of one sale.", NULL },
    { "shelf_things", METRIC_GAUGE_SERIES, offsetof(struct shop_state, shelves), "Things of a shelf.", NULL },
};
static const struct actor_kind shop_kind = { .name = "shop",
                                             .state_size = sizeof(struct shop_state),
                                             TABLE(metric, shop_metrics) };

static struct harness *harness;
static struct buffer page; /* of both shops, put together */

static int begin(void **state)
{
    struct buffer text = { 0 };

    (void)state;
    harness = harness_new(1);
    for (int i = 0; i < 2; i++) {
        struct actor *shop = harness_add(harness, &shop_kind, i == 0 ? "first" : "second", NULL);
        struct shop_state *self;

        harness_start(harness);
        self = actor_state(shop);
        counter_add(&self->sold, 3);
        gauge_set(&self->stock, -5);
        histogram_observe_us(&self->served, 0);
        histogram_observe_us(&self->served, 1000);
        histogram_observe_us(&self->served, UINT64_MAX / 4);
        histogram_observe_us(&self->basket, 3);
        series_set(&self->shelves, 1, "shelf=\"top\"");
        series_set(&self->shelves, 2.5, "shelf=\"%s\"", "top");
        actor_dependency(shop, "bank", "closed");
        actor_show_breaker(shop, "post", NULL); /* as when a connection that was open for a while is closed */
        exposition_of_actor(shop, &text);
    }
    exposition_merge(&text, &page);
    buffer_append(&page, "", 1); /* a text from here on */
    page.size--;
    buffer_free(&text);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_free(&page);
    harness_destroy(&harness);
    return 0;
}

static void samples_say_what_was_counted(void **state)
{
    static const char *const expected[] = {
        "\nshunt_shop_sold_total{node=\"test\",actor=\"first\",where=\"shop\"} 3\n",
        "\nshunt_shop_sold_total{node=\"test\",actor=\"second\",where=\"online\"} 0\n",
        "\nshunt_shop_stock_things{node=\"test\",actor=\"second\"} -5\n",
        "\nshunt_shop_served_seconds_bucket{node=\"test\",actor=\"first\",le=\"1e-06\"} 1\n",
        "\nshunt_shop_served_seconds_bucket{node=\"test\",actor=\"first\",le=\"0.000512\"} 1\n",
        "\nshunt_shop_served_seconds_bucket{node=\"test\",actor=\"first\",le=\"0.001024\"} 2\n",
        "\nshunt_shop_served_seconds_bucket{node=\"test\",actor=\"first\",le=\"+Inf\"} 3\n",
        "\nshunt_shop_served_seconds_count{node=\"test\",actor=\"first\"} 3\n",
        "\nshunt_shop_basket_things_bucket{node=\"test\",actor=\"first\",le=\"2\"} 0\n",
        "\nshunt_shop_basket_things_bucket{node=\"test\",actor=\"first\",le=\"4\"} 1\n",
        "\nshunt_shop_basket_things_sum{node=\"test\",actor=\"first\"} 3\n",
        "\nshunt_shop_shelf_things{node=\"test\",actor=\"second\",shelf=\"top\"} 2.5\n",
        "\nshunt_actor_dependency_mode{node=\"test\",actor=\"first\",dependency=\"bank\",mode=\"closed\"} 1\n",
        "\nshunt_actor_mailbox_letters{node=\"test\",actor=\"second\"} 0\n",
        "\nshunt_actor_dependency_normal{node=\"test\",actor=\"first\",dependency=\"bank\"} 0\n",
        "\nshunt_actor_up{node=\"test\",actor=\"second\"} 1\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (strstr(page.at, expected[i]) == NULL)
            fail_msg("there is no %s in\n%s", expected[i], page.at);
    }
}

/* An alert on what is not normal would otherwise fire for ever once a connection has been closed on purpose. */
static void what_is_not_in_use_is_not_shown(void **state)
{
    (void)state;
    assert_null(strstr(page.at, "dependency=\"post\""));
}

/* Each family once, in one piece: HELP, TYPE, then nothing but its own samples. */
static void families_stand_together(void **state)
{
    char *rest = strdup(page.at);
    char name[128] = "";
    size_t size = 0;
    int families = 0;

    (void)state;
    for (char *line = strtok(rest, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char head[160];

        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line, "# HELP %127s", name), 1);
            size = strlen(name);
            snprintf(head, sizeof head, "# HELP %s ", name);
            assert_null(strstr(strstr(page.at, head) + 1, head));
            families++;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, name, size);
        } else {
            assert_memory_equal(line, name, size);
        }
    }
    assert_true(families > 10);
    free(rest);
}

static void promtool_has_nothing_to_say(void **state)
{
    char file[] = "/tmp/shunt-metrics-XXXXXX";
    char command[128];
    int fd;
    int status;

    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0)
        skip();
    fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, page.at, page.size), (ssize_t)page.size);
    close(fd);
    snprintf(command, sizeof command, "promtool check metrics <%s", file);
    status = system(command);
    unlink(file);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void buckets_hold_what_belongs_there(void **state)
{
    static struct histogram histogram;

    (void)state;
    for (unsigned power = 0; power < HISTOGRAM_BUCKETS - 1; power++) {
        uint64_t before = counter_read(&histogram.buckets[power]);

        histogram_observe_us(&histogram, (uint64_t)1 << power); /* the bound belongs to its bucket */
        assert_int_equal(counter_read(&histogram.buckets[power]), before + 1);
        before = counter_read(&histogram.buckets[power + 1]);
        histogram_observe_us(&histogram, ((uint64_t)1 << power) + 1);
        assert_int_equal(counter_read(&histogram.buckets[power + 1]), before + 1);
    }
}

static void a_series_is_bounded(void **state)
{
    static struct series series;
    char long_label[2 * SERIES_LABELS_SIZE];

    (void)state;
    memset(long_label, 'x', sizeof long_label - 1);
    long_label[sizeof long_label - 1] = '\0';
    series_set(&series, 1, "name=\"%s\"", long_label);
    assert_int_equal(series.count, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SERIES_LIMIT + 10; i++)
            series_set(&series, i + round, "partition=\"%d\"", i);
    }
    assert_int_equal(series.count, SERIES_LIMIT);
    assert_true(series.at[7].value == 8);
    series_clear(&series);
    assert_int_equal(series.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(samples_say_what_was_counted, begin, end),
        cmocka_unit_test_setup_teardown(families_stand_together, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_in_use_is_not_shown, begin, end),
        cmocka_unit_test_setup_teardown(promtool_has_nothing_to_say, begin, end),
        cmocka_unit_test(buckets_hold_what_belongs_there),
        cmocka_unit_test(a_series_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
