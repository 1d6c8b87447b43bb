/* SPDX-License-Identifier: MIT */
/*
 * launcher_spawn -- how the programs of a platform are called: a node is this very program, a store the script that
 * becomes its server. A store learns its row of the topology from its environment; passwords never stand on a command
 * line.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/supervise/launcher_state.h"

enum { VARIABLES_LIMIT = 24 };

/* "NAME=value" texts, NULL at the end. */
struct variables {
    char *list[VARIABLES_LIMIT + 1];
    size_t count;
};

static void add(struct variables *variables, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct variables *variables, const char *format, ...)
{
    va_list arguments;

    assert(variables->count < VARIABLES_LIMIT);
    va_start(arguments, format);
    if (vasprintf(&variables->list[variables->count++], format, arguments) < 0)
        abort();
    va_end(arguments);
}

static void clear(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++)
        free(variables->list[i]);
}

static void add_options(struct variables *variables, const struct topology_store *store)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert(to != NULL);
    for (size_t i = 0; i < store->property_count; i++)
        fprintf(to, "%s%s=%s", i > 0 ? " " : "", store->properties[i].name, store->properties[i].value);
    fclose(to);
    add(variables, "SHUNT_STORE_OPTIONS=%s", text);
    free(text);
}

static void add_store(struct variables *variables,
                      const struct launcher_plan *plan,
                      const struct topology *topology,
                      const struct topology_store *store)
{
    const struct topology_store *primary =
        store->replica_of != NULL ? topology_find_store(topology, store->replica_of) : NULL;

    add(variables, "SHUNT_STORE_NAME=%s", store->name);
    add(variables, "SHUNT_STORE_DIR=%s/stores/%s", plan->data, store->name);
    add(variables, "SHUNT_STORE_HOST=%s", store->host);
    add(variables, "SHUNT_STORE_PORT=%u", store->port);
    if (store->extra_port != 0)
        add(variables, "SHUNT_STORE_EXTRA_PORT=%u", store->extra_port);
    if (*store->user != '\0')
        add(variables, "SHUNT_STORE_USER=%s", store->user);
    if (*store->database != '\0')
        add(variables, "SHUNT_STORE_DATABASE=%s", store->database);
    add(variables, "SHUNT_STORE_PASSWORD=%s", store->password);
    if (primary != NULL)
        add(variables, "SHUNT_STORE_REPLICA_OF=%s:%u", primary->host, primary->port);
    if (*store->targets != '\0')
        add(variables, "SHUNT_METRICS_TARGETS=%s", store->targets);
    add_options(variables, store);
}

static bool make_store_folder(const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "stores/%s", name);
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool unit_spawn(struct launcher *self, struct unit *unit, const char *verb, const char *input)
{
    const struct launcher_plan *plan = self->process->plan;
    struct variables variables = { 0 };
    bool started;
    int error;

    add(&variables, "SHUNT_HOME=%s", plan->home);
    if (unit->store != NULL) {
        const char *arguments[] = { plan->store_script, unit->store->kind, verb, NULL };

        if (!make_store_folder(unit->name)) {
            clear(&variables);
            return false;
        }
        add_store(&variables, plan, self->process->topology, unit->store);
        started = process_start(arguments, (const char *const *)variables.list, input, NULL, &unit->process);
    } else {
        const char *arguments[] = { plan->program, verb, "--name", unit->name, NULL };
        int descriptors[LISTENERS_LIMIT + 1];
        char listeners[LISTENERS_TEXT_LIMIT];

        launcher_listen(self, unit->node, descriptors, listeners);
        add(&variables, LISTENERS_VARIABLE "=%s", listeners);
        started = process_start(arguments, (const char *const *)variables.list, input, descriptors, &unit->process);
    }
    error = errno;
    clear(&variables);
    errno = error;
    return started;
}
