/* SPDX-License-Identifier: MIT */
/* deferred_text -- see deferred_text.h. A line of words, then the URLs one behind the other: "wait ID CODE c EXPIRES
 * SIZE\n". */
#include "actors/links/deferred_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = {
    [DEFERRED_WAITS] = "wait", [DEFERRED_MADE] = "made", [DEFERRED_TAKEN] = "taken", [DEFERRED_REFUSED] = "refused"
};

struct slice deferred_text_waiting(const struct deferred_link *link, char *room)
{
    int head =
        snprintf(room, DEFERRED_TEXT_ROOM, "wait %" PRIu64 " %.*s %c %" PRIu64 " %zu\n", link->id, (int)link->code.size,
                 link->code.at, link->is_custom ? 'c' : 'g', link->expires_us, link->original.size);
    char *end = room + head;

    if (head < 0 || (size_t)head + link->original.size + link->location.size > DEFERRED_TEXT_ROOM)
        return (struct slice){ 0 };
    end = mempcpy(end, link->original.at, link->original.size);
    end = mempcpy(end, link->location.at, link->location.size);
    return (struct slice){ .at = room, .size = (size_t)(end - room) };
}

struct slice deferred_text_end(enum deferred_state state, struct slice code, char *room)
{
    int size = snprintf(room, DEFERRED_TEXT_ROOM, "%s %.*s\n", words[state], (int)code.size, code.at);

    return (struct slice){ .at = room, .size = size > 0 ? (size_t)size : 0 };
}

static enum deferred_state
parse_waiting(const char *line, struct slice text, size_t line_size, struct deferred_link *link)
{
    char code[CODE_LIMIT_BYTES + 1] = "", kind = 0;
    size_t original_size = 0, code_at = 0;

    if (sscanf(line, "wait %" SCNu64 " %zn%20[0-9A-Za-z] %c %" SCNu64 " %zu", &link->id, &code_at, code, &kind,
               &link->expires_us, &original_size) != 5 ||
        (kind != 'c' && kind != 'g') || link->id == 0 || original_size > text.size - line_size)
        return DEFERRED_SPOILT;
    link->is_custom = kind == 'c';
    link->code = (struct slice){ .at = text.at + code_at, .size = strlen(code) };
    link->original = (struct slice){ .at = text.at + line_size, .size = original_size };
    link->location =
        (struct slice){ .at = text.at + line_size + original_size, .size = text.size - line_size - original_size };
    return DEFERRED_WAITS;
}

enum deferred_state deferred_text_parse(struct slice text, struct deferred_link *ret_link)
{
    const char *end = text.size > 0 ? memchr(text.at, '\n', text.size < 127 ? text.size : 127) : NULL;
    char line[128] = "";
    size_t line_size;

    *ret_link = (struct deferred_link){ 0 };
    if (end == NULL)
        return DEFERRED_SPOILT;
    line_size = (size_t)(end - text.at) + 1;
    memcpy(line, text.at, line_size - 1);
    if (strncmp(line, "wait ", 5) == 0)
        return parse_waiting(line, text, line_size, ret_link);
    for (enum deferred_state state = DEFERRED_MADE; state <= DEFERRED_REFUSED; state++) {
        size_t skip = strlen(words[state]) + 1;

        if (line_size < skip + 1 || strncmp(line, words[state], skip - 1) != 0 || line[skip - 1] != ' ')
            continue;
        ret_link->code = (struct slice){ .at = text.at + skip, .size = line_size - 1 - skip };
        return code_rules_is_code(ret_link->code) ? state : DEFERRED_SPOILT;
    }
    return DEFERRED_SPOILT;
}
