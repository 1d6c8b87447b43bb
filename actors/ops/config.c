/* SPDX-License-Identifier: MIT */
/*
 * config -- the settings that can change while the platform runs: one place to change them, known everywhere at once.
 *
 * A change is checked by the option's own row, given the next version, kept (in Postgres and in a synced file here; one
 * of the two is enough) and told to the supervisor of every node, which hands it to its actors. A node that joins late
 * asks for what was set. Postgres is where settings live; the file is the copy for the time when it is away, and what
 * was changed then is written there when it is back. Config being away stops nothing: everybody goes on with what they
 * know.
 *
 * One config actor per platform: it alone gives out versions.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/durable_file.h"
#include "actors/io/postgres.h"
#include "actors/kinds.h"
#include "actors/ops/setting_table.h"

enum config_outlet { OUT_SUPERVISORS };

enum {
    CHANGES_LIMIT = 64, /* under way */
    LOOK_US = 1000 * 1000,
    STORE_LIMIT_US = 2000 * 1000,
    FILE_ROOM = DURABLE_FILE_LIMIT_BYTES
};

/* A change that is not known to be kept yet. */
struct change {
    bool used;
    struct question question;
    struct live_setting *row;
    uint64_t version;
    uint64_t write;             /* the file's number that has it */
    struct live_setting before; /* what holds again when nobody can keep it */
    bool file_failed;
    bool postgres_failed;
};

struct config {
    const char *postgres_uri; /* option */

    struct setting_table table;
    struct postgres *postgres; /* owned */
    struct durable_file *file; /* owned */
    struct change changes[CHANGES_LIMIT];
    bool had_file;        /* there was one at the start, and it was good */
    bool is_loaded;       /* Postgres has answered once */
    uint64_t storing;     /* the version that Postgres is being told of */
    bool asking;          /* for all rows, or storing some */
    char text[FILE_ROOM]; /* of the file, while it is made */

    counter changes_total;
    counter refused_total;
    gauge version;
    gauge settings_set;
    gauge settings_unstored;
};

static const struct postgres_statement read_settings = {
    .sql = "SELECT name, value, version::int8, updated_by FROM config_settings"
};

/* $1 name, $2 value, $3 version, $4 who. An older version never replaces a newer one, whoever comes late. */
static const struct postgres_statement store_setting = {
    .sql = "INSERT INTO config_settings (name, value, version, updated_by) VALUES ($1::text, $2::text, $3::int8, "
           "$4::text) "
           "ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = excluded.version, updated_at = now(), "
           "updated_by = excluded.updated_by WHERE config_settings.version < excluded.version"
};
static const struct postgres_statement store_history = {
    .sql =
        "INSERT INTO config_history (name, value, version, updated_by) VALUES ($1::text, $2::text, $3::int8, $4::text) "
        "ON CONFLICT (version) DO NOTHING"
};

/* ------------------------------------------------------------------------------------------------ the file */

static uint64_t write_file(struct config *self)
{
    size_t size = setting_table_format(&self->table, self->text, sizeof(self->text));

    return durable_file_write(self->file, (struct slice){ .at = self->text, .size = size });
}

/* ------------------------------------------------------------------------------------------------ publishing */

static void publish(struct actor *me, const struct live_setting *row)
{
    if (!TELL(me, OUT_SUPERVISORS, setting_changed, .name = slice_of(row->name), .value = slice_of(row->value),
              .version = row->version))
        actor_log(me, LOG_WARN, "not every node could be told of %s: some are far behind", row->name);
}

/* Kept by one of the two witnesses: from now on it holds. */
static void keep(struct actor *me, struct change *change)
{
    struct config *self = actor_state(me);
    char detail[SETTING_REASON_ROOM];

    change->used = false;
    counter_add(&self->changes_total, 1);
    if (change->row->version == change->version)
        publish(me, change->row);
    (void)snprintf(detail, sizeof(detail), "%s is %.200s from version %" PRIu64 " on.", change->row->name,
                   change->row->value, change->version);
    ANSWER(me, change->question, done, .detail = slice_of(detail));
}

