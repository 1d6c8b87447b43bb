/* SPDX-License-Identifier: MIT */
/* nearest -- see nearest.h. */
#include "runtime/nearest.h"

#include <ctype.h>
#include <string.h>

static char plain(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b, unsigned limit)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    unsigned rows[3][NEAREST_WORD_LIMIT + 1]; /* of the table: this one, the one before, the one before that */

    if (a_size > NEAREST_WORD_LIMIT || b_size > NEAREST_WORD_LIMIT)
        return limit + 1;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *before = rows[(i + 2) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned replaced = before[j - 1] + (plain(a[i - 1]) != plain(b[j - 1]));

            now[j] = least(replaced, 1 + least(before[j], now[j - 1]));
            if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) && plain(a[i - 2]) == plain(b[j - 1]))
                now[j] = least(now[j], rows[(i + 1) % 3][j - 2] + 1);
        }
    }
    return least(rows[a_size % 3][b_size], limit + 1);
}

void nearest_offer(struct nearest *nearest, const char *word, const char *known)
{
    size_t longer = strlen(word) > strlen(known) ? strlen(word) : strlen(known);
    unsigned limit = longer < 6 ? 1 : longer > 12 ? 4 : (unsigned)(longer / 3);
    unsigned distance = nearest_distance(word, known, limit);

    if (distance > limit || (nearest->best != NULL && distance >= nearest->distance))
        return;
    nearest->best = known;
    nearest->distance = distance;
}

const char *nearest_of(const char *word, const char *const *known, size_t count)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, word, known[i]);
    return nearest.best;
}
