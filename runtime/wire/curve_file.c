/* SPDX-License-Identifier: MIT */
/* curve_file -- see curve_file.h. */
#include "runtime/wire/curve_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

enum { PATH_LIMIT = 128, FILE_LIMIT = 4096 };

static const char *const role_names[] = { [CURVE_NODE] = "node", [CURVE_READ] = "read", [CURVE_ACT] = "act" };

static bool say(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(char *why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, CURVE_SENTENCE_LIMIT, format, arguments);
    va_end(arguments);
    return false;
}

const char *curve_role_name(enum curve_role role)
{
    return role_names[role];
}

bool curve_role_parse(const char *text, enum curve_role *ret_role)
{
    for (int i = 0; i < CURVE_ROLES; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *ret_role = (enum curve_role)i;
            return true;
        }
    }
    return false;
}

bool curve_name_is_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t size = strlen(name);

    return size > 0 && size <= CURVE_NAME_LIMIT && strspn(name, letters) == size;
}

static void path_of(char path[PATH_LIMIT], const char *name, const char *ending)
{
    snprintf(path, PATH_LIMIT, CURVE_FOLDER "/%s%s", name, ending);
}

/* ------------------------------------------------------------------------------------------------ reading */

/* The text between the quotes behind `key = "`; false when there is none that fits. */
static bool find_value(const char *text, const char *key, char *ret_value, size_t room)
{
    char start[32];
    const char *at;
    const char *end;

    snprintf(start, sizeof start, "%s = \"", key);
    at = strstr(text, start);
    if (at == NULL)
        return false;
    at += strlen(start);
    end = strchr(at, '"');
    if (end == NULL || (size_t)(end - at) >= room)
        return false;
    memcpy(ret_value, at, (size_t)(end - at));
    ret_value[end - at] = '\0';
    return true;
}

static bool is_key(const char *text)
{
    uint8_t bytes[32];

    return strlen(text) == CURVE_TEXT_BYTES && zmq_z85_decode(bytes, text) != NULL;
}

/* "NAME.cert" or "NAME.cert_secret", with or without folders before it. */
static bool take_name(const char *path, char name[CURVE_NAME_LIMIT + 1])
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strchr(file, '.');
    size_t size = dot != NULL ? (size_t)(dot - file) : 0;

    if (size == 0 || size > CURVE_NAME_LIMIT || (strcmp(dot, ".cert") != 0 && strcmp(dot, ".cert_secret") != 0))
        return false;
    memcpy(name, file, size);
    name[size] = '\0';
    return curve_name_is_valid(name);
}

static bool read_text(const char *path, char text[FILE_LIMIT], struct stat *ret_status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 && fstat(fd, ret_status) == 0 ? read(fd, text, FILE_LIMIT - 1) : -1;

    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

bool curve_file_read(const char *path, struct curve_key *ret_key, char *why)
{
    char text[FILE_LIMIT];
    char role[16];
    struct stat status;
    struct curve_key key = { .name = "" };

    if (!take_name(path, key.name))
        return say(why, "%s: a key's file is called NAME.cert or NAME.cert_secret", path);
    if (!read_text(path, text, &status))
        return say(why, "%s cannot be read: %s", path, strerror(errno));
    if (!find_value(text, "role", role, sizeof role) || !curve_role_parse(role, &key.role) ||
        !find_value(text, "public-key", key.public_text, sizeof key.public_text) || !is_key(key.public_text))
        return say(why, "%s is no key: it has no role and public-key that fit", path);
    if (find_value(text, "secret-key", key.secret_text, sizeof key.secret_text)) {
        key.is_exposed = (status.st_mode & 077) != 0;
        if (key.is_exposed || !is_key(key.secret_text))
            key.secret_text[0] = '\0';
        if (key.is_exposed)
            say(why, "%s can be read by others and is not used; chmod 600 it, or better make a new key", path);
    }
    explicit_bzero(text, sizeof text);
    *ret_key = key;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct curve_key *)a)->name, ((const struct curve_key *)b)->name);
}

/* The public half says who it is; the secret one counts only when it belongs to that. */
static bool read_pair(const char *name, struct curve_key *ret_key)
{
    char path[PATH_LIMIT];
    char why[CURVE_SENTENCE_LIMIT];
    struct curve_key both;

    path_of(path, name, ".cert");
    if (!curve_file_read(path, ret_key, why))
        return false;
    ret_key->secret_text[0] = '\0';
    path_of(path, name, ".cert_secret");
    if (curve_file_read(path, &both, why) && strcmp(both.public_text, ret_key->public_text) == 0) {
        memcpy(ret_key->secret_text, both.secret_text, sizeof both.secret_text);
        ret_key->is_exposed = both.is_exposed;
    }
    explicit_bzero(&both, sizeof both);
    return true;
}