static void give_up(struct actor *me, struct change *change)
{
    change->used = false;
    if (change->row->version == change->version)
        *change->row = change->before;
    actor_refuse(me, change->question,
                 "The change could not be kept: neither the local file nor Postgres can be written. "
                 "Nodes were not told of it; see the log of the config actor.");
}

static void file_written(struct actor *me, void *context, uint64_t number, const char *error)
{
    struct config *self = actor_state(me);

    (void)context;
    if (error != NULL)
        actor_log(me, LOG_ERROR, "%s; Postgres alone keeps the settings until it can", error);
    for (uint32_t i = 0; i < CHANGES_LIMIT; i++) {
        struct change *change = &self->changes[i];

        if (!change->used || change->write > number)
            continue;
        change->file_failed = error != NULL;
        if (error == NULL)
            keep(me, change);
        else if (change->postgres_failed)
            give_up(me, change);
    }
}

/* ------------------------------------------------------------------------------------------------ Postgres */

static void count_rows(struct config *self)
{
    int64_t set = 0;
    int64_t unstored = 0;

    for (uint32_t i = 0; i < self->table.count; i++) {
        set += self->table.rows[i].is_set;
        unstored += self->table.rows[i].is_set && !self->table.rows[i].is_stored;
    }
    gauge_set(&self->version, (int64_t)self->table.version);
    gauge_set(&self->settings_set, set);
    gauge_set(&self->settings_unstored, unstored);
}

static void settle_changes(struct actor *me, uint64_t version, bool stored)
{
    struct config *self = actor_state(me);

    for (uint32_t i = 0; i < CHANGES_LIMIT; i++) {
        struct change *change = &self->changes[i];

        if (!change->used || change->version != version)
            continue;
        change->postgres_failed = !stored;
        if (stored)
            keep(me, change);
        else if (change->file_failed)
            give_up(me, change);
    }
}

static void store_unstored(struct actor *me);

static void stored(struct actor *me, void *context, const struct postgres_result *result)
{
    struct config *self = actor_state(me);
    struct live_setting *row = context;
    uint64_t version = self->storing;
    bool done = result->outcome == OUTCOME_DONE;

    self->asking = false;
    if (done) {
        row->is_stored = row->version == version;
        (void)write_file(self);
    } else {
        actor_log(me, LOG_WARN, "the setting %s could not be written to Postgres yet: %s", row->name, result->detail);
    }
    settle_changes(me, version, done);
    if (done)
        store_unstored(me); /* a failure is tried again at the next look */
}

/* One at a time; if the row changes meanwhile it stays unstored, and its turn comes again. */
static void store_unstored(struct actor *me)
{
    struct config *self = actor_state(me);

    if (self->asking || !self->is_loaded || !postgres_is_connected(self->postgres))
        return;
    for (uint32_t i = 0; i < self->table.count; i++) {
        struct live_setting *row = &self->table.rows[i];
        struct postgres_value values[4] = { postgres_text(slice_of(row->name)), postgres_text(slice_of(row->value)),
                                            postgres_int8((int64_t)row->version), postgres_text(slice_of(row->who)) };
        struct postgres_call calls[2] = { { .statement = &store_setting, .values = values, .value_count = 4 },
                                          { .statement = &store_history, .values = values, .value_count = 4 } };

        if (!row->is_set || row->is_stored)
            continue;
        self->asking = true;
        self->storing = row->version;
        postgres_run(self->postgres, calls, 2, STORE_LIMIT_US, stored, row);
        return;
    }
}

