/* SPDX-License-Identifier: MIT */
/*
 * http_framing -- see http_framing.h. One function for each state reads one line or one part and says what comes next;
 * framing_feed calls them until the bytes are used up. RFC 9112 sections 2 to 7 name what is allowed; the comments here
 * name where we allow less.
 */
#include "actors/io/http_framing.h"

#include <string.h>
#include <strings.h>

#include "proto/slice.h"

/* RFC 9110 5.6.2: what names of methods and fields are made of. */
static const bool token_character[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1,  ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
    ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1,  ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1,  ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1,
    ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1,  ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,
    ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,  ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1,  ['z'] = 1,
};

/* What cannot stand in a Host: RFC 3986 3.2.2 and 3.2.3, by their characters. Blanks, controls and bytes above ASCII
 * neither. */
static const bool no_host_character[128] = {
    ['/'] = 1, ['\\'] = 1, ['@'] = 1, ['?'] = 1, ['#'] = 1, [','] = 1, ['"'] = 1,
    ['<'] = 1, ['>'] = 1,  ['^'] = 1, ['`'] = 1, ['{'] = 1, ['|'] = 1, ['}'] = 1,
};

/* What a state's function says of the bytes it was given. */
enum step {
    STEP_ON,   /* read; go on with what `state` now says */
    STEP_MORE, /* needs more bytes */
    STEP_DONE, /* the request ends at `line` */
    STEP_NO    /* refused */
};

void framing_start(struct framing *framing, uint32_t body_limit)
{
    *framing = (struct framing){ .body_limit = body_limit };
}

static enum step refuse(struct framing *framing, unsigned status, const char *detail)
{
    framing->status = status;
    framing->detail = detail;
    return STEP_NO;
}

/* Finds the line that starts at framing->line and moves behind it. Lines end in CRLF: a bare LF is refused here, a bare
 * CR by those who read the line, since it is a control character. */
static enum step next_line(struct framing *framing, const char *bytes, size_t size, struct slice *ret_line)
{
    const char *line = bytes + framing->line;
    const char *end = memchr(line + framing->scanned, '\n', size - framing->line - framing->scanned);

    if (end == NULL) {
        framing->scanned = size - framing->line;
        return STEP_MORE;
    }
    if (end == line || end[-1] != '\r')
        return refuse(framing, 400,
                      "Lines of a request must end in CR LF; there is a line feed without a carriage return.");
    *ret_line = (struct slice){ .at = line, .size = (size_t)(end - line) - 1 };
    framing->line += ret_line->size + 2;
    framing->scanned = 0;
    return STEP_ON;
}

/* The same for lines of the head, which have a limit in all. */
static enum step next_head_line(struct framing *framing, const char *bytes, size_t size, struct slice *ret_line)
{
    enum step step = next_line(framing, bytes, size, ret_line);

    if (step == STEP_ON && framing->line > FRAMING_HEAD_LIMIT)
        return refuse(framing, 431, "The request line and header fields are longer than 16 KiB.");
    return step;
}