size_t curve_file_read_all(struct curve_key keys[CURVE_KEYS_LIMIT])
{
    DIR *folder = opendir(CURVE_FOLDER);
    size_t count = 0;

    for (struct dirent *entry; folder != NULL && count < CURVE_KEYS_LIMIT && (entry = readdir(folder)) != NULL;) {
        char name[CURVE_NAME_LIMIT + 1];
        size_t size = strlen(entry->d_name);

        if (size > 5 && strcmp(entry->d_name + size - 5, ".cert") == 0 && take_name(entry->d_name, name) &&
            read_pair(name, &keys[count]))
            count++;
    }
    if (folder != NULL)
        closedir(folder);
    qsort(keys, count, sizeof keys[0], by_name);
    return count;
}

/* ------------------------------------------------------------------------------------------------ writing */

static bool make_folder(char *why)
{
    if ((mkdir("secrets", 0700) == 0 || errno == EEXIST) && (mkdir(CURVE_FOLDER, 0700) == 0 || errno == EEXIST))
        return true;
    return say(why, CURVE_FOLDER " cannot be made: %s", strerror(errno));
}

/* Whole or not at all, and never readable by others, not even for a moment. `secret` may be NULL. */
static bool write_half(const char *path, const struct curve_key *key, const char *secret, char *why)
{
    char draft[PATH_LIMIT + 8];
    int fd;

    snprintf(draft, sizeof draft, "%s.new", path);
    unlink(draft);
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return say(why, "%s cannot be written: %s", draft, strerror(errno));

    bool good = dprintf(fd,
                        "#   CURVE key made by `shunt keys`.%s\nmetadata\n    name = \"%s\"\n    role = \"%s\"\n"
                        "curve\n    public-key = \"%s\"\n",
                        secret != NULL ? " SECRET: for its owner alone." : "", key->name, curve_role_name(key->role),
                        key->public_text) > 0;

    if (secret != NULL)
        good = good && dprintf(fd, "    secret-key = \"%s\"\n", secret) > 0;
    good = good && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    good = good && rename(draft, path) == 0;
    if (!good) {
        say(why, "%s cannot be written: %s", path, strerror(errno));
        unlink(draft);
    }
    return good;
}

bool curve_file_make(const char *name, enum curve_role role, bool replace, char *why)
{
    char certificate[PATH_LIMIT];
    char secret_path[PATH_LIMIT];
    char secret[CURVE_TEXT_BYTES + 1];
    struct curve_key key = { .role = role };

    if (!curve_name_is_valid(name))
        return say(why, "'%.60s' is no name for a key: letters, digits, '-' and '_', at most %d", name,
                   CURVE_NAME_LIMIT);
    if (!make_folder(why))
        return false;
    path_of(certificate, name, ".cert");
    path_of(secret_path, name, ".cert_secret");
    if (!replace && access(certificate, F_OK) == 0)
        return say(why, "there is a key %s already; --replace puts a new one in its place", name);
    snprintf(key.name, sizeof key.name, "%s", name);
    if (zmq_curve_keypair(key.public_text, secret) != 0)
        return say(why, "no key can be made: this libzmq was built without CURVE");

    /* The secret first: between the two writes no public half stands without the secret that belongs to it. */
    bool good = write_half(secret_path, &key, secret, why) && write_half(certificate, &key, NULL, why);

    explicit_bzero(secret, sizeof secret);
    return good;
}

bool curve_file_revoke(const char *name, char *why)
{
    char certificate[PATH_LIMIT];
    char secret[PATH_LIMIT];

    path_of(certificate, name, ".cert");
    path_of(secret, name, ".cert_secret");
    if (!curve_name_is_valid(name) || access(certificate, F_OK) != 0)
        return say(why, "there is no key '%.60s'; `shunt keys list` shows them", name);
    if (unlink(certificate) != 0)
        return say(why, "%s cannot be removed: %s", certificate, strerror(errno));
    if (unlink(secret) != 0 && errno != ENOENT)
        return say(why, "%s cannot be removed: %s", secret, strerror(errno));
    return true;
}
