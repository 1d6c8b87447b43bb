/* SPDX-License-Identifier: MIT */
/* topologies -- see topologies.h. */
#include "tests/unit/support/topologies.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/testing.h"

/* ---- a small world of kinds */

#define OPTIONS(rows) .options = rows, .option_count = sizeof rows / sizeof rows[0]
#define OUTLETS(rows) .outlets = rows, .outlet_count = sizeof rows / sizeof rows[0]

static const char *const modes[] = { "acked", "fast", NULL };

static const struct option front_options[] = {
    { .name = "listen", .type = OPTION_TEXT, .default_text = "127.0.0.1:8080", .help = "where users connect" },
    { .name = "mode", .type = OPTION_CHOICE, .default_text = "acked", .help = "when to answer", .choices = modes },
    { .name = "window",
      .type = OPTION_DURATION,
      .default_text = "1s",
      .help = "h",
      .minimum = 1000,
      .maximum = 60000000 },
    { .name = "cache", .type = OPTION_STORE, .default_text = "", .help = "where copies live" },
};
static const struct outlet front_outlets[] = {
    { .name = "back", .to = "back", .pick = PICK_ROUND_ROBIN, .window = 77 },
    { .name = "spare", .to = "spare", .optional = true },
};
static const struct option back_options[] = {
    { .name = "key", .type = OPTION_TEXT, .help = "what it signs with" },
};

static void wait_somewhere(struct actor *me, int fd, uint64_t timeout_us)
{
    (void)me;
    (void)fd;
    (void)timeout_us;
}

const struct actor_kind front_kind = {
    .name = "front", .wait = wait_somewhere, OPTIONS(front_options), OUTLETS(front_outlets)
};
const struct actor_kind back_kind = { .name = "back", OPTIONS(back_options) };
const struct actor_kind spare_kind = { .name = "spare" };
const struct actor_kind *const test_kinds[] = { &front_kind, &back_kind, &spare_kind, NULL };

static const struct store_kind redis_kind = { .name = "redis",
                                              .uri = "redis://:{password}@{host}:{port}/{database}",
                                              .database = "0" };
static const struct store_kind kafka_kind = { .name = "kafka", .uri = "kafka://{host}:{port}" };
const struct store_kind *const test_store_kinds[] = { &redis_kind, &kafka_kind, NULL };

/* ---- loading texts */

void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

struct loaded load_with(const char *text, const char *secrets, const struct setting_override *set, size_t count)
{
    const struct topology_words words = { .kinds = test_kinds, .store_kinds = test_store_kinds, .secrets = secrets };
    struct loaded loaded = { .file = "/tmp/topology.XXXXXX" };
    int fd = mkstemp(loaded.file);
    FILE *told = open_memstream(&loaded.told, &loaded.told_size);

    assert_true(fd >= 0 && told != NULL);
    close(fd);
    write_file(loaded.file, text);
    loaded.topology = topology_load(loaded.file, &words, set, count, told);
    fclose(told);
    unlink(loaded.file);
    return loaded;
}

struct loaded load(const char *text)
{
    return load_with(text, NULL, NULL, 0);
}

void unload(struct loaded *loaded)
{
    topology_destroy(&loaded->topology);
    free(loaded->told);
}