/* Visible characters, blanks, tabs and everything above ASCII: what a field's value is made of (RFC 9110 5.5). */
static bool is_text(const char *at, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static size_t token_size(const char *at, size_t size)
{
    size_t i = 0;

    while (i < size && token_character[(unsigned char)at[i]])
        i++;
    return i;
}

static enum step read_version(struct framing *framing, const char *version, size_t size)
{
    if (size != 8 || memcmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' || version[6] != '.' ||
        version[7] < '0' || version[7] > '9')
        return refuse(framing, 400,
                      "The request line must read: METHOD TARGET HTTP/1.1, with one blank between the words.");
    if (version[5] != '1' || version[7] > '1')
        return refuse(framing, 505, "This server speaks HTTP/1.1 and HTTP/1.0.");
    framing->is_1_1 = version[7] == '1';
    return STEP_ON;
}

static enum step read_request_line(struct framing *framing, const char *bytes, size_t size)
{
    bool is_first = framing->line == 0;
    struct slice line;
    enum step step = next_head_line(framing, bytes, size, &line);
    size_t method, target;

    if (step != STEP_ON)
        return step;
    if (line.size == 0 && is_first)
        return STEP_ON; /* RFC 9112 2.2: some clients send an empty line after a body */
    method = token_size(line.at, line.size);
    if (method == 0 || method > FRAMING_METHOD_LIMIT || method == line.size || line.at[method] != ' ')
        return refuse(framing, 400, "The request must start with a method, one blank and a target.");
    for (target = method + 1; target < line.size; target++) {
        unsigned char c = (unsigned char)line.at[target];

        if (c <= ' ' || c == 0x7f)
            break;
    }
    if (target == method + 1 || target == line.size || line.at[target] != ' ')
        return refuse(framing, 400, "The target of the request is empty or holds blanks or control characters.");
    framing->state = FRAMING_AT_FIELD;
    return read_version(framing, line.at + target + 1, line.size - target - 1);
}

static enum step read_content_length(struct framing *framing, struct slice value)
{
    uint64_t length = 0;
    size_t i;

    /* RFC 9112 6.3 would let equal ones pass; a client that sends two is broken or hostile. */
    if (framing->has_length)
        return refuse(framing, 400, "There is more than one Content-Length.");
    if (framing->is_chunked)
        return refuse(framing, 400, "There are both Content-Length and Transfer-Encoding.");
    if (value.size == 0 || value.size > 18)
        return refuse(framing, 400, "Content-Length must be a decimal number.");
    for (i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return refuse(framing, 400, "Content-Length must be a decimal number.");
        length = length * 10 + (uint64_t)(value.at[i] - '0');
    }
    framing->has_length = true;
    framing->length = length;
    return STEP_ON;
}

static enum step read_transfer_encoding(struct framing *framing, struct slice value)
{
    if (framing->has_length)
        return refuse(framing, 400, "There are both Content-Length and Transfer-Encoding.");
    if (framing->is_chunked)
        return refuse(framing, 400, "There is more than one Transfer-Encoding.");
    if (!framing->is_1_1)
        return refuse(framing, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (value.size != 7 || strncasecmp(value.at, "chunked", 7) != 0)
        return refuse(framing, 400, "The only Transfer-Encoding that is understood is chunked.");
    framing->is_chunked = true;
    return STEP_ON;
}

/* Strict enough that nobody reads a second host, a path or a list into it. */
static enum step read_host(struct framing *framing, struct slice value)
{
    size_t i;

    if (framing->has_host)
        return refuse(framing, 400, "There is more than one Host.");
    for (i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.at[i];

        if (c <= ' ' || c >= 0x7f || no_host_character[c])
            return refuse(framing, 400, "Host must be one host name or address, with or without a port.");
    }
    framing->has_host = true;
    return STEP_ON;
}

static enum step read_expect(struct framing *framing, struct slice value, size_t name_at)
{
    if (value.size != 12 || strncasecmp(value.at, "100-continue", 12) != 0)
        return refuse(framing, 417, "The only expectation that can be met is 100-continue.");
    framing->wants_continue = true;
    framing->expect_at = name_at;
    return STEP_ON;
}

static struct slice trimmed(const char *at, size_t size)
{
    while (size > 0 && (at[0] == ' ' || at[0] == '\t')) {
        at++;
        size--;
    }
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    return (struct slice){ .at = at, .size = size };
}

/* Only fields that decide about framing are looked at closer. Their lengths differ, which makes the choice cheap. */
static enum step read_framing_field(struct framing *framing, const char *bytes, struct slice name, struct slice value)
{
    switch (name.size) {
    case 4:
        return strncasecmp(name.at, "host", 4) == 0 ? read_host(framing, value) : STEP_ON;
    case 6:
        return strncasecmp(name.at, "expect", 6) == 0 ? read_expect(framing, value, (size_t)(name.at - bytes))
                                                      : STEP_ON;
    case 14:
        return strncasecmp(name.at, "content-length", 14) == 0 ? read_content_length(framing, value) : STEP_ON;
    case 17:
        return strncasecmp(name.at, "transfer-encoding", 17) == 0 ? read_transfer_encoding(framing, value) : STEP_ON;
    default:
        return STEP_ON;
    }
}

static enum step end_of_head(struct framing *framing)
{
    framing->head_size = framing->line;
    if (framing->is_1_1 && !framing->has_host)
        return refuse(framing, 400, "The Host field is missing.");
    if (framing->has_length && framing->length > framing->body_limit)
        return refuse(framing, 413, "The body is too long.");
    if (framing->is_chunked) {
        framing->state = FRAMING_AT_CHUNK_SIZE;
        return STEP_ON;
    }
    if (framing->length == 0) {
        framing->wants_continue = false; /* there is no body to wait for */
        return STEP_DONE;
    }
    framing->state = FRAMING_AT_BODY;
    return STEP_ON;
}

static enum step read_field(struct framing *framing, const char *bytes, size_t size)
{
    struct slice line, value;
    enum step step = next_head_line(framing, bytes, size, &line);
    size_t name;

    if (step != STEP_ON)
        return step;
    if (line.size == 0)
        return end_of_head(framing);
    if (++framing->fields > FRAMING_FIELDS_LIMIT)
        return refuse(framing, 431, "There are more than 100 header fields.");
    name = token_size(line.at, line.size);
    if (name == 0 || name == line.size || line.at[name] != ':') /* also a folded line, and a blank before the colon */
        return refuse(framing, 400, "A header field must read NAME: VALUE, without a blank before the colon.");
    value = trimmed(line.at + name + 1, line.size - name - 1);
    if (!is_text(value.at, value.size))
        return refuse(framing, 400, "The value of a header field holds control characters.");
    return read_framing_field(framing, bytes, (struct slice){ .at = line.at, .size = name }, value);
}

static enum step read_body(struct framing *framing, size_t size)
{
    if (size - framing->line < framing->length)
        return STEP_MORE;
    framing->line += framing->length;
    return STEP_DONE;
}

/* What a body costs beside its data. Called between chunks, when all announced data has been read. */
static bool is_mostly_overhead(const struct framing *framing)
{
    return framing->line - framing->head_size - framing->decoded > FRAMING_OVERHEAD_LIMIT;
}

static enum step read_chunk_size(struct framing *framing, const char *bytes, size_t size)
{
    struct slice line;
    enum step step = next_line(framing, bytes, size, &line);
    uint64_t length = 0;
    size_t i;

    if (step == STEP_MORE && framing->scanned > FRAMING_CHUNK_LINE_LIMIT)
        return refuse(framing, 400, "A chunk's size is longer than any number needs.");
    if (step != STEP_ON)
        return step;
    if (is_mostly_overhead(framing))
        return refuse(framing, 413, "The body's chunks are too small.");
    for (i = 0; i < line.size && slice_hex_digit(line.at[i]) >= 0; i++)
        length = (length << 4) | (uint64_t)slice_hex_digit(line.at[i]);
    if (i == 0 || i > 8 || line.size > FRAMING_CHUNK_LINE_LIMIT)
        return refuse(framing, 400, "A chunk's size must be a hexadecimal number of at most eight digits.");
    if (i < line.size && (line.at[i] != ';' || !is_text(line.at + i, line.size - i)))
        return refuse(framing, 400, "A chunk's size must be a hexadecimal number and nothing else.");
    framing->decoded += length;
    if (framing->decoded > framing->body_limit)
        return refuse(framing, 413, "The body is too long.");
    framing->length = length;
    framing->state = length == 0 ? FRAMING_AT_TRAILER : FRAMING_AT_CHUNK_DATA;
    return STEP_ON;
}

static enum step read_chunk_data(struct framing *framing, size_t size)
{
    size_t there = size - framing->line;

    if (there < framing->length) {
        framing->line += there;
        framing->length -= there;
        return STEP_MORE;
    }
    framing->line += framing->length;
    framing->state = FRAMING_AT_CHUNK_END;
    return STEP_ON;
}

static enum step read_chunk_end(struct framing *framing, const char *bytes, size_t size)
{
    size_t there = size - framing->line;

    if (there >= 1 && bytes[framing->line] != '\r')
        return refuse(framing, 400, "A chunk is longer than its size says.");
    if (there < 2)
        return STEP_MORE;
    if (bytes[framing->line + 1] != '\n')
        return refuse(framing, 400, "A chunk is longer than its size says.");
    framing->line += 2;
    framing->state = FRAMING_AT_CHUNK_SIZE;
    return STEP_ON;
}

/* Trailers are checked like fields and then ignored: nothing behind a body may change what was decided before it. */
static enum step read_trailer(struct framing *framing, const char *bytes, size_t size)
{
    struct slice line;
    enum step step = next_line(framing, bytes, size, &line);
    size_t name;

    if (step != STEP_ON)
        return step;
    if (line.size == 0)
        return STEP_DONE;
    if (is_mostly_overhead(framing))
        return refuse(framing, 413, "The trailer fields are too long.");
    name = token_size(line.at, line.size);
    if (name == 0 || name == line.size || line.at[name] != ':' || !is_text(line.at + name, line.size - name))
        return refuse(framing, 400, "A trailer field must read NAME: VALUE.");
    return STEP_ON;
}

static enum step read_on(struct framing *framing, const char *bytes, size_t size)
{
    switch (framing->state) {
    case FRAMING_AT_REQUEST_LINE:
        return read_request_line(framing, bytes, size);
    case FRAMING_AT_FIELD:
        return read_field(framing, bytes, size);
    case FRAMING_AT_BODY:
        return read_body(framing, size);
    case FRAMING_AT_CHUNK_SIZE:
        return read_chunk_size(framing, bytes, size);
    case FRAMING_AT_CHUNK_DATA:
        return read_chunk_data(framing, size);
    case FRAMING_AT_CHUNK_END:
        return read_chunk_end(framing, bytes, size);
    case FRAMING_AT_TRAILER:
        return read_trailer(framing, bytes, size);
    }
    return refuse(framing, 400, "The request cannot be read.");
}

/* What is there already and still incomplete must not be longer than any complete one could be. */
static enum step check_incomplete(struct framing *framing, size_t size)
{
    if (framing->head_size == 0)
        return size > FRAMING_HEAD_LIMIT
                   ? refuse(framing, 431, "The request line and header fields are longer than 16 KiB.")
                   : STEP_MORE;
    if (framing->state == FRAMING_AT_TRAILER && framing->scanned > FRAMING_HEAD_LIMIT)
        return refuse(framing, 431, "The trailer fields are longer than 16 KiB.");
    return STEP_MORE;
}

enum framing_verdict framing_feed(struct framing *framing, const char *bytes, size_t size)
{
    enum step step;

    do
        step = read_on(framing, bytes, size);
    while (step == STEP_ON);
    if (step == STEP_MORE)
        step = check_incomplete(framing, size);
    framing->size = framing->line;
    return step == STEP_MORE ? FRAMING_INCOMPLETE : step == STEP_DONE ? FRAMING_COMPLETE : FRAMING_REFUSED;
}
