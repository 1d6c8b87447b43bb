/* SPDX-License-Identifier: MIT */
/*
 * request_json -- bodies of requests: strict JSON, and exactly the fields that are known. Pure.
 *
 * What is no JSON at all (syntax, a key twice, invalid UTF-8, half a surrogate pair) is 400; JSON of the wrong shape is
 * 422 and says which field and what was meant. What a URL or a code must be is not judged here.
 */
#ifndef ACTORS_EDGE_REQUEST_JSON_H
#define ACTORS_EDGE_REQUEST_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

struct json_t;

enum { REQUEST_JSON_WHY_LIMIT = 256, REQUEST_JSON_POINTER_LIMIT = 128 };

struct request_json_error {
    unsigned status;                          /* 400 or 422 */
    char pointer[REQUEST_JSON_POINTER_LIMIT]; /* "#/url"; empty when no field is at fault */
    char detail[REQUEST_JSON_WHY_LIMIT];
};

/* What a body may say. Slices live until request_json_free. */
struct request_json {
    struct json_t *root;
    struct slice url;     /* empty when absent and not required */
    bool has_custom_code; /* false when absent or null */
    struct slice custom_code;
    bool sets_expiry;    /* expires_at was there */
    uint64_t expires_us; /* wall clock; 0: never (null) */
    bool withdraws;
};

/* Of POST /api/shorten: url, custom_code?, expires_at?. False with the error filled in. */
bool request_json_shorten(struct slice body, struct request_json *ret_request, struct request_json_error *error);
/* Of PATCH /api/links/{code}: at least one of url, expires_at, withdrawn (true). */
bool request_json_edit(struct slice body, struct request_json *ret_request, struct request_json_error *error);
void request_json_free(struct request_json *request); /* accepts what is zeroed or was freed */

/* Whether a Content-Type says JSON in UTF-8: application/json, with charset utf-8 or none. */
bool request_json_is_content_type(struct slice content_type);

#endif
