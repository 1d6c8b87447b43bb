/* SPDX-License-Identifier: MIT */
/* Bodies of requests: whatever they hold is understood, or refused with a sentence that fits into a problem. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "actors/edge/problem.h"
#include "actors/edge/request_json.h"

static void check(bool fits, struct request_json *request, const struct request_json_error *error)
{
    if (!fits) {
        char *body;

        assert((error->status == 400 || error->status == 422) && error->detail[0] != '\0');
        body = problem_body(&(struct problem){
            .status = error->status, .detail = slice_of(error->detail), .pointer = slice_of(error->pointer) });
        assert(strlen(body) > 40);
        free(body);
    }
    request_json_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* the fuzzer declares it nowhere */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = { (const char *)data, size };
    struct request_json request;
    struct request_json_error error = { 0 };
    bool fits = request_json_shorten(body, &request, &error);

    check(fits, &request, &error);
    fits = request_json_edit(body, &request, &error);
    check(fits, &request, &error);
    return 0;
}
