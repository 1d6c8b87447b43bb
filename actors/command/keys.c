/* SPDX-License-Identifier: MIT */
/*
 * keys -- `shunt keys`: makes, lists and revokes the CURVE keys that tcp connections rest on.
 *
 * It only writes and removes files in the data folder; running nodes watch that folder and follow at once. So the same
 * is done by whoever copies or removes the files by other means.
 */
#include <string.h>

#include "actors/command/command.h"
#include "actors/command/keys_api.h"
#include "actors/command/place.h"
#include "actors/command/show.h"
#include "runtime/nearest.h"
#include "runtime/supervise/data_folder.h"
#include "runtime/wire/curve_file.h"

static json_t *key_json(const struct curve_key *key)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", key->name, "role", curve_role_name(key->role), "public_key",
                     key->public_text, "secret",
                     key->is_exposed               ? "exposed"
                     : key->secret_text[0] != '\0' ? "here"
                                                   : "elsewhere",
                     "usable", key->secret_text[0] != '\0');
}

static json_t *all_keys(void)
{
    struct curve_key keys[CURVE_KEYS_LIMIT];
    size_t count = curve_file_read_all(keys);
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, key_json(&keys[i]));
    keys_api_list(rows);
    explicit_bzero(keys, sizeof keys);
    return rows;
}

/* ------------------------------------------------------------------------------------------------ make */

static void explain(const char *name, enum curve_role role)
{
    if (role == CURVE_NODE)
        fprintf(stderr,
                "key %s is made; every other host needs " CURVE_FOLDER "/%s.cert in its data folder, and this one "
                "theirs\n",
                name, name);
    else
        fprintf(stderr,
                "key %s is made; take " CURVE_FOLDER "/%s.cert_secret to whoever is to use it and remove it here\n",
                name, name);
}

/* The key is shown this once: what is kept is its hash. */
static enum exit_code make_api_key(const struct invocation *invocation, const char *name)
{
    char key[KEYS_API_KEY_ROOM], why[CURVE_SENTENCE_LIMIT];

    if (!keys_api_make(name, flag_value(invocation, "replace") != NULL, key, why, sizeof why)) {
        complain("keys", "%s", why);
        return EXIT_FAILED;
    }
    if (flag_value(invocation, "json") != NULL) {
        printf("{ \"name\": \"%s\", \"role\": \"api\", \"key\": \"%s\" }\n", name, key);
        return EXIT_DONE;
    }
    printf("%s\n", key);
    fprintf(stderr,
            "this is %s's key; it is not kept and cannot be shown again. Callers send it as 'Authorization: Bearer "
            "KEY'\n",
            name);
    return EXIT_DONE;
}

static enum exit_code make(const struct invocation *invocation, const char *name)
{
    const char *wanted = flag_value(invocation, "role");
    enum curve_role role = CURVE_NODE;
    char why[CURVE_SENTENCE_LIMIT];

    if (wanted != NULL && strcmp(wanted, "api") == 0)
        return make_api_key(invocation, name);
    if (wanted != NULL && !curve_role_parse(wanted, &role)) {
        complain("keys",
                 "'%s' is no role; node (a host's), read or act (a person's or a program's), or api (a caller's)",
                 wanted);
        return EXIT_WRONG_USAGE;
    }
    if (!curve_file_make(name, role, flag_value(invocation, "replace") != NULL, why)) {
        complain("keys", "%s", why);
        return EXIT_FAILED;
    }
    if (flag_value(invocation, "json") == NULL) {
        explain(name, role);
        return EXIT_DONE;
    }

    json_t *keys = all_keys();
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key) if (strcmp(json_string_value(json_object_get(key, "name")), name) == 0)
        show_json(key, stdout);
    json_decref(keys);
    return EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------ list and revoke */

static enum exit_code list(const struct invocation *invocation)
{
    static const struct show_column columns[] = {
        { "name", "name" }, { "role", "role" }, { "secret", "secret half" }, { "public_key", "public key" },
        { NULL, NULL },
    };
    json_t *keys = all_keys();

    if (flag_value(invocation, "json") != NULL)
        show_json(keys, stdout);
    else if (json_array_size(keys) > 0)
        show_table(keys, columns, stdout);
    else
        fprintf(stderr, "there are no keys; shunt keys make NAME makes one\n");
    json_decref(keys);
    return EXIT_DONE;
}

static enum exit_code revoke(const struct invocation *invocation, const char *name)
{
    bool is_api = keys_api_is_there(name);
    char why[CURVE_SENTENCE_LIMIT];

    if (is_api ? !keys_api_revoke(name, why, sizeof why) : !curve_file_revoke(name, why)) {
        complain("keys", "%s", why);
        return EXIT_FAILED;
    }
    if (flag_value(invocation, "json") != NULL)
        printf("{ \"name\": \"%s\", \"revoked\": true }\n", name);
    else if (is_api)
        fprintf(stderr, "the API key of %s is revoked here; other hosts' edges have a folder of their own\n", name);
    else
        fprintf(stderr, "key %s is revoked here; other hosts that have %s.cert still let it in\n", name, name);
    return EXIT_DONE;
}

static enum exit_code run(const struct invocation *invocation)
{
    static const char *const orders[] = { "make", "list", "revoke" };
    const char *order = invocation->words[0];
    bool is_list = strcmp(order, "list") == 0;
    struct nearest nearest = { 0 };
    char why[DATA_SENTENCE_LIMIT];

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        nearest_offer(&nearest, order, orders[i]);
    if (!is_list && strcmp(order, "make") != 0 && strcmp(order, "revoke") != 0) {
        complain("keys", "there is no '%s'%s%s%s; make, list or revoke", order,
                 nearest.best != NULL ? "; did you mean " : "", nearest.best != NULL ? nearest.best : "",
                 nearest.best != NULL ? "?" : "");
        return EXIT_WRONG_USAGE;
    }
    if (is_list != (invocation->word_count == 1)) {
        complain("keys", is_list ? "list takes no name" : "%s wants the key's NAME", order);
        return EXIT_WRONG_USAGE;
    }
    /* Keys can be made before the platform runs for the first time. */
    if (strcmp(order, "make") == 0 ? !data_folder_make(place_data(invocation), why)
                                   : !data_folder_enter(place_data(invocation), why)) {
        complain("keys", "%s", why);
        return EXIT_FAILED;
    }
    if (is_list)
        return list(invocation);
    return strcmp(order, "make") == 0 ? make(invocation, invocation->words[1])
                                      : revoke(invocation, invocation->words[1]);
}

static const struct flag flags[] = {
    { .name = "role", .argument = "ROLE", .help = "of a new key: node (as it is when not given), read, act or api" },
    { .name = "replace", .help = "make a new key in the place of one that is there" },
    FLAG_JSON,
    FLAG_DATA,
};

const struct verb keys_verb = {
    .name = "keys",
    .synopsis = "make|list|revoke [NAME]",
    .summary = "make, list and revoke the keys of tcp connections and of callers of the API",
    .help = "A host's key is called as the topology calls the host. Nodes that run follow at once; who loses its key "
            "loses its\nconnections. Keys of the roles read and act open a gate (see topology/README.md) to a console "
            "elsewhere.\nA key of the role api is a caller's: limits count by it (kinds/edge: request_rate, "
            "shorten_needs_key).",
    .example = "  shunt keys make east\n  shunt keys make ada --role read\n  shunt keys list --json\n"
               "  shunt keys revoke ada\n  shunt keys make webshop --role api\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_min = 1,
    .words_max = 2,
    .run = run,
};
