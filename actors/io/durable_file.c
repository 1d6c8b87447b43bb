/* SPDX-License-Identifier: MIT */
/* durable_file -- see the header. The thread touches nothing but the fields below `lock`, and those only under it. */
#include "actors/io/durable_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/io/keyed_hash.h"
#include "runtime/actor.h"

enum { PATH_BYTES = 512, ERROR_BYTES = 160, HEAD_BYTES = 30, STACK_BYTES = 256 * 1024 };

/* "shunt-file 1 CHECKSUM\n", then the text. */
#define HEAD_FORMAT "shunt-file 1 %016" PRIx64 "\n"

struct durable_file {
    struct actor *me;
    durable_file_handler *on_written;
    void *context;
    char folder[PATH_BYTES];
    char path[PATH_BYTES];
    char path_new[PATH_BYTES];
    char *found;       /* the text at the opening; NULL when there was none */
    size_t found_size; /* bytes */
    uint64_t issued;   /* the last write's number */
    uint64_t reported; /* up to here on_written was called */
    struct waker *waker;
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    char *next;              /* the text to write; NULL: nothing to do */
    size_t next_size;        /* bytes */
    uint64_t next_number;    /* of that write */
    uint64_t settled;        /* the last write that ended */
    char error[ERROR_BYTES]; /* of that write; empty: it is durable */
};

static uint64_t checksum(const char *text, size_t size)
{
    static const struct keyed_hash_key no_secret;

    return keyed_hash(&no_secret, text, size);
}

/* ------------------------------------------------------------------------------------------------ reading */

static void read_what_is_there(struct durable_file *file)
{
    char head[HEAD_BYTES + 1];
    FILE *in = fopen(file->path, "re");
    char *text = malloc(DURABLE_FILE_LIMIT_BYTES + HEAD_BYTES);
    size_t size = 0;

    assert(text != NULL);
    if (in != NULL) {
        size = fread(text, 1, DURABLE_FILE_LIMIT_BYTES + HEAD_BYTES, in);
        (void)fclose(in);
    }
    if (size >= HEAD_BYTES) {
        (void)snprintf(head, sizeof(head), HEAD_FORMAT, checksum(text + HEAD_BYTES, size - HEAD_BYTES));
        if (memcmp(head, text, HEAD_BYTES) == 0) {
            file->found = malloc(size - HEAD_BYTES + 1);
            assert(file->found != NULL);
            file->found_size = size - HEAD_BYTES;
            memcpy(file->found, text + HEAD_BYTES, file->found_size);
        }
    }
    if (in != NULL && file->found == NULL)
        actor_log(file->me, LOG_ERROR, "the file %s is damaged and will not be used: what it said is unknown",
                  file->path);
    free(text);
}

/* ------------------------------------------------------------------------------------------------ the thread */

static bool write_all(int fd, const char *at, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd);
    return synced;
}

