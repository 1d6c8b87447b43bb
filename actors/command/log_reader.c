/* SPDX-License-Identifier: MIT */
/* log_reader -- see log_reader.h. */
#include "actors/command/log_reader.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/watch/log.h"

struct source {
    char name[64];
    int fd;
    ino_t inode;
    char time[32]; /* of its last line */
    char line[LOG_READER_LINE];
    size_t size;   /* of the line so far */
    bool is_begun; /* the first, cut line of a tail is left out */
};

struct log_reader {
    char *const *names;
    size_t name_count;
    struct source *sources[LOG_READER_FILES];
    size_t source_count;
    struct log_entry *entries;
    size_t count;
    bool has_read;
};

/* ------------------------------------------------------------------------------------------------ one line */

static void time_of(time_t seconds, char time[32])
{
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(time, 32, "%Y-%m-%dT%H:%M:%S.000000Z", &utc);
}

/* "2026-01-02 03:04:05.006" or with a T, as stores begin their lines, some behind "ts="; in UTC. */
static bool plain_time(const char *line, char time[32])
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    const char *at = strncmp(line, "ts=", 3) == 0 ? line + 3 : line;
    unsigned millis = 0;

    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool fits = form[i] == 'd'   ? isdigit((unsigned char)at[i]) != 0
                    : form[i] == ' ' ? at[i] == ' ' || at[i] == 'T'
                                     : at[i] == form[i];

        if (!fits)
            return false;
    }
    sscanf(at + sizeof form - 1, ".%3u", &millis);
    snprintf(time, 32, "%.10sT%.8s.%03u000Z", at, at + 11, millis % 1000);
    return true;
}

static enum log_level plain_level(const char *line)
{
    static const char *const errors[] = { "ERROR", "FATAL", "PANIC", "level=error", "Exception" };

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (strstr(line, errors[i]) != NULL)
            return LOG_ERROR;
    return strstr(line, "WARN") != NULL || strstr(line, "level=warn") != NULL ? LOG_WARN : LOG_INFO;
}

void log_reader_parse(const char *line, const char *source, const char *time_before, struct log_entry *entry)
{
    const char *time;
    const char *level;

    *entry = (struct log_entry){ .source = source, .level = LOG_INFO, .text = strdup(line) };
    assert(entry->text != NULL);
    entry->record = line[0] == '{' ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    time = json_string_value(json_object_get(entry->record, "time"));
    level = json_string_value(json_object_get(entry->record, "level"));
    if (time != NULL && level != NULL && log_level_of(level, &entry->level)) {
        snprintf(entry->time, sizeof entry->time, "%s", time);
        return;
    }
    json_decref(entry->record);
    entry->record = NULL;
    entry->level = plain_level(line);
    if (!plain_time(line, entry->time))
        snprintf(entry->time, sizeof entry->time, "%s", time_before);
}

/* ------------------------------------------------------------------------------------------------ files */

static bool is_wanted(const struct log_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->name_count; i++)
        if (strcmp(reader->names[i], name) == 0)
            return true;
    return reader->name_count == 0;
}

static struct source *source_of(struct log_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->source_count; i++)
        if (strcmp(reader->sources[i]->name, name) == 0)
            return reader->sources[i];
    if (reader->source_count == LOG_READER_FILES)
        return NULL;

    struct source *source = calloc(1, sizeof *source);

    assert(source != NULL);
    snprintf(source->name, sizeof source->name, "%s", name);
    source->fd = -1;
    source->is_begun = true;
    reader->sources[reader->source_count++] = source;
    return source;
}

/* New files appear when a process is started for the first time. */
static void look_for_files(struct log_reader *reader)
{
    DIR *folder = opendir("log");
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        size_t size = strlen(entry->d_name);
        char name[64];

        if (size <= 4 || size >= sizeof name || strcmp(entry->d_name + size - 4, ".log") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)size - 4, entry->d_name);
        if (is_wanted(reader, name))
            source_of(reader, name);
    }
    if (folder != NULL)
        closedir(folder);
}