/* What Postgres has newer than the file goes to everybody: the file was left behind by an earlier life elsewhere. */
static void settings_loaded(struct actor *me, void *context, const struct postgres_result *result)
{
    struct config *self = actor_state(me);
    uint32_t news = 0;

    (void)context;
    self->asking = false;
    if (result->outcome != OUTCOME_DONE)
        return; /* tried again at the next look */
    self->is_loaded = true;
    for (uint32_t i = 0; i < postgres_row_count(result->rows[0]); i++) {
        struct slice name = postgres_text_at(result->rows[0], i, 0);
        uint64_t version = (uint64_t)postgres_integer_at(result->rows[0], i, 2);
        bool is_new = setting_table_put(&self->table, name, postgres_text_at(result->rows[0], i, 1), version,
                                        postgres_text_at(result->rows[0], i, 3));
        struct live_setting *row = setting_table_find(&self->table, name);

        if (row != NULL && row->version == version)
            row->is_stored = true;
        if (is_new)
            publish(me, row);
        news += is_new;
    }
    if (news > 0)
        (void)write_file(self);
    count_rows(self);
    store_unstored(me);
}

static void load(struct actor *me)
{
    struct config *self = actor_state(me);
    struct postgres_call call = POSTGRES_CALL_BARE(&read_settings);

    if (self->asking || self->is_loaded)
        return;
    self->asking = true;
    postgres_run(self->postgres, &call, 1, STORE_LIMIT_US, settings_loaded, NULL);
}

static void look(struct actor *me, void *context)
{
    struct config *self = actor_state(me);

    (void)context;
    load(me);
    store_unstored(me);
    count_rows(self);
}

static void postgres_changed(struct actor *me, void *context, bool connected)
{
    (void)context;
    actor_dependency(me, "postgres", connected ? "normal" : "local-copy");
    if (connected)
        look(me, NULL);
}

/* ------------------------------------------------------------------------------------------------ questions */

/* A place for a change of this row, or NULL with the reason why not. Without the file and without Postgres nobody knows
 * which versions there were, and a change could be older than what it replaces. */
static struct change *new_change(struct config *self, const struct live_setting *row, char reason[SETTING_REASON_ROOM])
{
    struct change *free_one = NULL;

    (void)snprintf(reason, SETTING_REASON_ROOM, "Too many settings are being changed; try again shortly.");
    if (!self->had_file && !self->is_loaded) {
        (void)snprintf(reason, SETTING_REASON_ROOM,
                       "Settings cannot change before Postgres has answered once; it is away.");
        return NULL;
    }
    for (uint32_t i = 0; i < CHANGES_LIMIT; i++) {
        if (self->changes[i].used && self->changes[i].row == row) {
            (void)snprintf(reason, SETTING_REASON_ROOM,
                           "%s is being changed by somebody else; look at it and try again.", row->name);
            return NULL;
        }
        if (!self->changes[i].used)
            free_one = &self->changes[i];
    }
    return free_one;
}

static void on_set(struct actor *me, const struct setting_set *message, struct question question)
{
    struct config *self = actor_state(me);
    char reason[SETTING_REASON_ROOM];
    uint64_t version = self->table.version + 1;
    struct live_setting *row = setting_table_find(&self->table, message->name);
    struct change *change = NULL;

    if (setting_table_accepts(&self->table, message->name, message->value, reason))
        change = new_change(self, row, reason);
    if (change == NULL) {
        counter_add(&self->refused_total, 1);
        actor_refuse(me, question, "%s", reason);
        return;
    }
    *change = (struct change){ .used = true, .question = question, .row = row, .version = version, .before = *row };
    (void)setting_table_put(&self->table, message->name, message->value, version, message->who);
    actor_log(me, LOG_INFO, "%s set to \"%s\" by %s, version %" PRIu64, row->name, row->value, row->who, version);
    change->write = write_file(self);
    change->postgres_failed = !postgres_is_connected(self->postgres);
    store_unstored(me);
}

/* What holds unless it was set here. Stores' addresses have passwords in them, which are nobody's business. */
static const char *topology_value(const struct actor *me, const struct live_setting *row)
{
    char path[SETTING_NAME_ROOM + 8];
    const char *value;

    if (row->option->type == OPTION_STORE)
        return "";
    (void)snprintf(path, sizeof(path), "kinds/%s", row->name);
    *strchr(path, '.') = '/';
    value = actor_topology(me, path);
    if (value == NULL)
        value = row->option->default_text != NULL ? row->option->default_text : "";
    return strcmp(row->option->name, "code_key") == 0 && value[0] != '@' ? "(secret)" : value;
}

