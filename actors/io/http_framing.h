/* SPDX-License-Identifier: MIT */
/*
 * http_framing -- where an HTTP/1.1 request ends, or why it must be refused.
 *
 * Stricter than RFC 9112 demands, because what is behind it (H2O) is laxer than it: whatever two parsers could read
 * differently is refused here, before anybody acts on it. Lines end in CRLF and nothing else; one Content-Length of
 * digits or one `Transfer-Encoding: chunked`, never both; one Host; no blank before a colon, no folded lines; chunk
 * sizes are hexadecimal digits. Pure logic without memory of its own: it reads a buffer that grows and is fed again,
 * and looks at each byte of a head once.
 */
#ifndef ACTORS_IO_HTTP_FRAMING_H
#define ACTORS_IO_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAMING_HEAD_LIMIT = 16 * 1024,     /* bytes of request line and header fields */
    FRAMING_FIELDS_LIMIT = 100,         /* H2O's H2O_MAX_HEADERS */
    FRAMING_METHOD_LIMIT = 32,          /* bytes */
    FRAMING_OVERHEAD_LIMIT = 64 * 1024, /* bytes of chunk sizes, extensions and trailers in one body */
    FRAMING_CHUNK_LINE_LIMIT = 256      /* bytes of one chunk size with its extensions */
};

enum framing_verdict {
    FRAMING_INCOMPLETE, /* feed again when there is more */
    FRAMING_COMPLETE,   /* the request is the first `size` bytes */
    FRAMING_REFUSED     /* answer `status` and close */
};

/* Internal to http_framing.c: what the next byte is part of. */
enum framing_state {
    FRAMING_AT_REQUEST_LINE,
    FRAMING_AT_FIELD,
    FRAMING_AT_BODY,
    FRAMING_AT_CHUNK_SIZE,
    FRAMING_AT_CHUNK_DATA,
    FRAMING_AT_CHUNK_END,
    FRAMING_AT_TRAILER
};

struct framing {
    enum framing_state state;
    bool is_1_1; /* HTTP/1.1, else HTTP/1.0 */
    bool has_length;
    bool is_chunked;
    bool has_host;
    bool wants_continue; /* Expect: 100-continue, and the body has not come yet */
    uint32_t fields;
    uint32_t body_limit; /* bytes, decoded */
    size_t line;         /* offset of the line, or of the body's part, that is being read */
    size_t scanned;      /* bytes of it that hold no end of line */
    size_t head_size;    /* bytes; 0 while the head is incomplete */
    size_t expect_at;    /* offset of the Expect field's name, when wants_continue */
    uint64_t length;     /* Content-Length, or what is left of the chunk */
    uint64_t decoded;    /* bytes of chunk data so far */
    size_t size;         /* COMPLETE: of the whole request */
    unsigned status;     /* REFUSED */
    const char *detail;  /* REFUSED: one sentence; lives for ever */
};

void framing_start(struct framing *framing, uint32_t body_limit);
/* `bytes` holds everything since the request's first byte. After COMPLETE or REFUSED, start anew. */
enum framing_verdict framing_feed(struct framing *framing, const char *bytes, size_t size);
/* Whether anything of the request's body is still to come: the head is complete. */
static inline bool framing_has_head(const struct framing *framing)
{
    return framing->head_size != 0;
}

#endif
