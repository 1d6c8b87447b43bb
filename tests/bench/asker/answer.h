/* SPDX-License-Identifier: MIT */
/*
 * answer -- where an HTTP/1.1 answer ends, and what of it is checked. Bodies come with a Content-Length: whoever sends
 * another kind is reported as broken.
 */
#ifndef TESTS_BENCH_ASKER_ANSWER_H
#define TESTS_BENCH_ASKER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    int status;
    const char *location; /* into the bytes; NULL: none */
    size_t location_size;
    const char *body;
    size_t body_size;
    size_t size; /* of all of it */
    bool is_broken;
};

/* False: there is more to come, or (is_broken) no sense in what came. */
bool answer_read(const char *bytes, size_t size, struct answer *ret_answer);

#endif
