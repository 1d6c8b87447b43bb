/* SPDX-License-Identifier: MIT */
#include "runtime/watch/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cell/cell.h"

static const char *const level_names[] = { "debug", "info", "warn", "error" };

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_of(const char *name, enum log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(level_names[i], name) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Bytes of the UTF-8 sequence at `text`, which is terminated; 0 when it is none. The second byte's range keeps out
 * overlong forms and surrogates (the Unicode standard, table 3-7). */
static size_t sequence_size(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, size, second_first, second_last;
    } forms[] = {
        { 0x01, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
        { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
        { 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (forms[i].size > 1 && (text[1] < forms[i].second_first || text[1] > forms[i].second_last))
            return 0;
        for (size_t at = 2; at < forms[i].size; at++) {
            if ((text[at] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].size;
    }
    return 0;
}

static size_t append(char *out, const void *bytes, size_t size)
{
    memcpy(out, bytes, size);
    return size;
}

/* For JSON: quotes, backslashes, control bytes, and bytes that are no text (a sentence may quote what came from
 * outside, or have been cut in a character). Returns the length written. */
static size_t escape(const char *text, char *out, size_t room)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size = 0;

    while (*at != '\0' && size + 7 < room) {
        size_t sequence = sequence_size(at);

        if (*at == '"' || *at == '\\')
            size += (size_t)snprintf(out + size, room - size, "\\%c", *at);
        else if (*at < 0x20 || sequence == 0)
            size += (size_t)snprintf(out + size, room - size, "\\u%04x", sequence == 0 ? 0xfffd : *at);
        else
            size += append(out + size, at, sequence);
        at += sequence > 0 ? sequence : 1;
    }
    out[size] = '\0';
    return size;
}

static void format_time(uint64_t wall_us, char out[40])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    char date[24];

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, 40, "%s.%06" PRIu64 "Z", date, wall_us % 1000000);
}

static int format_json(const struct log_origin *origin, enum log_level level, const char *sentence, char *out)
{
    char time[40];
    char escaped[LOG_LINE_LIMIT / 2];
    char trace[48] = "";

    format_time(origin->wall_us, time);
    escape(sentence, escaped, sizeof escaped);
    if (origin->trace != NULL && (origin->trace[0] | origin->trace[1]) != 0)
        snprintf(trace, sizeof trace, ",\"trace\":\"%016" PRIx64 "%016" PRIx64 "\"", origin->trace[0],
                 origin->trace[1]);
    return snprintf(out, LOG_LINE_LIMIT,
                    "{\"time\":\"%s\",\"level\":\"%s\",\"node\":\"%s\",\"actor\":\"%s\"%s,\"event\":\"%s\"}\n", time,
                    log_level_name(level), origin->node, origin->actor != NULL ? origin->actor : "", trace, escaped);
}

static int format_for_people(const struct log_origin *origin, enum log_level level, const char *sentence, char *out)
{
    static const char *const colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };
    char time[40];
    bool plain = getenv("NO_COLOR") != NULL;

    format_time(origin->wall_us, time);
    return snprintf(out, LOG_LINE_LIMIT, "%s%.12s %-5s %s%s%s %s%s\n", plain ? "" : colours[level], time + 11,
                    log_level_name(level), origin->node, origin->actor != NULL ? "/" : "",
                    origin->actor != NULL ? origin->actor : "", sentence, plain ? "" : "\033[0m");
}

/* What did not fit is cut, but the line still ends. */
static size_t whole_line(char line[LOG_LINE_LIMIT], int size)
{
    if (size < LOG_LINE_LIMIT)
        return (size_t)size;
    line[LOG_LINE_LIMIT - 2] = '\n';
    return LOG_LINE_LIMIT - 1;
}

size_t log_format(const struct log_origin *origin, enum log_level level, const char *sentence, char out[LOG_LINE_LIMIT])
{
    return whole_line(out, format_json(origin, level, sentence, out));
}

void log_line(const struct log_origin *origin, enum log_level level, const char *sentence)
{
    char line[LOG_LINE_LIMIT];
    int size = isatty(STDERR_FILENO) ? format_for_people(origin, level, sentence, line)
                                     : format_json(origin, level, sentence, line);
    ssize_t written;

    written = write(STDERR_FILENO, line, whole_line(line, size));
    (void)written; /* a log that cannot be written has nobody left to tell */
}

/* Whether this site may speak now; *ret_held counts what it kept to itself in the second before. */
static bool may_speak(struct log_site *site, uint64_t now_us, uint32_t *ret_held)
{
    uint64_t start_us = atomic_load_explicit(&site->window_start_us, memory_order_relaxed);

    *ret_held = 0;
    if (start_us == 0 || now_us >= start_us + 1000000) { /* another thread's clock may be ahead of this one's */
        uint32_t said = atomic_exchange_explicit(&site->in_window, 1, memory_order_relaxed);

        atomic_store_explicit(&site->window_start_us, now_us, memory_order_relaxed);
        *ret_held = said > LOG_LINES_PER_SECOND ? said - LOG_LINES_PER_SECOND : 0;
        return true;
    }
    return atomic_fetch_add_explicit(&site->in_window, 1, memory_order_relaxed) < LOG_LINES_PER_SECOND;
}

void actor_log_at(struct actor *me, enum log_level level, struct log_site *site, const char *format, ...)
{
    struct node *node = me->reactor->node;
    struct log_origin origin = {
        .node = node->name, .actor = me->name, .trace = me->trace.id, .wall_us = me->reactor->wall_us
    };
    char sentence[LOG_LINE_LIMIT / 2];
    uint32_t held;
    va_list arguments;

    if ((int)level < atomic_load_explicit(&node->log_level, memory_order_relaxed) ||
        !may_speak(site, me->reactor->now_us, &held))
        return;
    va_start(arguments, format);
    int size = vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (held > 0 && size > 0 && (size_t)size < sizeof sentence)
        snprintf(sentence + size, sizeof sentence - (size_t)size, " (%" PRIu32 " more like this were held back)", held);
    log_line(&origin, level, sentence);
}
