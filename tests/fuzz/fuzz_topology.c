/* SPDX-License-Identifier: MIT */
/*
 * Topologies out of any bytes: reading ends, memory is sound, and what was read without a mistake is written so that it
 * is read the same again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/zpl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_same(const struct zpl_node *a, const struct zpl_node *b)
{
    const struct zpl_node *left = a->children;
    const struct zpl_node *right = b->children;

    if (strcmp(a->name, b->name) != 0 || (a->value == NULL) != (b->value == NULL) ||
        (a->value != NULL && strcmp(a->value, b->value) != 0))
        return false;
    for (; left != NULL && right != NULL; left = left->next, right = right->next)
        if (!is_same(left, right))
            return false;
    return left == NULL && right == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena = { .limit = 64 * 1024 * 1024 };
    struct mistakes *mistakes = calloc(1, sizeof *mistakes);
    char *written = NULL;
    size_t written_size = 0;
    FILE *to = open_memstream(&written, &written_size);

    if (size > 64 * 1024 || memchr(bytes, '\0', size) != NULL)
        size = 0; /* topology_load refuses both before it reads */
    assert(mistakes != NULL && to != NULL);
    *mistakes = (struct mistakes){ .file = "fuzz", .arena = &arena };

    struct zpl_node *root = zpl_read((const char *)bytes, size, mistakes);
    bool good = mistakes->count == 0;

    zpl_write(root, to);
    mistakes_print(mistakes, to);
    fclose(to);
    if (good) {
        struct zpl_node *again = zpl_read(written, written_size, mistakes);

        assert(mistakes->count == 0 && is_same(root, again));
    }
    free(written);
    free(mistakes);
    arena_free(&arena);
    return 0;
}
