/* SPDX-License-Identifier: MIT */
/* code_key -- see the header. */
#include "actors/links/code_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRESH_DIGITS = 32 };

/* O_EXCL: of two that find no file, one makes it and the other fails and finds it at its next start. */
static bool make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool made = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
    int reason = errno;

    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !made)
        (void)unlink(path); /* half a key must not be taken for one */
    errno = reason;
    return made;
}

static bool read_file(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0 && errno == ENOENT) {
        keyed_hash_random_text(text, FRESH_DIGITS + 1);
        return make_file(path, text);
    }
    if (fd < 0)
        return false;
    size = read(fd, text, room - 1);
    (void)close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size >= 0;
}

bool code_key_read(const char *setting, struct keyed_hash_key *ret_key, char *why, size_t room)
{
    char text[CODE_KEY_LIMIT + 1] = "";

    if (setting[0] == '@' && !read_file(setting + 1, text, sizeof(text))) {
        (void)snprintf(why, room, "The key of the codes can neither be read from %s nor made there: %s.", setting + 1,
                       strerrordesc_np(errno));
        return false;
    }
    if (setting[0] != '@')
        (void)slice_copy(slice_of(setting), text, sizeof(text));
    text[strcspn(text, "\r\n")] = '\0';
    if (strlen(text) < CODE_KEY_MINIMUM) {
        (void)snprintf(why, room, "The key of the codes has %zu characters; give keygen.code_key at least %d.",
                       strlen(text), CODE_KEY_MINIMUM);
        return false;
    }
    *ret_key = keyed_hash_key_of(slice_of(text));
    return true;
}
