/* SPDX-License-Identifier: MIT */
/* line_editor -- see line_editor.h. */
#include "actors/io/line_editor.h"

#include <assert.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line_editor {
    EditLine *edit;
    History *history;
    HistEvent event;
    const char *prompt;
    const char *history_file;
    line_editor_complete *complete;
    void *context;
    char line[4096]; /* the last one read */
};

static char *prompt_of(EditLine *edit)
{
    struct line_editor *editor = NULL;
    static char none[] = "";

    el_get(edit, EL_CLIENTDATA, &editor);
    return editor != NULL ? (char *)editor->prompt : none;
}

/* How much all choices have in common. */
static size_t common_size(const char *const *choices, size_t count)
{
    size_t size = strlen(choices[0]);

    for (size_t i = 1; i < count; i++) {
        size_t same = 0;

        while (same < size && choices[0][same] == choices[i][same])
            same++;
        size = same;
    }
    return size;
}

static void list_choices(const char *const *choices, size_t count)
{
    putchar('\n');
    for (size_t i = 0; i < count; i++)
        printf("%s%s", choices[i], i + 1 < count ? "  " : "\n");
    fflush(stdout);
}

static unsigned char complete(EditLine *edit, int key)
{
    struct line_editor *editor = NULL;
    const LineInfo *info = el_line(edit);
    const char *choices[LINE_EDITOR_CHOICES];
    char line[1024];
    char more[1024];
    size_t word = 0;

    (void)key;
    el_get(edit, EL_CLIENTDATA, &editor);
    snprintf(line, sizeof line, "%.*s", (int)(info->cursor - info->buffer), info->buffer);

    size_t count = editor->complete(editor->context, line, choices, &word);

    if (count == 0)
        return CC_REFRESH_BEEP;

    size_t typed = strlen(line) - word;
    size_t common = common_size(choices, count);

    snprintf(more, sizeof more, "%.*s%s", common > typed ? (int)(common - typed) : 0,
             choices[0] + (common > typed ? typed : 0), count == 1 ? " " : "");
    if (more[0] != '\0')
        return el_insertstr(edit, more) == 0 ? CC_REFRESH : CC_ERROR;
    list_choices(choices, count);
    return CC_REDISPLAY;
}

struct line_editor *line_editor_open(const char *program,
                                     const char *prompt,
                                     const char *history_file,
                                     line_editor_complete *complete_with,
                                     void *context)
{
    struct line_editor *editor = calloc(1, sizeof *editor);

    assert(editor != NULL);
    editor->prompt = prompt;
    editor->history_file = history_file;
    editor->complete = complete_with;
    editor->context = context;
    editor->edit = el_init(program, stdin, stdout, stderr);
    editor->history = history_init();
    if (editor->edit == NULL || editor->history == NULL) {
        line_editor_close(&editor);
        return NULL;
    }
    history(editor->history, &editor->event, H_SETSIZE, LINE_EDITOR_HISTORY);
    history(editor->history, &editor->event, H_SETUNIQUE, 1);
    if (editor->history_file != NULL)
        history(editor->history, &editor->event, H_LOAD, editor->history_file);
    el_set(editor->edit, EL_CLIENTDATA, editor);
    el_set(editor->edit, EL_PROMPT, prompt_of);
    el_set(editor->edit, EL_EDITOR, "emacs");
    el_set(editor->edit, EL_SIGNAL, 1);
    el_set(editor->edit, EL_HIST, history, editor->history);
    el_set(editor->edit, EL_ADDFN, "shunt-complete", "complete the word", complete);
    el_set(editor->edit, EL_BIND, "^I", "shunt-complete", NULL);
    el_source(editor->edit, NULL);
    return editor;
}

const char *line_editor_read(struct line_editor *editor)
{
    int size = 0;
    const char *line = el_gets(editor->edit, &size);

    if (line == NULL || size <= 0)
        return NULL;
    snprintf(editor->line, sizeof editor->line, "%s", line);
    editor->line[strcspn(editor->line, "\r\n")] = '\0';
    if (editor->line[0] != '\0') {
        history(editor->history, &editor->event, H_ENTER, editor->line);
        if (editor->history_file != NULL)
            history(editor->history, &editor->event, H_SAVE, editor->history_file);
    }
    return editor->line;
}

void line_editor_close(struct line_editor **closed)
{
    struct line_editor *editor = *closed;

    if (editor == NULL)
        return;
    if (editor->history != NULL)
        history_end(editor->history);
    if (editor->edit != NULL)
        el_end(editor->edit);
    free(editor);
    *closed = NULL;
}
