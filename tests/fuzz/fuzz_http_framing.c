/* SPDX-License-Identifier: MIT */
/*
 * Framing must not depend on how the network cut the bytes: each input is judged whole and in two parts, and must end
 * alike. A complete request ends within the input, behind its head.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "actors/edge/routes.h"
#include "actors/io/http_framing.h"

/* The path of a complete request goes on to the routes. */
static void match(const char *bytes, size_t size)
{
    const char *blank = memchr(bytes, ' ', size);
    struct route_match found;

    if (blank == NULL)
        return;
    const char *end = memchr(blank + 1, ' ', size - (size_t)(blank + 1 - bytes));

    if (end != NULL)
        routes_match((struct slice){ blank + 1, (size_t)(end - blank - 1) }, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* the fuzzer declares it nowhere */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framing whole;
    struct framing parts;
    size_t first = size > 0 ? data[size - 1] % (size + 1) : 0;
    char *bytes = malloc(size + 1);
    char *start = malloc(first + 1);

    assert(bytes != NULL && start != NULL);
    memcpy(bytes, data, size);
    memcpy(start, data, first);
    framing_start(&whole, 64);
    framing_start(&parts, 64);

    enum framing_verdict verdict = framing_feed(&whole, bytes, size);
    enum framing_verdict part = framing_feed(&parts, start, first);

    if (part == FRAMING_INCOMPLETE)
        part = framing_feed(&parts, bytes, size);
    assert(verdict == part && whole.status == parts.status);
    if (verdict == FRAMING_COMPLETE) {
        assert(whole.size == parts.size && whole.size <= size && whole.head_size <= whole.size && whole.head_size > 0);
        match(bytes, whole.head_size);
    }
    free(bytes);
    free(start);
    return 0;
}
