/* SPDX-License-Identifier: MIT */
/*
 * log_reader -- the log files of a platform as one stream of lines, merged by time.
 *
 * Each process has a file log/NAME.log, and NAME.log.1 once that was full. Shunt's own lines are JSON and say their
 * time; a store's are its own, and have the time that they begin with or that of the line before. The first reading
 * takes the end of each file, at most LOG_READER_TAIL bytes; later ones what has been added since, also across a full
 * file's change of name.
 */
#ifndef ACTORS_COMMAND_LOG_READER_H
#define ACTORS_COMMAND_LOG_READER_H

#include <jansson.h>

#include "runtime/actor.h"

enum { LOG_READER_TAIL = 256 * 1024, LOG_READER_FILES = 256, LOG_READER_LINE = 4096, LOG_READER_ENTRIES = 100000 };

struct log_entry {
    char time[32];      /* "2026-01-02T03:04:05.000006Z" */
    const char *source; /* the process */
    enum log_level level;
    json_t *record; /* of a line in JSON; NULL: a plain one */
    char *text;     /* the line without its end */
    size_t place;   /* in the order of reading: decides between equal times */
};

struct log_reader;

/* Reads log/ in the working directory: all files, or those of these processes. */
struct log_reader *log_reader_open(char *const *names, size_t count);
void log_reader_close(struct log_reader **reader);
/* What is new, by time; *ret_entries is the reader's until the next call. */
size_t log_reader_next(struct log_reader *reader, struct log_entry **ret_entries);
/* Whether the folder has a file of this process. */
bool log_reader_has(const char *name);
/* Takes one line apart, as every line of a file is; public for tests. The entry's record and text are the caller's. */
void log_reader_parse(const char *line, const char *source, const char *time_before, struct log_entry *ret_entry);

#endif