static void add_line(struct log_reader *reader, struct source *source)
{
    source->line[source->size] = '\0';
    source->size = 0;
    if (!source->is_begun) {
        source->is_begun = true;
        return;
    }
    if (reader->count == LOG_READER_ENTRIES || source->line[0] == '\0')
        return;
    log_reader_parse(source->line, source->name, source->time, &reader->entries[reader->count]);
    reader->entries[reader->count].place = reader->count;
    snprintf(source->time, sizeof source->time, "%s", reader->entries[reader->count++].time);
}

/* A line that is too long goes on as the next one. */
static void take_bytes(struct log_reader *reader, struct source *source, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' || source->size == sizeof source->line - 1)
            add_line(reader, source);
        if (bytes[i] != '\n')
            source->line[source->size++] = bytes[i];
    }
}

static void read_rest(struct log_reader *reader, struct source *source)
{
    char bytes[16 * 1024];
    ssize_t size;

    while ((size = read(source->fd, bytes, sizeof bytes)) > 0)
        take_bytes(reader, source, bytes, (size_t)size);
}

static void read_tail_of(struct log_reader *reader, struct source *source, const char *path, off_t tail)
{
    struct stat file;
    int before = source->fd;

    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd >= 0 && fstat(source->fd, &file) == 0 && file.st_size > tail)
        source->is_begun = lseek(source->fd, file.st_size - tail, SEEK_SET) == 0;
    if (source->fd >= 0)
        read_rest(reader, source);
    if (source->fd >= 0 && before >= 0)
        close(before);
    source->fd = source->fd >= 0 ? source->fd : before;
}

static void read_source(struct log_reader *reader, struct source *source)
{
    char path[96];
    char older[96];
    struct stat file;

    snprintf(path, sizeof path, "log/%s.log", source->name);
    snprintf(older, sizeof older, "log/%s.log.1", source->name);
    if (source->time[0] == '\0')
        time_of(stat(path, &file) == 0 ? file.st_mtime : time(NULL), source->time);
    else if (reader->has_read)
        time_of(time(NULL), source->time); /* what was added is new */
    if (source->fd >= 0) {
        read_rest(reader, source);
        if (stat(path, &file) != 0 || file.st_ino == source->inode)
            return;
    } else if (!reader->has_read && stat(path, &file) == 0 && file.st_size < LOG_READER_TAIL) {
        read_tail_of(reader, source, older, LOG_READER_TAIL - file.st_size);
    }
    read_tail_of(reader, source, path, LOG_READER_TAIL);
    source->inode = source->fd >= 0 && fstat(source->fd, &file) == 0 ? file.st_ino : 0;
}

/* ------------------------------------------------------------------------------------------------ all of them */

bool log_reader_has(const char *name)
{
    char path[96];

    return (size_t)snprintf(path, sizeof path, "log/%s.log", name) < sizeof path && access(path, R_OK) == 0;
}

struct log_reader *log_reader_open(char *const *names, size_t count)
{
    struct log_reader *reader = calloc(1, sizeof *reader);

    assert(reader != NULL);
    reader->names = names;
    reader->name_count = count;
    reader->entries = calloc(LOG_READER_ENTRIES, sizeof *reader->entries);
    assert(reader->entries != NULL);
    return reader;
}

static void forget_entries(struct log_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        json_decref(reader->entries[i].record);
        free(reader->entries[i].text);
    }
    reader->count = 0;
}

void log_reader_close(struct log_reader **closed)
{
    struct log_reader *reader = *closed;

    if (reader == NULL)
        return;
    forget_entries(reader);
    for (size_t i = 0; i < reader->source_count; i++) {
        if (reader->sources[i]->fd >= 0)
            close(reader->sources[i]->fd);
        free(reader->sources[i]);
    }
    free(reader->entries);
    free(reader);
    *closed = NULL;
}

/* Lines of one file stay in their order. */
static int by_time(const void *left, const void *right)
{
    const struct log_entry *a = left;
    const struct log_entry *b = right;
    int order = strcmp(a->time, b->time);

    return order != 0 ? order : a->place < b->place ? -1 : 1;
}

size_t log_reader_next(struct log_reader *reader, struct log_entry **ret_entries)
{
    forget_entries(reader);
    look_for_files(reader);
    for (size_t i = 0; i < reader->source_count; i++)
        read_source(reader, reader->sources[i]);
    reader->has_read = true;
    qsort(reader->entries, reader->count, sizeof *reader->entries, by_time);
    *ret_entries = reader->entries;
    return reader->count;
}
