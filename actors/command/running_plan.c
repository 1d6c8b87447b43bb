/* SPDX-License-Identifier: MIT */
/* running_plan -- see running_plan.h. */
#include "actors/command/running_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE "topology.source"

enum { SOURCE_LIMIT = 64 * 1024 };

/* A new file beside the old one, which it replaces when it is whole. */
static FILE *begin(const char *path, char *draft, size_t room)
{
    snprintf(draft, room, "%s.draft", path);
    return fopen(draft, "we");
}

static bool end(FILE *to, const char *draft, const char *path, const char *called)
{
    bool good = to != NULL && fflush(to) == 0 && fsync(fileno(to)) == 0;

    good = to != NULL && fclose(to) == 0 && good;
    good = good && rename(draft, path) == 0;
    if (!good)
        complain(called, "%s cannot be written to the data folder: %s", path, strerror(errno));
    return good;
}

bool running_plan_write(const struct topology *topology, const char *called, const char *path)
{
    char draft[128];
    FILE *to = begin(path, draft, sizeof draft);

    if (to != NULL) {
        fprintf(to, "# Written by `shunt %s` from %s.\n", called, topology->file);
        topology_write(topology, to);
    }
    return end(to, draft, path, called);
}

bool running_plan_note_source(const char *file, const struct invocation *invocation)
{
    char draft[128];
    FILE *to = begin(SOURCE, draft, sizeof draft);

    if (to != NULL) {
        fprintf(to, "%s\n", file);
        for (size_t i = 0; i < invocation->setting_count; i++)
            fprintf(to, "%s=%s\n", invocation->settings[i].path, invocation->settings[i].value);
    }
    return end(to, draft, SOURCE, invocation->verb->name);
}

static void take_setting(struct invocation *invocation, char *line)
{
    char *equals = strchr(line, '=');

    if (equals == NULL || invocation->setting_count == SETTINGS_LIMIT)
        return;
    *equals = '\0';
    invocation->settings[invocation->setting_count++] = (struct setting_override){ .path = line, .value = equals + 1 };
}

bool running_plan_source(struct invocation *invocation, char file[PATH_ROOM])
{
    static char text[SOURCE_LIMIT];
    bool has_own = invocation->setting_count > 0;
    FILE *from = fopen(SOURCE, "re");
    size_t size = from != NULL ? fread(text, 1, sizeof text - 1, from) : 0;
    char *rest = text;
    char *line;

    if (from != NULL)
        fclose(from);
    text[size] = '\0';
    line = strsep(&rest, "\n");
    if (line == NULL || *line == '\0') {
        complain(invocation->verb->name, "it is not known which file the running topology came from; name it");
        return false;
    }
    snprintf(file, PATH_ROOM, "%s", line);
    while (!has_own && (line = strsep(&rest, "\n")) != NULL)
        take_setting(invocation, line);
    return true;
}