/* Runs without the lock. Leaves the reason in errno. */
static bool make_durable(const struct durable_file *file, const char *text, size_t size)
{
    char head[HEAD_BYTES + 1];
    int fd = open(file->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return false;
    (void)snprintf(head, sizeof(head), HEAD_FORMAT, checksum(text, size));
    written = write_all(fd, head, HEAD_BYTES) && write_all(fd, text, size) && fsync(fd) == 0;
    if (close(fd) != 0 || !written)
        return false;
    return rename(file->path_new, file->path) == 0 && sync_folder(file->folder);
}

static void *write_for_ever(void *argument)
{
    struct durable_file *file = argument;

    pthread_mutex_lock(&file->lock);
    for (;;) {
        char *text = file->next;
        size_t size = file->next_size;
        uint64_t number = file->next_number;
        int reason = 0;

        if (text == NULL && file->stopping)
            break;
        if (text == NULL) {
            pthread_cond_wait(&file->changed, &file->lock);
            continue;
        }
        file->next = NULL;
        pthread_mutex_unlock(&file->lock);
        if (!make_durable(file, text, size))
            reason = errno;
        free(text);
        pthread_mutex_lock(&file->lock);
        file->settled = number;
        file->error[0] = '\0';
        if (reason != 0)
            (void)snprintf(file->error, sizeof(file->error), "%s", strerrordesc_np(reason));
        actor_wake(file->waker);
    }
    pthread_mutex_unlock(&file->lock);
    return NULL;
}

static void written(struct actor *me, void *context)
{
    struct durable_file *file = context;
    char sentence[PATH_BYTES + ERROR_BYTES + 32];
    char error[ERROR_BYTES];
    uint64_t settled;

    pthread_mutex_lock(&file->lock);
    settled = file->settled;
    memcpy(error, file->error, sizeof(error));
    pthread_mutex_unlock(&file->lock);
    if (settled == file->reported)
        return;
    file->reported = settled;
    (void)snprintf(sentence, sizeof(sentence), "%s cannot be written: %s", file->path, error);
    file->on_written(me, file->context, settled, error[0] != '\0' ? sentence : NULL);
}

/* ------------------------------------------------------------------------------------------------ life */

/* Signals are the supervisor's: the thread takes none. */
static bool start_thread(struct durable_file *file)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int failed;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&file->thread, &attributes, write_for_ever, file);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    file->has_thread = failed == 0;
    return file->has_thread;
}

struct durable_file *durable_file_open(struct actor *me,
                                       const char *folder,
                                       const char *name,
                                       durable_file_handler *on_written,
                                       void *context,
                                       char *why,
                                       size_t room)
{
    struct durable_file *file = calloc(1, sizeof(*file));
    int size;

    assert(file != NULL);
    file->me = me;
    file->on_written = on_written;
    file->context = context;
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->changed, NULL);
    size = snprintf(file->path_new, sizeof(file->path_new), "%s/%s.new", folder, name);
    (void)slice_copy(slice_of(folder), file->folder, sizeof(file->folder));
    (void)snprintf(file->path, sizeof(file->path), "%s/%s", folder, name);
    file->waker = actor_waker(me, written, file);
    if (size < 0 || (size_t)size >= sizeof(file->path_new) || file->waker == NULL || !start_thread(file)) {
        (void)snprintf(why, room, "The file %s/%s cannot be kept: no thread can be started for it.", folder, name);
        durable_file_close(&file);
        return NULL;
    }
    read_what_is_there(file);
    return file;
}

void durable_file_close(struct durable_file **file_at)
{
    struct durable_file *file = *file_at;

    if (file == NULL)
        return;
    *file_at = NULL;
    if (file->has_thread) {
        pthread_mutex_lock(&file->lock);
        file->stopping = true;
        pthread_cond_signal(&file->changed);
        pthread_mutex_unlock(&file->lock);
        pthread_join(file->thread, NULL);
    }
    if (file->waker != NULL)
        actor_waker_close(file->me, &file->waker);
    pthread_cond_destroy(&file->changed);
    pthread_mutex_destroy(&file->lock);
    free(file->next);
    free(file->found);
    free(file);
}

bool durable_file_was_there(const struct durable_file *file, struct slice *ret_text)
{
    if (file->found == NULL)
        return false;
    *ret_text = (struct slice){ .at = file->found, .size = file->found_size };
    return true;
}

uint64_t durable_file_write(struct durable_file *file, struct slice text)
{
    char *copy = malloc(text.size + 1);

    assert(text.size <= DURABLE_FILE_LIMIT_BYTES && copy != NULL);
    if (text.size > 0)
        memcpy(copy, text.at, text.size);
    pthread_mutex_lock(&file->lock);
    free(file->next);
    file->next = copy;
    file->next_size = text.size;
    file->next_number = ++file->issued;
    pthread_cond_signal(&file->changed);
    pthread_mutex_unlock(&file->lock);
    return file->issued;
}
