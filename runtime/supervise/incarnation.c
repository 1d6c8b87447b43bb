/* SPDX-License-Identifier: MIT */
#include "runtime/supervise/incarnation.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/cell/node.h"

enum { PATH_LIMIT = 128 };

static uint64_t read_last(const char *path)
{
    uint64_t last = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64, &last) != 1)
        last = 0;
    fclose(file);
    return last;
}

/* By way of a second file: one that was written half would make the number fall. */
static void write_last(const char *path, uint64_t number)
{
    char draft[PATH_LIMIT + 8];
    FILE *file;
    int size;

    snprintf(draft, sizeof draft, "%s.new", path);
    file = fopen(draft, "we");
    if (file == NULL)
        return;
    size = fprintf(file, "%" PRIu64 "\n", number);
    if (fclose(file) == 0 && size > 0)
        rename(draft, path);
}

uint64_t incarnation_next(const char *name)
{
    char path[PATH_LIMIT];
    uint64_t now_us = machine_clock.wall_us(NULL);
    uint64_t last;

    snprintf(path, sizeof path, "run/%s.incarnation", name);
    last = read_last(path);
    if (last >= now_us && last < UINT64_MAX)
        now_us = last + 1;
    write_last(path, now_us);
    return now_us;
}
