/* SPDX-License-Identifier: MIT */
/*
 * log_file -- what one process writes, in a file of bounded size: a full one becomes NAME.1 and a new one is begun, so
 * that at most twice the size is kept. The last lines are also kept in memory, to say why a process ended.
 */
#ifndef RUNTIME_SUPERVISE_LOG_FILE_H
#define RUNTIME_SUPERVISE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_TAIL_LIMIT = 16 * 1024 };

struct log_file {
    char path[256];
    int fd; /* -1: not open */
    uint64_t size;
    uint64_t limit;
    uint64_t lost;                 /* bytes that could not be written: a full disk must not stop anybody */
    char tail[LOG_TAIL_LIMIT + 1]; /* terminated */
    size_t tail_size;
};

/* Opens for appending; makes the file, mode 0600. False with errno set. */
bool log_file_open(struct log_file *log, const char *path, uint64_t limit);
void log_file_write(struct log_file *log, const char *bytes, size_t size);
/* The last line that says something, cut to `room` - 1 bytes. */
void log_file_last_line(const struct log_file *log, char *line, size_t room);
void log_file_forget_tail(struct log_file *log);
void log_file_close(struct log_file *log);

#endif
