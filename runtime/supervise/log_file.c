/* SPDX-License-Identifier: MIT */
/* log_file -- see log_file.h. */
#include "runtime/supervise/log_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_file(struct log_file *log)
{
    struct stat status;

    log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log->fd < 0)
        return false;
    log->size = fstat(log->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
    return true;
}

bool log_file_open(struct log_file *log, const char *path, uint64_t limit)
{
    memset(log, 0, sizeof *log);
    log->limit = limit;
    snprintf(log->path, sizeof log->path, "%s", path);
    return open_file(log);
}

static void begin_new_file(struct log_file *log)
{
    char old[sizeof log->path + 2];

    snprintf(old, sizeof old, "%s.1", log->path);
    close(log->fd);
    rename(log->path, old);
    open_file(log);
}

static void keep_tail(struct log_file *log, const char *bytes, size_t size)
{
    if (size > LOG_TAIL_LIMIT) {
        bytes += size - LOG_TAIL_LIMIT;
        size = LOG_TAIL_LIMIT;
    }

    size_t kept = log->tail_size + size > LOG_TAIL_LIMIT ? LOG_TAIL_LIMIT - size : log->tail_size;

    memmove(log->tail, log->tail + log->tail_size - kept, kept);
    memcpy(log->tail + kept, bytes, size);
    log->tail_size = kept + size;
    log->tail[log->tail_size] = '\0';
}

void log_file_write(struct log_file *log, const char *bytes, size_t size)
{
    keep_tail(log, bytes, size);
    if (log->fd >= 0 && log->size >= log->limit)
        begin_new_file(log);

    ssize_t written = log->fd >= 0 ? write(log->fd, bytes, size) : -1;

    if (written > 0)
        log->size += (uint64_t)written;
    log->lost += size - (size_t)(written > 0 ? written : 0);
}

void log_file_last_line(const struct log_file *log, char *line, size_t room)
{
    const char *end = log->tail + log->tail_size;
    const char *start;

    while (end > log->tail && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
        end--;
    start = end;
    while (start > log->tail && start[-1] != '\n')
        start--;
    snprintf(line, room, "%.*s", (int)(end - start), start);
}

void log_file_forget_tail(struct log_file *log)
{
    log->tail_size = 0;
    log->tail[0] = '\0';
}

void log_file_close(struct log_file *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}
