/* SPDX-License-Identifier: MIT */
/* link_copy -- see the header. */
#include "actors/links/link_copy.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { DIGITS_LIMIT = 19 }; /* of a number below 2^63 */

enum link_state link_copy_state(const struct link_copy *copy, uint64_t wall_us)
{
    bool expired = copy->expires_us != 0 && copy->expires_us <= wall_us;

    return copy->location.size == 0 || expired ? LINK_GONE : LINK_LIVE;
}

struct slice link_copy_key(struct slice code, char room[LINK_KEY_ROOM])
{
    int size = snprintf(room, LINK_KEY_ROOM, "url:%.*s", (int)code.size, code.at);

    assert(size > 0 && size < LINK_KEY_ROOM);
    return (struct slice){ .at = room, .size = (size_t)size };
}

struct slice link_copy_format(const struct link_copy *copy, char room[LINK_COPY_ROOM])
{
    int size = snprintf(room, LINK_COPY_ROOM, "%" PRIu64 " %" PRIu64 " %.*s", copy->version, copy->expires_us,
                        (int)copy->location.size, copy->location.at != NULL ? copy->location.at : "");

    assert(size > 0 && size < LINK_COPY_ROOM);
    return (struct slice){ .at = room, .size = (size_t)size };
}

/* Takes a number and the blank behind it off the front. */
static bool take_number(struct slice *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t digits = 0;

    while (digits < text->size && text->at[digits] >= '0' && text->at[digits] <= '9' && digits < DIGITS_LIMIT)
        number = number * 10 + (uint64_t)(text->at[digits++] - '0');
    if (digits == 0 || digits == text->size || text->at[digits] != ' ')
        return false;
    *text = (struct slice){ .at = text->at + digits + 1, .size = text->size - digits - 1 };
    *ret_number = number;
    return true;
}

enum link_copy_kind link_copy_parse(struct slice text, struct link_copy *ret_copy)
{
    struct link_copy copy = { 0 };

    if (text.size > 0 && text.at[0] == '!')
        return LINK_COPY_TOMBSTONE;
    if (!take_number(&text, &copy.version) || !take_number(&text, &copy.expires_us) || text.size > URL_LIMIT_BYTES)
        return LINK_COPY_UNREADABLE;
    copy.location = text;
    *ret_copy = copy;
    return LINK_COPY_ROW;
}
