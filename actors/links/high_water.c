/* SPDX-License-Identifier: MIT */
/* high_water -- see the header. */
#include "actors/links/high_water.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/io/durable_file.h"
#include "runtime/actor.h"

enum {
    TEXT_BYTES = HIGH_WATER_LINES_LIMIT * (HIGH_WATER_NAME_LIMIT + 24),
    RETRY_US = 250 * 1000,          /* between two attempts to hear from Postgres for the first time */
    POSTGRES_LIMIT_US = 2000 * 1000 /* how long a raise waits for a Postgres that is connected and slow */
};

#define MARK_LIMIT (UINT64_C(1) << 53)

static const struct postgres_statement raise_row = {
    .sql = "INSERT INTO id_leases (name, next_value) VALUES ($1::text, $2::int8) "
           "ON CONFLICT (name) DO UPDATE SET next_value = greatest(id_leases.next_value, excluded.next_value) "
           "RETURNING next_value::int8"
};

struct raise {
    struct high_water *water;
    uint32_t line;
    bool used;
    bool file_settled;
    bool postgres_settled;
    bool durable;    /* a witness has it */
    uint64_t doubts; /* of the high_water when it began */
    uint64_t write;  /* the file's number that has it */
    high_water_raised_handler *then;
    void *context;
    char why[256];
};

struct high_water {
    struct actor *me;
    struct high_water_options options;
    struct durable_file *file;
    uint64_t marks[HIGH_WATER_LINES_LIMIT];
    uint64_t in_postgres[HIGH_WATER_LINES_LIMIT]; /* as far as it has said to this incarnation */
    bool heard_postgres;
    bool has_file; /* there was one, and it was good */
    bool ready;
    uint64_t doubts;   /* how often Postgres turned out to know more */
    uint64_t patience; /* timer: the wait for Postgres ends */
    uint64_t retry;    /* timer: ask Postgres again */
    struct raise raises[HIGH_WATER_RAISES_LIMIT];
};

/* ------------------------------------------------------------------------------------------------ the file's text */

size_t high_water_format(char *text, size_t room, const char *const *names, uint32_t count, const uint64_t *marks)
{
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        int line = snprintf(text + size, room - size, "%s %" PRIu64 "\n", names[i], marks[i]);

        assert(line > 0 && (size_t)line < room - size);
        size += (size_t)line;
    }
    return size;
}

bool high_water_parse(const char *text, size_t size, const char *const *names, uint32_t count, uint64_t *marks)
{
    char copy[TEXT_BYTES + 1];
    char *rest = copy;
    uint32_t found = 0;

    if (!slice_copy((struct slice){ .at = text, .size = size }, copy, sizeof(copy)))
        return false;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char name[HIGH_WATER_NAME_LIMIT + 1];
        uint64_t mark = 0;

        if (*line == '\0')
            continue;
        if (sscanf(line, "%64s %" SCNu64, name, &mark) != 2 || mark >= MARK_LIMIT)
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(name, names[i]) == 0) {
                marks[i] = mark;
                found++;
            }
    }
    return found == count;
}

static uint64_t write_file(struct high_water *water)
{
    char text[TEXT_BYTES + 1];
    size_t size = high_water_format(text, sizeof(text), water->options.names, water->options.count, water->marks);

    return durable_file_write(water->file, (struct slice){ .at = text, .size = size });
}

/* ------------------------------------------------------------------------------------------------ raising */

static void settle(struct raise *raise)
{
    struct high_water *water = raise->water;
    struct raise ended = *raise;
    bool refuted = raise->doubts != water->doubts;

    if (!raise->file_settled || !raise->postgres_settled)
        return;
    raise->used = false;
    ended.then(water->me, ended.context, ended.durable && !refuted,
               refuted ? "Postgres knows of a higher mark than the local file" : ended.why);
}

static void add_reason(struct raise *raise, const char *reason)
{
    size_t size = strlen(raise->why);

    (void)snprintf(raise->why + size, sizeof(raise->why) - size, "%s%s", size > 0 ? "; " : "", reason);
}

static void file_written(struct actor *me, void *context, uint64_t number, const char *error)
{
    struct high_water *water = context;

    if (error != NULL)
        actor_log(me, LOG_ERROR, "%s; Postgres alone keeps the marks until it can", error);
    for (uint32_t i = 0; i < HIGH_WATER_RAISES_LIMIT; i++) {
        struct raise *raise = &water->raises[i];

        if (!raise->used || raise->file_settled || raise->write > number)
            continue;
        raise->file_settled = true;
        if (error == NULL)
            raise->durable = true;
        else
            add_reason(raise, error);
        settle(raise);
    }
}

/* Postgres may know of a higher mark than the file did, if it was away at the start: then what was to be handed out was
 * handed out before, and all raises under way have failed, whatever the file says. The next ones start above. */
static bool knows_more(struct high_water *water, uint32_t line, uint64_t mark)
{
    if (mark > water->in_postgres[line])
        water->in_postgres[line] = mark;
    if (mark <= water->marks[line])
        return false;
    actor_log(water->me, LOG_WARN, "Postgres knows a higher mark of %s than the local file: going on from %" PRIu64,
              water->options.names[line], mark);
    water->marks[line] = mark;
    water->doubts++;
    return true;
}

static void row_raised(struct actor *me, void *context, const struct postgres_result *result)
{
    struct raise *raise = context;

    (void)me;
    raise->postgres_settled = true;
    if (result->outcome != OUTCOME_DONE)
        add_reason(raise, result->detail);
    else if (!knows_more(raise->water, raise->line, (uint64_t)postgres_integer_at(result->rows[0], 0, 0)))
        raise->durable = true;
    settle(raise);
}

