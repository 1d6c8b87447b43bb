/* SPDX-License-Identifier: MIT */
/*
 * problem -- answers that say what went wrong, as RFC 9457 has it: `application/problem+json` with type, title, status,
 * a detail that a person can act on, and for invalid input the fields at fault.
 */
#ifndef ACTORS_EDGE_PROBLEM_H
#define ACTORS_EDGE_PROBLEM_H

#include <stdint.h>

#include "actors/io/http.h"
#include "proto/slice.h"

struct problem {
    unsigned status;
    struct slice detail;    /* one sentence */
    struct slice pointer;   /* "#/url": the field at fault; empty: none */
    uint64_t retry_after_s; /* 0: no such field */
    const char *allow;      /* with 405; else NULL */
    bool close;
};

extern const struct slice problem_content_type;

/* The body, to be freed; never NULL. */
char *problem_body(const struct problem *problem);
/* Sends it. False when the client has left. */
bool problem_answer(struct http_server *server, struct http_exchange exchange, const struct problem *problem);

#endif
