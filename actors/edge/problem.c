/* SPDX-License-Identifier: MIT */
/* problem -- see problem.h. */
#include "actors/edge/problem.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

const struct slice problem_content_type = { "application/problem+json", sizeof("application/problem+json") - 1 };

/* What clients send may be repeated in a detail, cut in the middle of a character: then only its ASCII is. */
static json_t *text_of(struct slice text)
{
    json_t *value = json_stringn(text.at != NULL ? text.at : "", text.size);
    char *ascii;
    size_t i;

    if (value != NULL)
        return value;
    ascii = malloc(text.size);
    assert(ascii != NULL);
    for (i = 0; i < text.size; i++)
        ascii[i] = (unsigned char)text.at[i] < 0x80 ? text.at[i] : '?';
    value = json_stringn(ascii, text.size);
    free(ascii);
    assert(value != NULL);
    return value;
}

char *problem_body(const struct problem *problem)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank", "title", http_reason(problem->status),
                               "status", (int)problem->status, "detail", text_of(problem->detail));
    char *body;

    assert(object != NULL);
    if (problem->pointer.size != 0)
        json_object_set_new(
            object, "errors",
            json_pack("[{s:o, s:o}]", "pointer", text_of(problem->pointer), "detail", text_of(problem->detail)));
    body = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    assert(body != NULL);
    return body;
}

bool problem_answer(struct http_server *server, struct http_exchange exchange, const struct problem *problem)
{
    char *body = problem_body(problem);
    struct http_field fields[2];
    struct http_answer answer = { .status = problem->status,
                                  .content_type = problem_content_type,
                                  .fields = fields,
                                  .body = slice_of(body),
                                  .close = problem->close };
    char seconds[24];
    bool is_sent;

    if (problem->retry_after_s != 0) {
        snprintf(seconds, sizeof(seconds), "%" PRIu64, problem->retry_after_s);
        fields[answer.field_count++] = (struct http_field){ "Retry-After", slice_of(seconds) };
    }
    if (problem->allow != NULL)
        fields[answer.field_count++] = (struct http_field){ "Allow", slice_of(problem->allow) };
    is_sent = http_answer(server, exchange, &answer);
    free(body);
    return is_sent;
}
