/* SPDX-License-Identifier: MIT */
/* postgres_address -- see postgres_address.h. */
#include "actors/io/postgres_address.h"

#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "proto/slice.h"

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL ? options->val : "";
    }
    return "";
}

/* The next item of a list with commas; the empty slice when it is used up. */
static struct slice next_item(const char **list)
{
    struct slice item = { .at = *list, .size = strcspn(*list, ",") };

    *list += item.size;
    if (**list == ',')
        (*list)++;
    return item;
}

static bool split(const char *names, const char *ports, struct postgres_address *address, char *why, size_t room)
{
    struct slice port = SLICE("5432");

    while (*names != '\0') {
        struct postgres_host *host = &address->hosts[address->count];
        struct slice name = next_item(&names);
        struct slice own = next_item(&ports);

        if (address->count == URI_HOSTS_LIMIT) {
            snprintf(why, room, "the address of Postgres names more than %d hosts", URI_HOSTS_LIMIT);
            return false;
        }
        if (own.size > 0)
            port = own;
        if (!slice_copy(name, host->name, sizeof(host->name)) || !slice_copy(port, host->port, sizeof(host->port))) {
            snprintf(why, room, "a host or port in the address of Postgres is too long");
            return false;
        }
        if (name.size == 0 || host->name[0] == '/' || host->name[0] == '@')
            address->is_looked_up = false;
        if (resolve_is_address(host->name))
            slice_copy(name, host->address, sizeof(host->address));
        address->count++;
    }
    return true;
}

bool postgres_address_parse(const char *uri, struct postgres_address *ret_address, char *why, size_t room)
{
    struct postgres_address address = { .is_looked_up = true };
    PQconninfoOption *options;
    bool is_fine;

    if (strncmp(uri, "postgresql://", 13) != 0 && strncmp(uri, "postgres://", 11) != 0) {
        snprintf(why, room, "the address of Postgres must look like postgresql://user:password@host:5432/database");
        return false;
    }
    options = PQconninfoParse(uri, NULL); /* its message would quote the address */
    if (options == NULL) {
        snprintf(why, room,
                 "libpq does not understand the address of Postgres: check its user, password (special characters "
                 "as %%XX), hosts, database and parameters");
        return false;
    }
    is_fine = split(option(options, "host"), option(options, "port"), &address, why, room);
    if (address.count == 0 || option(options, "hostaddr")[0] != '\0')
        address.is_looked_up = false;
    PQconninfoFree(options);
    if (is_fine)
        *ret_address = address;
    return is_fine;
}

bool postgres_address_lists(const struct postgres_address *address,
                            uint32_t first,
                            struct postgres_host_lists *ret_lists)
{
    size_t names = 0;
    size_t addresses = 0;
    size_t ports = 0;

    for (uint32_t i = 0; i < address->count; i++) {
        const struct postgres_host *host = &address->hosts[(first + i) % address->count];
        const char *comma = names > 0 ? "," : "";

        if (host->address[0] == '\0')
            continue;
        names += (size_t)sprintf(ret_lists->names + names, "%s%s", comma, host->name);
        addresses += (size_t)sprintf(ret_lists->addresses + addresses, "%s%s", comma, host->address);
        ports += (size_t)sprintf(ret_lists->ports + ports, "%s%s", comma, host->port);
    }
    return names > 0;
}
