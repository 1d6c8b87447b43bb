/* SPDX-License-Identifier: MIT */
/*
 * topology_stores -- reads the section "stores": what each store is, where it listens, and the uri with which a client
 * connects.
 *
 * Passwords are never in the file. A store whose uri needs one finds it in the file of its own name in the folder of
 * secrets, or of another name when it says `password = secret:NAME` (a replica shares its primary's).
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/nearest.h"
#include "runtime/plan/reading.h"

enum { SECRET_LIMIT = 256 };

struct store_section {
    struct restart_limits limits;
    const char *kind;
    const char *host;
    uint64_t port;
    uint64_t extra_port;
    const char *uri;
    bool managed;
    const char *on;
    const char *after;
    const char *user;
    const char *database;
    const char *password;
    const char *replica_of;
    const char *targets;
    const char *like;
};

#define ROW(field, type_, default_, help_)                                                                             \
    .name = #field, .type = OPTION_##type_, .offset = offsetof(struct store_section, field), .default_text = default_, \
    .help = help_

static const struct option rows[] = {
    { ROW(kind, TEXT, NULL, "what it is, such as redis") },
    { ROW(host, TEXT, "127.0.0.1", "where it listens") },
    { ROW(port, NUMBER, "0", "where it listens"), .maximum = 65535 },
    { ROW(extra_port, NUMBER, "0", "a second port of it"), .maximum = 65535 },
    { ROW(uri, TEXT, "", "of a store that is not managed: what a client connects with") },
    { ROW(managed, BOOL, "yes", "whether the launcher runs it") },
    { ROW(on, TEXT, "", "the host that runs it, when nodes name theirs") },
    { ROW(after, TEXT, "", "stores that must be up before it starts") },
    { ROW(user, TEXT, "", "who connects") },
    { ROW(database, TEXT, "", "which of its databases") },
    { ROW(password, TEXT, "", "secret:NAME, the file with its password") },
    { ROW(replica_of, TEXT, "", "the store that it follows") },
    { ROW(targets, TEXT, "", "of one that gathers metrics: the URL or file that names whom to ask") },
    { ROW(like, TEXT, "", "another store: what is not said here is as there") },
    RESTART_LIMIT_ROWS(store_section, "20", "1min", "100ms", "5s", "10s"),
};

static const char *const sections[] = { "options", NULL };

/* ---- secrets */

static const char *read_secret(struct reading *reading, const struct zpl_node *section, const char *name)
{
    char text[SECRET_LIMIT + 2];
    const char *path = arena_print(reading->arena, "%s/%s", reading->words->secrets, name);
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        reading_mistake(reading, section, "its password cannot be read from %s: %s; write it there", path,
                        strerror(errno));
        return "";
    }

    size_t size = fread(text, 1, sizeof text, file);

    fclose(file);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    if (size == 0 || size > SECRET_LIMIT || memchr(text, '\0', size) != NULL) {
        reading_mistake(reading, section, "%s must hold one password of at most %d bytes", path, SECRET_LIMIT);
        return "";
    }
    return arena_text(reading->arena, text, size);
}

/* The name of the file with the store's password. */
static const char *secret_name(struct reading *reading, const struct zpl_node *section, const char *given)
{
    static const char prefix[] = "secret:";
    size_t prefix_size = sizeof prefix - 1;

    if (*given == '\0')
        return section->name;
    if (strncmp(given, prefix, prefix_size) == 0 && given[prefix_size] != '\0' && given[prefix_size] != '.' &&
        strchr(given, '/') == NULL)
        return given + prefix_size;
    reading_mistake(
        reading, zpl_child(section, "password"),
        "expected secret:NAME; passwords are not in this file but in the file NAME in the folder of secrets");
    return section->name;
}

/* ---- uris */

static void append_escaped(FILE *to, const char *text)
{
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            fputc(*text, to);
        else
            fprintf(to, "%%%02X", (unsigned char)*text);
}

static void append_word(FILE *to, const struct topology_store *store, const char *word, size_t size)
{
    if (strncmp(word, "user", size) == 0)
        append_escaped(to, store->user);
    else if (strncmp(word, "password", size) == 0)
        append_escaped(to, store->password);
    else if (strncmp(word, "host", size) == 0)
        fputs(store->host, to);
    else if (strncmp(word, "port", size) == 0)
        fprintf(to, "%u", store->port);
    else if (strncmp(word, "database", size) == 0)
        append_escaped(to, store->database);
    else
        assert(!"a store kind's uri has a word in braces that nobody knows");
}

/* Fills in the words in braces. */
static const char *fill_in(struct reading *reading, const struct topology_store *store, const char *pattern)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert(to != NULL);
    while (*pattern != '\0') {
        const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;

        if (end == NULL) {
            fputc(*pattern++, to);
            continue;
        }
        append_word(to, store, pattern + 1, (size_t)(end - pattern - 1));
        pattern = end + 1;
    }
    fclose(to);

    const char *uri = arena_text(reading->arena, text, size);

    free(text);
    return uri;
}

