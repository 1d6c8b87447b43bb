/* SPDX-License-Identifier: MIT */
/* api_keys -- see the header. */
#include "actors/edge/api_keys.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/io/sha256.h"

enum {
    PATH_ROOM = 512,
    SETTLED_S = 2 /* file systems tell the time of a change only coarsely */,
    DIGITS = SHA256_TEXT_ROOM - 1
};

struct api_keys {
    char (*hashes)[SHA256_TEXT_ROOM]; /* sorted */
    size_t count;
    struct timespec changed; /* the folder, when it was read */
    bool is_settled;         /* it was not in the midst of being changed then */
};

struct api_keys *api_keys_new(void)
{
    struct api_keys *keys = calloc(1, sizeof(*keys));

    assert(keys != NULL);
    return keys;
}

void api_keys_destroy(struct api_keys **keys)
{
    if (*keys == NULL)
        return;
    free((*keys)->hashes);
    free(*keys);
    *keys = NULL;
}

static int by_text(const void *one, const void *other)
{
    return memcmp(one, other, DIGITS);
}

/* False when the file holds no hash. */
static bool read_hash(const char *folder, const char *name, char hash[SHA256_TEXT_ROOM])
{
    char path[PATH_ROOM];
    int size = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = size > 0 && size < PATH_ROOM ? fopen(path, "re") : NULL;
    bool is_hash;

    if (file == NULL)
        return false;
    is_hash = fgets(hash, SHA256_TEXT_ROOM, file) != NULL && strspn(hash, "0123456789abcdef") == DIGITS;
    fclose(file);
    return is_hash;
}

static bool read_all(struct api_keys *keys, const char *folder, DIR *entries)
{
    struct dirent *entry;
    bool is_all = true;

    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        is_all = keys->count < API_KEYS_LIMIT;
        if (!is_all)
            break;
        keys->hashes = realloc(keys->hashes, (keys->count + 1) * sizeof(keys->hashes[0]));
        assert(keys->hashes != NULL);
        keys->count += read_hash(folder, entry->d_name, keys->hashes[keys->count]);
    }
    if (keys->count > 0)
        qsort(keys->hashes, keys->count, sizeof(keys->hashes[0]), by_text);
    return is_all;
}

bool api_keys_look(struct api_keys *keys, const char *folder)
{
    struct stat status = { 0 };
    bool is_all = true;
    DIR *entries;

    if (stat(folder, &status) != 0)
        status.st_mtim = (struct timespec){ 0 };
    if (keys->is_settled && status.st_mtim.tv_sec == keys->changed.tv_sec &&
        status.st_mtim.tv_nsec == keys->changed.tv_nsec)
        return true;
    keys->changed = status.st_mtim;
    keys->is_settled = time(NULL) - status.st_mtim.tv_sec >= SETTLED_S;
    keys->count = 0;
    entries = opendir(folder);
    if (entries != NULL) {
        is_all = read_all(keys, folder, entries);
        closedir(entries);
    }
    return is_all;
}

bool api_keys_find(const struct api_keys *keys, struct slice authorization, uint64_t *ret_caller)
{
    static const char scheme[] = "Bearer ";
    const size_t skip = sizeof(scheme) - 1;
    char hash[SHA256_TEXT_ROOM];
    char first[17];

    if (keys->count == 0 || authorization.size <= skip || authorization.size - skip > API_KEY_LIMIT_BYTES ||
        strncasecmp(authorization.at, scheme, skip) != 0)
        return false;
    sha256_text((struct slice){ authorization.at + skip, authorization.size - skip }, hash);
    /* Comparing hashes of what was sent tells nobody, by its time, anything about a key. */
    if (bsearch(hash, keys->hashes, keys->count, sizeof(keys->hashes[0]), by_text) == NULL)
        return false;
    memcpy(first, hash, 16);
    first[16] = '\0';
    *ret_caller = strtoull(first, NULL, 16);
    return true;
}
