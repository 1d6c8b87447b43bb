/* SPDX-License-Identifier: MIT */
/* fake_postgres -- see the header. */
#include "tests/actor/fakes/fake_postgres.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum { RUNS_LIMIT = 64, CALLS_LIMIT = 4, VALUES_LIMIT = 8, ROWS_LIMIT = 64, COLUMNS_LIMIT = 8 };

struct postgres_rows {
    char *columns[ROWS_LIMIT][COLUMNS_LIMIT]; /* parts of `texts` */
    char *texts[ROWS_LIMIT];
    uint32_t count;
};

struct run {
    const char *sql[CALLS_LIMIT];
    char *values[CALLS_LIMIT][VALUES_LIMIT];
    struct postgres_rows rows[CALLS_LIMIT];
    uint32_t count;
    enum outcome outcome;
    postgres_handler *then;
    void *context;
};

struct postgres {
    struct actor *me;
    struct postgres_options options;
    bool connected;
};

static struct postgres *pool;
static struct run *runs[RUNS_LIMIT];
static uint32_t run_count;

/* ---- values: an array's memory is its elements as text */

struct postgres_value postgres_null(void)
{
    return (struct postgres_value){ .is_null = true };
}

struct postgres_value postgres_bool(bool value)
{
    return (struct postgres_value){ .is_number = true, .number_size = 1, .number = value };
}

struct postgres_value postgres_int4(int32_t value)
{
    return (struct postgres_value){ .is_number = true, .number_size = 4, .number = value };
}

struct postgres_value postgres_int8(int64_t value)
{
    return (struct postgres_value){ .is_number = true, .number_size = 8, .number = value };
}

struct postgres_value postgres_timestamp(uint64_t wall_us)
{
    return postgres_int8((int64_t)wall_us);
}

struct postgres_value postgres_text(struct slice bytes)
{
    return (struct postgres_value){ .bytes = bytes };
}

static void init_array(struct postgres_array *array)
{
    *array = (struct postgres_array){ .memory = calloc(1, 1) };
    assert(array->memory != NULL);
}

void postgres_array_of_int8(struct postgres_array *array)
{
    init_array(array);
}

void postgres_array_of_text(struct postgres_array *array)
{
    init_array(array);
}

void postgres_array_of_timestamp(struct postgres_array *array)
{
    init_array(array);
}

void postgres_array_of_bool(struct postgres_array *array)
{
    init_array(array);
}

void postgres_array_add_text(struct postgres_array *array, struct slice value)
{
    array->memory = realloc(array->memory, array->size + value.size + 2);
    assert(array->memory != NULL);
    if (array->count++ > 0)
        array->memory[array->size++] = ',';
    if (value.size > 0)
        memcpy(array->memory + array->size, value.at, value.size);
    array->size += value.size;
    array->memory[array->size] = '\0';
}

void postgres_array_add_int8(struct postgres_array *array, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    postgres_array_add_text(array, slice_of(text));
}

void postgres_array_add_timestamp(struct postgres_array *array, uint64_t wall_us)
{
    postgres_array_add_int8(array, (int64_t)wall_us);
}

void postgres_array_add_bool(struct postgres_array *array, bool value)
{
    postgres_array_add_int8(array, value);
}

void postgres_array_add_null(struct postgres_array *array)
{
    postgres_array_add_text(array, SLICE("NULL"));
}

void postgres_array_clear(struct postgres_array *array)
{
    array->size = 0;
    array->count = 0;
    array->memory[0] = '\0';
}

void postgres_array_destroy(struct postgres_array *array)
{
    free(array->memory);
    *array = (struct postgres_array){ 0 };
}

struct postgres_value postgres_array_value(struct postgres_array *array)
{
    return postgres_text((struct slice){ .at = array->memory, .size = array->size });
}

/* ---- results */

uint32_t postgres_row_count(const struct postgres_rows *rows)
{
    return rows->count;
}

