/* SPDX-License-Identifier: MIT */
/* keys_api -- see the header. */
#include "actors/command/keys_api.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/io/keyed_hash.h"
#include "actors/io/sha256.h"

#define FOLDER "secrets/api"

enum { NAME_LIMIT = 64, PATH_ROOM = sizeof(FOLDER) + NAME_LIMIT + 8 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool path_of(const char *name, char path[PATH_ROOM])
{
    size_t size = strlen(name);

    if (size == 0 || size > NAME_LIMIT || strspn(name, letters) != size)
        return false;
    (void)snprintf(path, PATH_ROOM, FOLDER "/%s", name);
    return true;
}

/* Complete or not at all: an edge may look at any moment. */
static bool write_hash(const char *path, const char *hash)
{
    static const char fresh[] = FOLDER "/.new";
    int file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written;

    if (file < 0)
        return false;
    is_written = dprintf(file, "%s\n", hash) > 0 && fsync(file) == 0;
    return (close(file) == 0) & is_written && rename(fresh, path) == 0;
}

bool keys_api_make(const char *name, bool replace, char key[KEYS_API_KEY_ROOM], char *why, size_t room)
{
    char path[PATH_ROOM], digits[41], hash[SHA256_TEXT_ROOM];

    if (!path_of(name, path)) {
        (void)snprintf(why, room, "a caller's name is 1 to %d letters, digits, '-' and '_'", NAME_LIMIT);
        return false;
    }
    if (!replace && access(path, F_OK) == 0) {
        (void)snprintf(why, room, "%s has a key; --replace makes a new one, and the old one is no key any more", name);
        return false;
    }
    keyed_hash_random_text(digits, sizeof(digits));
    (void)snprintf(key, KEYS_API_KEY_ROOM, "shunt_%s", digits);
    sha256_text((struct slice){ key, strlen(key) }, hash);
    if ((mkdir("secrets", 0700) != 0 && errno != EEXIST) || (mkdir(FOLDER, 0700) != 0 && errno != EEXIST) ||
        !write_hash(path, hash)) {
        (void)snprintf(why, room, "%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    return true;
}

bool keys_api_is_there(const char *name)
{
    char path[PATH_ROOM];

    return path_of(name, path) && access(path, F_OK) == 0;
}

bool keys_api_revoke(const char *name, char *why, size_t room)
{
    char path[PATH_ROOM];

    if (path_of(name, path) && unlink(path) == 0)
        return true;
    (void)snprintf(why, room, "%s has no API key", name);
    return false;
}

void keys_api_list(json_t *rows)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", entry->d_name, "role", "api",
                                                  "public_key", "", "secret", "its hash", "usable", 1));
    if (folder != NULL)
        closedir(folder);
}