/* ---- one store */

static const struct store_kind *find_kind(struct reading *reading, const struct zpl_node *section, const char *name)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; reading->words->store_kinds != NULL && reading->words->store_kinds[i] != NULL; i++) {
        const struct store_kind *kind = reading->words->store_kinds[i];

        if (strcmp(kind->name, name) == 0)
            return kind;
        nearest_offer(&nearest, name, kind->name);
    }
    if (*name != '\0')
        reading_mistake(reading, zpl_child(section, "kind"), "no such kind of store: '%s'%s", name,
                        reading_hint(reading, nearest.best));
    return NULL;
}

/* The server's own settings, which it judges itself. They travel as name=value with blanks between them. */
static void read_options(struct reading *reading, const struct zpl_node *section, struct topology_store *store)
{
    const struct zpl_node *options = zpl_child(section, "options");
    struct property *properties = reading_take(reading, reading_count(options), sizeof *properties);
    size_t count = 0;

    for (const struct zpl_node *child = options != NULL ? options->children : NULL; child != NULL;
         child = child->next) {
        if (child->value == NULL || strpbrk(child->value, " \t") != NULL)
            reading_mistake(reading, child, "expected '= VALUE', without blanks in it: a setting of the server itself");
        else
            properties[count++] = (struct property){ .name = child->name, .value = child->value, .line = child->line };
    }
    store->properties = properties;
    store->property_count = count;
}

static void check_place(struct reading *reading, const struct zpl_node *section, const struct store_section *read)
{
    if (*read->uri == '\0' && read->port == 0)
        reading_mistake(reading, section, "'port' is missing: where it listens (a number from 1 to 65535)");
    if (*read->uri != '\0' && read->managed)
        reading_mistake(
            reading, zpl_child(section, "uri"),
            "the launcher makes a managed store's uri from its port; say managed = no for a store that is there");
    if (*read->uri != '\0' && strstr(read->uri, "://") == NULL)
        reading_mistake(reading, zpl_child(section, "uri"),
                        "expected a uri, such as redis://:{password}@10.0.0.7:6379/0");
}

static void read_access(struct reading *reading,
                        const struct zpl_node *section,
                        const struct store_section *read,
                        struct topology_store *store)
{
    const struct store_kind *kind = store->knows;
    const char *pattern = *read->uri != '\0' ? read->uri : kind->uri;

    store->user = *read->user != '\0' ? read->user : kind->user != NULL ? kind->user : "";
    store->database = *read->database != '\0' ? read->database : kind->database != NULL ? kind->database : "";
    store->password = "";
    if (strstr(pattern, "{password}") != NULL) {
        store->secret = secret_name(reading, section, read->password);
        store->password = reading->words->secrets == NULL ? "SECRET" : read_secret(reading, section, store->secret);
    }
    store->uri = fill_in(reading, store, pattern);
}

static void read_store(struct reading *reading, const struct zpl_node *section, struct topology_store *store)
{
    static const struct section_words words = {
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .sections = sections,
        .what = "a store",
    };
    static const struct store_kind unknown = { .name = "", .uri = "" };
    struct store_section read = { 0 };

    reading_check_name(reading, section, "a store");
    reading_values(reading, section, &words, &read);
    reading_check_limits(reading, section, &read.limits);
    store->name = section->name;
    store->kind = read.kind;
    store->host = read.host;
    store->port = (uint16_t)read.port;
    store->extra_port = (uint16_t)read.extra_port;
    store->managed = read.managed;
    store->on = read.on;
    store->replica_of = *read.replica_of != '\0' ? read.replica_of : NULL;
    store->targets = read.targets;
    store->limits = read.limits;
    store->after = reading_list(reading, zpl_child(section, "after"));
    check_place(reading, section, &read);
    store->knows = find_kind(reading, section, read.kind);
    if (store->knows == NULL)
        store->knows = &unknown;
    read_options(reading, section, store);
    read_access(reading, section, &read, store);
}

void reading_stores(struct reading *reading)
{
    struct zpl_node *section = zpl_child(reading->root, "stores");
    size_t count = reading_count(section);
    size_t filled = 0;

    if (count > TOPOLOGY_STORES_LIMIT) {
        reading_mistake(reading, section, "%zu stores; at most %d", count, TOPOLOGY_STORES_LIMIT);
        count = 0;
    }

    struct topology_store *stores = reading_take(reading, count, sizeof *stores);

    for (struct zpl_node *child = count > 0 ? section->children : NULL; child != NULL; child = child->next) {
        if (child->value != NULL) {
            reading_mistake(reading, child, "is a section: its properties stand below it, without '='");
            continue;
        }
        reading_inherit(reading, section, child);
        read_store(reading, child, &stores[filled++]);
    }
    reading->topology->stores = stores;
    reading->topology->store_count = filled;
}
