/* SPDX-License-Identifier: MIT */
/* migrations -- see the header. */
#include "actors/ops/migrations.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_DIGITS = 4 };

bool migrations_parse_name(const char *file, struct migration *ret_migration)
{
    size_t size = strlen(file);
    struct migration migration = { 0 };

    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (file[i] < '0' || file[i] > '9')
            return false;
        migration.version = migration.version * 10 + (uint32_t)(file[i] - '0');
    }
    if (file[NUMBER_DIGITS] != '_' || size < NUMBER_DIGITS + 6 || strcmp(file + size - 4, ".sql") != 0)
        return false;
    if (!slice_copy((struct slice){ .at = file + NUMBER_DIGITS + 1, .size = size - NUMBER_DIGITS - 5 }, migration.name,
                    sizeof(migration.name)))
        return false;
    *ret_migration = migration;
    return true;
}

static bool read_text(const char *path, struct slice *ret_text)
{
    FILE *in = fopen(path, "re");
    char *text = malloc(MIGRATION_LIMIT_BYTES);
    size_t size = 0;

    assert(text != NULL);
    if (in != NULL) {
        size = fread(text, 1, MIGRATION_LIMIT_BYTES, in);
        (void)fclose(in);
    }
    if (size == 0 || size == MIGRATION_LIMIT_BYTES) {
        free(text);
        return false;
    }
    *ret_text = (struct slice){ .at = text, .size = size };
    return true;
}

static int is_migration(const struct dirent *entry)
{
    struct migration ignored;

    return migrations_parse_name(entry->d_name, &ignored);
}

/* Takes the names in their order, which is that of the numbers. */
static bool
read_files(const char *folder, struct dirent **names, int count, struct migrations *list, char *why, size_t room)
{
    char path[1024];

    for (int i = 0; i < count; i++) {
        struct migration *migration = &list->at[list->count];

        (void)migrations_parse_name(names[i]->d_name, migration);
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (i > 0 && migration->version != 0 && migration->version == migration[-1].version) {
            (void)snprintf(why, room, "%s has two migrations with the number %u; give the later one the next number.",
                           folder, migration->version);
            return false;
        }
        if (!read_text(path, &migration->sql)) {
            (void)snprintf(why, room, "The migration %s cannot be read, is empty, or has more than %d bytes.", path,
                           MIGRATION_LIMIT_BYTES - 1);
            return false;
        }
        sha256_text(migration->sql, migration->checksum);
        list->count++;
    }
    return true;
}

bool migrations_read(const char *folder, struct migrations *ret_migrations, char *why, size_t room)
{
    struct migrations list = { 0 };
    struct dirent **names = NULL;
    int count = scandir(folder, &names, is_migration, alphasort);
    bool read = false;

    if (count <= 0)
        (void)snprintf(why, room, "There are no migrations in %s%s%s.", folder, count < 0 ? ": " : "",
                       count < 0 ? strerrordesc_np(errno) : "");
    else if (count > MIGRATIONS_LIMIT)
        (void)snprintf(why, room, "%s has more than %d migrations.", folder, MIGRATIONS_LIMIT);
    else {
        list.at = calloc((size_t)count, sizeof(*list.at));
        assert(list.at != NULL);
        read = read_files(folder, names, count, &list, why, room);
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    if (read)
        *ret_migrations = list;
    else
        migrations_free(&list);
    return read;
}

void migrations_free(struct migrations *migrations)
{
    for (uint32_t i = 0; i < migrations->count; i++)
        free((char *)migrations->at[i].sql.at);
    free(migrations->at);
    *migrations = (struct migrations){ 0 };
}
