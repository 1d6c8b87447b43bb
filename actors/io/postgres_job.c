/* SPDX-License-Identifier: MIT */
/* postgres_job -- see postgres_job.h. All its arrays and bytes live in one piece of memory behind the struct. */
#include "actors/io/postgres_job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/postgres_type.h"

struct sizes {
    size_t values;
    size_t bytes;
};

static size_t value_size(const struct postgres_value *value)
{
    return value->is_number ? value->number_size : value->bytes.size;
}

static bool measure(const struct postgres_call *calls, uint32_t count, struct sizes *ret_sizes)
{
    for (uint32_t i = 0; i < count; i++) {
        assert(calls[i].value_count <= POSTGRES_VALUES_LIMIT);
        ret_sizes->values += calls[i].value_count;
        for (uint32_t j = 0; j < calls[i].value_count; j++) {
            size_t size = value_size(&calls[i].values[j]);

            if (size > POSTGRES_ARRAY_LIMIT)
                return false;
            ret_sizes->bytes += size;
        }
    }
    return true;
}

static void copy_value(struct postgres_job *job, uint32_t index, const struct postgres_value *value, char **memory)
{
    size_t size = value_size(value);

    job->formats[index] = 1; /* binary */
    job->lengths[index] = (int)size;
    job->values[index] = value->is_null ? NULL : *memory;
    if (value->is_number)
        postgres_put_number(*memory, value->number, value->number_size);
    else if (size > 0)
        memcpy(*memory, value->bytes.at, size);
    *memory += size;
}

struct postgres_job *postgres_job_create(enum postgres_job_kind kind,
                                         const struct postgres_call *calls,
                                         uint32_t count,
                                         postgres_statement_index *index_of,
                                         void *pool)
{
    struct sizes sizes = { 0 };
    struct postgres_job *job;
    char *memory;
    uint32_t next = 0;

    assert(count <= POSTGRES_CALLS_LIMIT);
    if (!measure(calls, count, &sizes))
        return NULL;
    /* Widest members first, so that each array stands where its type must; one byte more, for values of none. */
    memory = calloc(1, sizeof(*job) + sizes.values * (sizeof(char *) + 2 * sizeof(int)) +
                           count * (sizeof(PGresult *) + sizeof(struct postgres_job_call)) + sizes.bytes + 1);
    assert(memory != NULL);
    job = (void *)memory;
    job->values = (void *)(job + 1);
    job->results = (void *)(job->values + sizes.values);
    job->calls = (void *)(job->results + count);
    job->lengths = (void *)(job->calls + count);
    job->formats = job->lengths + sizes.values;
    memory = (void *)(job->formats + sizes.values);
    job->kind = kind;
    job->count = count;
    job->bytes = sizes.bytes;
    for (uint32_t i = 0; i < count; i++) {
        job->calls[i] = (struct postgres_job_call){ .statement = index_of(pool, calls[i].statement),
                                                    .first_value = next,
                                                    .value_count = calls[i].value_count };
        for (uint32_t j = 0; j < calls[i].value_count; j++)
            copy_value(job, next++, &calls[i].values[j], &memory);
    }
    return job;
}

void postgres_job_destroy(struct postgres_job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        PQclear(job->results[i]);
    free(job);
}

uint32_t postgres_job_steps(const struct postgres_job *job)
{
    if (job->kind == JOB_PREPARE || job->kind == JOB_ROLLBACK)
        return 1;
    return job->count + (job->begins ? 1 : 0) + (job->ends ? 1 : 0);
}

uint32_t postgres_job_call_of(const struct postgres_job *job, uint32_t step)
{
    uint32_t before = job->begins ? 1 : 0;

    return step >= before && step - before < job->count ? step - before : job->count;
}

static void keep_error(struct postgres_job *job, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    job->has_failed = true;
    job->failed_call = postgres_job_call_of(job, job->step);
    snprintf(job->sqlstate, sizeof(job->sqlstate), "%s", sqlstate != NULL ? sqlstate : "");
    snprintf(job->constraint, sizeof(job->constraint), "%s", constraint != NULL ? constraint : "");
    snprintf(job->detail, sizeof(job->detail), "%s", message != NULL ? message : PQresultErrorMessage(result));
    job->detail[strcspn(job->detail, "\n")] = '\0'; /* the rest are hints for people at a terminal */
}

void postgres_job_take(struct postgres_job *job, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    uint32_t call = postgres_job_call_of(job, job->step);

    job->has_result = true;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (call < job->count && job->results[call] == NULL) {
            job->results[call] = result;
            return;
        }
    } else if (status != PGRES_PIPELINE_ABORTED && !job->has_failed) {
        keep_error(job, result);
    }
    PQclear(result);
}

/* By the first word of what it runs: SELECT, INSERT, WITH. The pool's own work is nobody's. */
static void end_span(const struct postgres_job *job, struct actor *me)
{
    char name[16];

    if (job->kind == JOB_PREPARE || job->kind == JOB_ROLLBACK)
        return;

    const char *sql = job->sql != NULL ? job->sql : "COMMIT";

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(sql, " \n("), sql);
    actor_span_end(me, &job->span, SPAN_STORE, name, "postgres");
}

void postgres_job_answer(struct postgres_job *job, struct actor *me, enum outcome outcome, const char *detail)
{
    bool is_done = outcome == OUTCOME_DONE;
    const struct postgres_result result = {
        .outcome = outcome,
        .sqlstate = job->sqlstate,
        .constraint = job->constraint,
        .detail = detail,
        .failed_call = job->failed_call,
        .rows = is_done ? (void *)job->results : NULL,
        .count = is_done ? job->count : 0,
    };
    postgres_handler *then = job->then;

    job->then = NULL;
    end_span(job, me);
    if (then != NULL)
        then(me, job->context, &result);
}
