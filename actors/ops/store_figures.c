/* SPDX-License-Identifier: MIT */
/* store_figures -- see store_figures.h. */
#include "actors/ops/store_figures.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
#define FIGURE_WORD(id, word, metric, type, help) word,
    STORE_FIGURES(FIGURE_WORD)
#undef FIGURE_WORD
};

enum store_figure store_figure_of(struct slice word)
{
    enum store_figure figure = 0;

    while (figure < STORE_FIGURE_COUNT && (words[figure][0] == '\0' || !slice_is(word, words[figure])))
        figure++;
    return figure;
}

static bool take_line(struct store_figures *figures, const char *store, struct slice line, char separator)
{
    const char *at = memchr(line.at, separator, line.size);
    enum store_figure figure;
    char number[32];
    char *end;
    double value;

    if (at == NULL)
        return false;
    figure = store_figure_of((struct slice){ .at = line.at, .size = (size_t)(at - line.at) });
    if (figure == STORE_FIGURE_COUNT ||
        !slice_copy((struct slice){ .at = at + 1, .size = line.size - (size_t)(at - line.at) - 1 }, number,
                    sizeof number))
        return false;
    value = strtod(number, &end);
    if (end == number || (*end != '\0' && *end != '\r'))
        return false;
    series_set(&figures->at[figure], value, "store=\"%s\"", store);
    return true;
}

uint32_t store_figures_take(struct store_figures *figures, const char *store, struct slice text, char separator)
{
    uint32_t taken = 0;

    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        struct slice line = { .at = text.at, .size = end != NULL ? (size_t)(end - text.at) : text.size };

        taken += take_line(figures, store, line, separator);
        line.size += end != NULL;
        text.at += line.size;
        text.size -= line.size;
    }
    return taken;
}