uint64_t postgres_affected(const struct postgres_rows *rows)
{
    return rows->count;
}

static const char *column_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    assert(row < rows->count && column < COLUMNS_LIMIT && rows->columns[row][column] != NULL);
    return rows->columns[row][column];
}

bool postgres_is_null(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return column_at(rows, row, column)[0] == '\0';
}

int64_t postgres_integer_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return strtoll(column_at(rows, row, column), NULL, 10);
}

bool postgres_bool_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return column_at(rows, row, column)[0] == 't';
}

uint64_t postgres_timestamp_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return (uint64_t)postgres_integer_at(rows, row, column);
}

struct slice postgres_text_at(const struct postgres_rows *rows, uint32_t row, uint32_t column)
{
    return slice_of(column_at(rows, row, column));
}

/* ---- the pool */

struct postgres *postgres_open(struct actor *me, const struct postgres_options *options, char *why, size_t room)
{
    (void)why;
    (void)room;
    assert(pool == NULL);
    pool = calloc(1, sizeof(*pool));
    assert(pool != NULL);
    pool->me = me;
    pool->options = *options;
    return pool;
}

static void free_run(struct run *run)
{
    for (uint32_t c = 0; c < run->count; c++) {
        for (uint32_t v = 0; v < VALUES_LIMIT; v++)
            free(run->values[c][v]);
        for (uint32_t r = 0; r < run->rows[c].count; r++)
            free(run->rows[c].texts[r]);
    }
    free(run);
}

void postgres_close(struct postgres **postgres)
{
    if (*postgres == NULL)
        return;
    while (run_count > 0)
        free_run(runs[--run_count]);
    free(*postgres);
    *postgres = NULL;
    pool = NULL;
}

bool postgres_is_connected(const struct postgres *postgres)
{
    return postgres->connected;
}

static char *show(const struct postgres_value *value)
{
    char *text = NULL;

    if (value->is_null)
        text = strdup("NULL");
    else if (!value->is_number)
        text = strndup(value->bytes.at != NULL ? value->bytes.at : "", value->bytes.size);
    else if (asprintf(&text, "%" PRId64, value->number) < 0)
        text = NULL;
    assert(text != NULL);
    return text;
}

void postgres_run(struct postgres *postgres,
                  const struct postgres_call *calls,
                  uint32_t count,
                  uint64_t deadline_us,
                  postgres_handler *then,
                  void *context)
{
    struct run *run;

    (void)deadline_us;
    if (strcmp(calls[0].statement->sql, "SELECT 1") == 0)
        return; /* a sign of life, which is no test's subject: it never comes, and what was believed before stays */
    run = calloc(1, sizeof(*run));
    assert(postgres != NULL);
    assert(run != NULL && count <= CALLS_LIMIT && run_count < RUNS_LIMIT);
    *run = (struct run){ .count = count, .then = then, .context = context };
    for (uint32_t c = 0; c < count; c++) {
        assert(calls[c].value_count <= VALUES_LIMIT);
        run->sql[c] = calls[c].statement->sql;
        for (uint32_t v = 0; v < calls[c].value_count; v++)
            run->values[c][v] = show(&calls[c].values[v]);
    }
    runs[run_count++] = run;
}

void postgres_read_snapshot(struct postgres *postgres,
                            const struct postgres_call *calls,
                            uint32_t count,
                            uint64_t deadline_us,
                            postgres_handler *then,
                            void *context)
{
    postgres_run(postgres, calls, count, deadline_us, then, context);
}

/* A transaction's runs are caught like all others. Nothing is rolled back here: the test sees that it was not
 * committed. */
struct postgres_transaction {
    struct postgres *postgres;
};

struct postgres_transaction *postgres_begin(struct postgres *postgres, uint64_t deadline_us)
{
    static struct postgres_transaction transaction;

    (void)deadline_us;
    transaction.postgres = postgres;
    return &transaction;
}

