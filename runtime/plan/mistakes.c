/* SPDX-License-Identifier: MIT */
/* mistakes -- see mistakes.h. */
#include "runtime/plan/mistakes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *arena_text(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_take(arena, size + 1);

    assert(copy != NULL);
    memcpy(copy, text, size);
    return copy; /* arena_take zeroes: it is terminated */
}

static const char *print_list(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(size >= 0);

    char *text = arena_take(arena, (size_t)size + 1);

    assert(text != NULL);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    return text;
}

const char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = print_list(arena, format, arguments);
    va_end(arguments);
    return text;
}

void mistake_at(struct mistakes *mistakes, int line, const char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = print_list(mistakes->arena, format, arguments);
    va_end(arguments);

    size_t kept = mistakes->count < MISTAKES_LIMIT ? mistakes->count : MISTAKES_LIMIT;

    for (size_t i = 0; line > 0 && i < kept; i++)
        if (mistakes->list[i].line == line && strcmp(mistakes->list[i].text, text) == 0)
            return;
    if (kept < MISTAKES_LIMIT)
        mistakes->list[kept] = (struct mistake){ .line = line, .path = path, .text = text };
    mistakes->count++;
}

const char *mistake_hint(struct mistakes *mistakes, const char *best)
{
    return best != NULL ? arena_print(mistakes->arena, "; did you mean %s?", best) : "";
}

static int by_line(const void *left, const void *right)
{
    const struct mistake *a = left;
    const struct mistake *b = right;

    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return strcmp(a->path, b->path);
}

void mistakes_print(struct mistakes *mistakes, FILE *to)
{
    size_t kept = mistakes->count < MISTAKES_LIMIT ? mistakes->count : MISTAKES_LIMIT;

    qsort(mistakes->list, kept, sizeof mistakes->list[0], by_line);
    for (size_t i = 0; i < kept; i++) {
        const struct mistake *mistake = &mistakes->list[i];

        if (mistake->line == LINE_OF_OVERRIDE)
            fprintf(to, "--set ");
        else if (mistake->line == LINE_NONE)
            fprintf(to, "%s: ", mistakes->file);
        else
            fprintf(to, "%s:%d: ", mistakes->file, mistake->line);
        fprintf(to, "%s%s%s\n", mistake->path, mistake->path[0] != '\0' ? ": " : "", mistake->text);
    }
    if (mistakes->count > kept)
        fprintf(to, "%s: and %zu more mistakes\n", mistakes->file, mistakes->count - kept);
}
