/* SPDX-License-Identifier: MIT */
/* fake_file -- see the header. */
#include "tests/actor/fakes/fake_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/actor.h"

enum { FILES_LIMIT = 8, NAME_ROOM = 64 };

struct on_disk {
    char name[NAME_ROOM];
    char *text; /* NULL: there is none */
};

struct durable_file {
    struct actor *me;
    durable_file_handler *on_written;
    void *context;
    char name[NAME_ROOM];
    char *found;
    char *next; /* NULL: nothing to write */
    uint64_t issued;
};

static struct on_disk disk[FILES_LIMIT];
static struct durable_file *open_files[FILES_LIMIT];
static bool full;
static bool held;

static struct on_disk *find(const char *name)
{
    for (int i = 0; i < FILES_LIMIT; i++) {
        if (disk[i].name[0] == '\0')
            (void)snprintf(disk[i].name, sizeof(disk[i].name), "%s", name);
        if (strcmp(disk[i].name, name) == 0)
            return &disk[i];
    }
    abort();
}

static void settle(struct actor *me, void *context)
{
    struct durable_file *file = context;

    if (held || file->next == NULL)
        return;
    if (!full) {
        free(find(file->name)->text);
        find(file->name)->text = file->next;
    } else {
        free(file->next);
    }
    file->next = NULL;
    file->on_written(me, file->context, file->issued, full ? "the disk is full" : NULL);
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

    (void)folder;
    (void)why;
    (void)room;
    assert(file != NULL);
    file->me = me;
    file->on_written = on_written;
    file->context = context;
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    file->found = find(name)->text != NULL ? strdup(find(name)->text) : NULL;
    for (int i = 0; i < FILES_LIMIT; i++)
        if (open_files[i] == NULL) {
            open_files[i] = file;
            return file;
        }
    abort();
}

void durable_file_close(struct durable_file **file)
{
    for (int i = 0; i < FILES_LIMIT; i++)
        if (open_files[i] == *file)
            open_files[i] = NULL;
    if (*file != NULL) {
        free((*file)->found);
        free((*file)->next);
    }
    free(*file);
    *file = NULL;
}

bool durable_file_was_there(const struct durable_file *file, struct slice *ret_text)
{
    if (file->found != NULL)
        *ret_text = slice_of(file->found);
    return file->found != NULL;
}

uint64_t durable_file_write(struct durable_file *file, struct slice text)
{
    free(file->next);
    file->next = strndup(text.size > 0 ? text.at : "", text.size);
    assert(file->next != NULL);
    (void)actor_after(file->me, 0, settle, file);
    return ++file->issued;
}

void fake_file_forget(void)
{
    for (int i = 0; i < FILES_LIMIT; i++) {
        free(disk[i].text);
        disk[i].text = NULL;
    }
    full = held = false;
}

void fake_file_full(bool is_full)
{
    full = is_full;
}

void fake_file_held(bool is_held)
{
    held = is_held;
    for (int i = 0; i < FILES_LIMIT && !held; i++)
        if (open_files[i] != NULL && open_files[i]->next != NULL)
            (void)actor_after(open_files[i]->me, 0, settle, open_files[i]);
}

const char *fake_file_text(const char *name)
{
    return find(name)->text;
}

void fake_file_put(const char *name, const char *text)
{
    free(find(name)->text);
    find(name)->text = strdup(text);
}
