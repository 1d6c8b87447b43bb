/* SPDX-License-Identifier: MIT */
#include "tests/bench/asker/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "HTTP/1.1 307 " */
enum { STATUS_AT = 9, HEAD_MINIMUM = 13 };

static bool is_field(const char *line, size_t size, const char *name, size_t name_size)
{
    return size > name_size && (line[0] | 0x20) == name[0] && strncasecmp(line, name, name_size) == 0;
}

static void read_field(const char *line, size_t size, struct answer *answer, bool *has_length)
{
    static const char location[] = "location: ";
    static const char length[] = "content-length: ";

    if (is_field(line, size, location, sizeof(location) - 1)) {
        answer->location = line + sizeof(location) - 1;
        answer->location_size = size - (sizeof(location) - 1);
    } else if (is_field(line, size, length, sizeof(length) - 1)) {
        answer->body_size = strtoul(line + sizeof(length) - 1, NULL, 10);
        *has_length = true;
    }
}

bool answer_read(const char *bytes, size_t size, struct answer *ret_answer)
{
    const char *at = bytes;
    const char *end;
    bool has_length = false;

    *ret_answer = (struct answer){ 0 };
    for (;;) {
        end = memchr(at, '\n', size - (size_t)(at - bytes));
        if (end == NULL)
            return false;
        if (end - at <= 1)
            break;
        if (at == bytes) {
            ret_answer->is_broken = end - at < HEAD_MINIMUM || memcmp(at, "HTTP/1.1 ", STATUS_AT) != 0;
            if (ret_answer->is_broken)
                return false;
            ret_answer->status = atoi(at + STATUS_AT);
        } else {
            read_field(at, (size_t)(end - at) - 1, ret_answer, &has_length);
        }
        at = end + 1;
    }
    ret_answer->is_broken = !has_length || ret_answer->status == 0;
    ret_answer->body = end + 1;
    ret_answer->size = (size_t)(end + 1 - bytes) + ret_answer->body_size;
    return !ret_answer->is_broken && ret_answer->size <= size;
}
