/* SPDX-License-Identifier: MIT */
/* line_editor -- reads lines from a person at a terminal, with editing, history and completion (libedit). */
#ifndef ACTORS_IO_LINE_EDITOR_H
#define ACTORS_IO_LINE_EDITOR_H

#include <stddef.h>

struct line_editor;

enum { LINE_EDITOR_HISTORY = 1000, LINE_EDITOR_CHOICES = 512 };

/* Writes what could stand at the end of `line` to `choices` (at most LINE_EDITOR_CHOICES, borrowed until the next call)
 * and returns how many there are; *ret_word is where the word to complete begins in `line`. */
typedef size_t line_editor_complete(void *context, const char *line, const char **choices, size_t *ret_word);

/* `program` names it in ~/.editrc; `history` is a file, NULL: none is kept. NULL when the terminal cannot be used. */
struct line_editor *line_editor_open(
    const char *program, const char *prompt, const char *history, line_editor_complete *complete, void *context);
/* The next line without its end, valid until the next call; NULL at the end of input. */
const char *line_editor_read(struct line_editor *editor);
void line_editor_close(struct line_editor **editor);

#endif