static void run_raise(struct high_water *water, uint32_t line, uint64_t value, postgres_handler *then, void *context)
{
    struct postgres_call call =
        POSTGRES_CALL(&raise_row, postgres_text(slice_of(water->options.names[line])), postgres_int8((int64_t)value));

    postgres_run(water->options.postgres, &call, 1, POSTGRES_LIMIT_US, then, context);
}

bool high_water_raise(
    struct high_water *water, uint32_t line, uint64_t value, high_water_raised_handler *then, void *context)
{
    assert(water->ready && line < water->options.count && value < MARK_LIMIT);
    for (uint32_t i = 0; i < HIGH_WATER_RAISES_LIMIT; i++) {
        struct raise *raise = &water->raises[i];

        if (raise->used)
            continue;
        if (value > water->marks[line])
            water->marks[line] = value;
        *raise = (struct raise){
            .water = water, .line = line, .used = true, .doubts = water->doubts, .then = then, .context = context
        };
        raise->write = write_file(water);
        raise->postgres_settled = !postgres_is_connected(water->options.postgres);
        if (raise->postgres_settled)
            add_reason(raise, "Postgres is away");
        else
            run_raise(water, line, water->marks[line], row_raised, raise);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------ the start */

static void become_ready(struct high_water *water)
{
    if (water->ready)
        return;
    water->ready = true;
    actor_cancel_timer(water->me, &water->patience);
    (void)write_file(water); /* what Postgres knew and the file did not is remembered by both */
    water->options.on_ready(water->me, water->options.context);
}

static void out_of_patience(struct actor *me, void *context)
{
    struct high_water *water = context;

    water->patience = 0;
    if (water->has_file) {
        actor_log(me, LOG_WARN, "Postgres does not answer; beginning with the marks in the local file");
        become_ready(water);
    } else {
        actor_log(me, LOG_ERROR,
                  "there is no local file of marks and Postgres does not answer; nothing can be given out "
                  "until it does");
    }
}

static void ask_postgres(struct actor *me, void *context);

/* Rows come in the order of the names, one statement each. Goes on until Postgres has answered once, also when the file
 * was enough to begin with. */
static void rows_read(struct actor *me, void *context, const struct postgres_result *result)
{
    struct high_water *water = context;

    if (result->outcome != OUTCOME_DONE) {
        if (result->outcome == OUTCOME_REJECTED)
            actor_log(me, LOG_WARN, "marks cannot be read from Postgres yet: %s", result->detail);
        water->retry = actor_after(me, RETRY_US, ask_postgres, water);
        return;
    }
    for (uint32_t i = 0; i < water->options.count; i++)
        (void)knows_more(water, i, (uint64_t)postgres_integer_at(result->rows[i], 0, 0));
    water->heard_postgres = true;
    become_ready(water);
}

static void ask_postgres(struct actor *me, void *context)
{
    struct high_water *water = context;
    struct postgres_value values[HIGH_WATER_LINES_LIMIT][2];
    struct postgres_call calls[HIGH_WATER_LINES_LIMIT];

    (void)me;
    water->retry = 0;
    for (uint32_t i = 0; i < water->options.count; i++) {
        values[i][0] = postgres_text(slice_of(water->options.names[i]));
        values[i][1] = postgres_int8((int64_t)water->marks[i]);
        calls[i] = (struct postgres_call){ .statement = &raise_row, .values = values[i], .value_count = 2 };
    }
    postgres_run(water->options.postgres, calls, water->options.count, POSTGRES_LIMIT_US, rows_read, water);
}

struct high_water *high_water_open(struct actor *me, const struct high_water_options *options, char *why, size_t room)
{
    struct high_water *water = calloc(1, sizeof(*water));
    const char *folder = actor_folder(me);
    struct slice text;

    assert(water != NULL && options->count > 0 && options->count <= HIGH_WATER_LINES_LIMIT);
    water->me = me;
    water->options = *options;
    if (folder != NULL)
        water->file = durable_file_open(me, folder, "high-water", file_written, water, why, room);
    else
        (void)snprintf(why, room, "The actor's folder cannot be made.");
    if (water->file == NULL) {
        high_water_close(&water);
        return NULL;
    }
    if (durable_file_was_there(water->file, &text))
        water->has_file = high_water_parse(text.at, text.size, options->names, options->count, water->marks);
    water->patience = actor_after(me, HIGH_WATER_WAIT_US, out_of_patience, water);
    ask_postgres(me, water);
    return water;
}

void high_water_close(struct high_water **water_at)
{
    struct high_water *water = *water_at;

    if (water == NULL)
        return;
    *water_at = NULL;
    actor_cancel_timer(water->me, &water->patience);
    actor_cancel_timer(water->me, &water->retry);
    durable_file_close(&water->file);
    free(water);
}

bool high_water_is_ready(const struct high_water *water)
{
    return water->ready;
}

uint64_t high_water_known(const struct high_water *water, uint32_t line)
{
    assert(water->ready && line < water->options.count);
    return water->marks[line];
}

uint64_t high_water_in_postgres(const struct high_water *water, uint32_t line)
{
    assert(line < water->options.count);
    return water->in_postgres[line];
}

bool high_water_has_heard_postgres(const struct high_water *water)
{
    return water->heard_postgres;
}
