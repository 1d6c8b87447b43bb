/* SPDX-License-Identifier: MIT */
/* pages -- what people and programs read about this service: /, /docs and /openapi.json. The texts are in pages_*.c. */
#include "actors/edge/pages.h"

#include "actors/edge/edge_state.h"

static void
answer_page(struct edge *self, const struct http_request *request, const char *content_type, const char *body)
{
    static const struct http_field fields[] = {
        { "X-Content-Type-Options", { "nosniff", 7 } },
        { "Referrer-Policy", { "no-referrer", 11 } },
    };

    edge_answer(self, request->exchange,
                &(struct http_answer){ .status = 200,
                                       .content_type = slice_of(content_type),
                                       .fields = fields,
                                       .field_count = 2,
                                       .body = slice_of(body),
                                       .body_lives_on = true });
}

void pages_request(struct edge *self, const struct http_request *request)
{
    struct http_field location = { "Location", slice_of(self->root_redirect) };

    switch (self->exchanges[request->exchange.slot].route) {
    case ROUTE_OPENAPI:
        answer_page(self, request, "application/json", pages_openapi);
        break;
    case ROUTE_DOCS:
        answer_page(self, request, "text/html; charset=utf-8", pages_docs);
        break;
    case ROUTE_ROOT:
        if (self->root_redirect[0] != '\0')
            edge_answer(self, request->exchange,
                        &(struct http_answer){ .status = 307, .fields = &location, .field_count = 1 });
        else
            answer_page(self, request, "text/html; charset=utf-8", pages_root);
        break;
    default:
        edge_say(self, request->exchange, SAID_NOTHING_HERE);
    }
}
