/* SPDX-License-Identifier: MIT */
/* backup_script -- see backup_script.h. */
#include "actors/command/backup_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/command/command.h"
#include "actors/command/place.h"
#include "actors/io/uri.h"

enum { POSTGRES_PORT = 5432, CLICKHOUSE_PORT = 8123, ADDRESS_ROOM = 1024 };

/* The first of its kind that follows no other. */
static const struct topology_store *find_store(const struct topology *topology, const char *kind)
{
    for (size_t i = 0; i < topology->store_count; i++) {
        if (strcmp(topology->stores[i].kind, kind) == 0 && topology->stores[i].replica_of == NULL)
            return &topology->stores[i];
    }
    return NULL;
}

/* The uri without its password, which may be seen by anybody on a command line. */
static void without_password(const char *uri, char address[ADDRESS_ROOM])
{
    const char *user = strstr(uri, "://") != NULL ? strstr(uri, "://") + 3 : uri;
    const char *at = strchr(user, '@');
    const char *colon = memchr(user, ':', at != NULL ? (size_t)(at - user) : 0);

    if (colon == NULL)
        snprintf(address, ADDRESS_ROOM, "%s", uri);
    else
        snprintf(address, ADDRESS_ROOM, "%.*s%s", (int)(colon - uri), uri, at);
}

static bool tell_postgres(const struct topology *topology, const char *caller)
{
    const struct topology_store *store = find_store(topology, "postgres");
    char address[ADDRESS_ROOM];
    char why[256] = "there is none";
    struct uri uri;

    if (store == NULL || !uri_parse(store->uri, POSTGRES_PORT, &uri, why, sizeof why)) {
        complain(caller, "the topology's store of kind postgres: %s", why);
        return false;
    }
    without_password(store->uri, address);
    setenv("POSTGRES", address, 1);
    setenv("PGPASSWORD", uri.password, 1);
    return true;
}

/* "http://host:port/?database=name" or "clickhouse://host:port/name". */
static bool tell_clickhouse(const struct topology *topology, const char *caller)
{
    const struct topology_store *store = find_store(topology, "clickhouse");
    char address[ADDRESS_ROOM];
    char why[256];
    const char *named;
    struct uri uri;

    if (store == NULL) {
        setenv("CLICKHOUSE", "", 1);
        return true;
    }
    if (!uri_parse(store->uri, CLICKHOUSE_PORT, &uri, why, sizeof why)) {
        complain(caller, "the topology's store of kind clickhouse: %s", why);
        return false;
    }
    snprintf(address, sizeof address, "http://%s:%u", uri.hosts[0].name, uri.hosts[0].port);
    named = strncmp(uri.query, "database=", 9) == 0 ? uri.query + 9 : uri.path;
    setenv("CLICKHOUSE", address, 1);
    setenv("CLICKHOUSE_USER", uri.user, 1);
    setenv("CLICKHOUSE_PASSWORD", uri.password, 1);
    setenv("CLICKHOUSE_DATABASE", named[0] != '\0' ? named : "shunt", 1);
    return true;
}

bool backup_run(const char *const *arguments)
{
    pid_t pid = fork();
    int status = 1;

    if (pid == 0) {
        execv(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool backup_script_run(const struct backup_order *order)
{
    char script[PATH_ROOM + 32];
    char blocks[24];
    const char *const arguments[] = { script, order->what, order->folder, NULL };

    snprintf(script, sizeof script, "%s/topology/stores/backup", place_home());
    snprintf(blocks, sizeof blocks, "%" PRIu64, order->leap_blocks);
    setenv("DATA", order->data, 1);
    setenv("LEAP_BLOCKS", blocks, 1);
    if (order->topology != NULL &&
        (!tell_postgres(order->topology, order->caller) || !tell_clickhouse(order->topology, order->caller)))
        return false;
    return backup_run(arguments);
}