void postgres_transaction_run(struct postgres_transaction *transaction,
                              const struct postgres_call *calls,
                              uint32_t count,
                              postgres_handler *then,
                              void *context)
{
    postgres_run(transaction->postgres, calls, count, 0, then, context);
}

void postgres_transaction_commit(struct postgres_transaction *transaction,
                                 const struct postgres_call *calls,
                                 uint32_t count,
                                 postgres_handler *then,
                                 void *context)
{
    postgres_run(transaction->postgres, calls, count, 0, then, context);
}

void postgres_transaction_rollback(struct postgres_transaction *transaction)
{
    (void)transaction;
}

/* ---- what the test says */

static void tell_state(struct actor *me, void *context)
{
    (void)context;
    if (pool != NULL && pool->options.on_state != NULL)
        pool->options.on_state(me, pool->options.context, pool->connected);
}

void fake_postgres_connect(void)
{
    pool->connected = true;
    (void)actor_after(pool->me, 0, tell_state, NULL);
}

static void answer_now(struct actor *me, void *context)
{
    struct run *run = context;
    bool done = run->outcome == OUTCOME_DONE;
    struct postgres_rows *rows[CALLS_LIMIT];

    for (uint32_t c = 0; c < run->count; c++)
        rows[c] = &run->rows[c];
    if (run->then != NULL && pool != NULL)
        run->then(me, run->context,
                  &(struct postgres_result){ .outcome = run->outcome,
                                             .sqlstate = "",
                                             .constraint = "",
                                             .detail = "as the test says",
                                             .rows = done ? rows : NULL,
                                             .count = done ? run->count : 0 });
    free_run(run);
}

static void answer(enum outcome outcome)
{
    assert(run_count > 0);
    runs[0]->outcome = outcome;
    (void)actor_after(pool->me, 0, answer_now, runs[0]);
    run_count--;
    memmove(runs, runs + 1, run_count * sizeof(struct run *));
}

void fake_postgres_lose(void)
{
    pool->connected = false;
    for (uint32_t left = run_count; left > 0; left--)
        answer(OUTCOME_UNKNOWN);
    (void)actor_after(pool->me, 0, tell_state, NULL);
}

uint32_t fake_postgres_waiting(void)
{
    return run_count;
}

uint32_t fake_postgres_calls(void)
{
    assert(run_count > 0);
    return runs[0]->count;
}

bool fake_postgres_is(uint32_t call, const char *word)
{
    return run_count > 0 && call < runs[0]->count && strstr(runs[0]->sql[call], word) != NULL;
}

const char *fake_postgres_value(uint32_t call, uint32_t value)
{
    assert(run_count > 0 && call < runs[0]->count && runs[0]->values[call][value] != NULL);
    return runs[0]->values[call][value];
}

int fake_postgres_find(const char *word)
{
    for (uint32_t i = 0; i < run_count; i++)
        if (strstr(runs[i]->sql[0], word) != NULL)
            return (int)i;
    return -1;
}

void fake_postgres_bring_forward(int index)
{
    struct run *run;

    assert(index >= 0 && (uint32_t)index < run_count);
    run = runs[index];
    memmove(runs + 1, runs, (size_t)index * sizeof(struct run *));
    runs[0] = run;
}

void fake_postgres_row(uint32_t call, const char *columns)
{
    struct postgres_rows *rows;
    char *rest;

    assert(run_count > 0 && call < runs[0]->count);
    rows = &runs[0]->rows[call];
    assert(rows->count < ROWS_LIMIT);
    rest = rows->texts[rows->count] = strdup(columns);
    for (uint32_t i = 0; i < COLUMNS_LIMIT && rest != NULL; i++)
        rows->columns[rows->count][i] = strsep(&rest, "|");
    rows->count++;
}

void fake_postgres_done(void)
{
    answer(OUTCOME_DONE);
}

void fake_postgres_fail(enum outcome outcome)
{
    answer(outcome);
}