static void on_read(struct actor *me, const struct settings_read *message, struct question question)
{
    struct config *self = actor_state(me);
    struct setting *rows = calloc(SETTINGS_LIMIT, sizeof(*rows));
    struct settings answer = { .version = self->table.version };

    assert(rows != NULL);
    for (uint32_t i = 0; i < self->table.count; i++) {
        const struct live_setting *row = &self->table.rows[i];

        if ((message->only_set && !row->is_set) || strlen(row->name) < message->prefix.size ||
            (message->prefix.size > 0 && memcmp(row->name, message->prefix.at, message->prefix.size) != 0))
            continue;
        rows[answer.rows.count++] =
            (struct setting){ .name = slice_of(row->name),
                              .value = slice_of(row->is_set ? row->value : topology_value(me, row)),
                              .help = slice_of(row->option->help),
                              .live = row->option->live,
                              .is_set = row->is_set };
    }
    answer.rows.at = rows;
    actor_answer(me, question, &settings_schema, &answer);
    free(rows);
}

/* ------------------------------------------------------------------------------------------------ life */

static void start(struct actor *me)
{
    struct config *self = actor_state(me);
    const char *folder = actor_folder(me);
    struct slice text;
    char why[256] = "The folder of the config actor cannot be made.";

    setting_table_init(&self->table, shunt_kinds);
    setting_table_add(&self->table, shunt_node_kind);
    if (folder != NULL)
        self->file = durable_file_open(me, folder, "settings", file_written, NULL, why, sizeof(why));
    if (self->file != NULL)
        self->postgres = postgres_open(
            me,
            &(struct postgres_options){
                .name = "postgres", .uri = self->postgres_uri, .connections = 1, .on_state = postgres_changed },
            why, sizeof(why));
    if (self->postgres == NULL) {
        actor_fail(me, "%s", why);
        return;
    }
    self->had_file = durable_file_was_there(self->file, &text);
    if (self->had_file)
        setting_table_parse(&self->table, text);
    (void)actor_every(me, LOOK_US, look, NULL);
    load(me);
}

static void stop(struct actor *me)
{
    struct config *self = actor_state(me);

    postgres_close(&self->postgres);
    durable_file_close(&self->file);
    setting_table_free(&self->table);
}

static const struct option options[] = {
    { .name = "postgres",
      .type = OPTION_STORE,
      .offset = offsetof(struct config, postgres_uri),
      .help = "the store that keeps the settings, beside the file here" },
};

static const struct metric metrics[] = {
    { "changes_total", METRIC_COUNTER, offsetof(struct config, changes_total), "settings changed", NULL },
    { "refused_total", METRIC_COUNTER, offsetof(struct config, refused_total),
      "changes refused for their name or value", NULL },
    { "version", METRIC_GAUGE, offsetof(struct config, version), "of all settings", NULL },
    { "settings_set", METRIC_GAUGE, offsetof(struct config, settings_set), "settings that differ from the topology",
      NULL },
    { "settings_unstored", METRIC_GAUGE, offsetof(struct config, settings_unstored),
      "settings that only the local file has yet", NULL },
};

static const struct outlet outlets[] = {
    [OUT_SUPERVISORS] = { .name = "supervisors",
                          .to = "supervisor",
                          .doc = "changes, for every node",
                          .pick = PICK_EACH,
                          .delivery = DELIVERY_ACKNOWLEDGED,
                          .optional = true },
};

static const struct handler handlers[] = {
    ASKED(settings_read, on_read),
    ASKED(setting_set, on_set),
};

const struct actor_kind config_kind = {
    .name = "config",
    .doc = "keeps the live settings and tells every node of changes",
    .state_size = sizeof(struct config),
    .start = start,
    .stop = stop,
    TABLE(option, options),
    TABLE(metric, metrics),
    TABLE(outlet, outlets),
    TABLE(handler, handlers),
};
