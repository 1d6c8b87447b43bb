/* SPDX-License-Identifier: MIT */
/*
 * reload -- `shunt reload`: goes over to a changed topology while the platform runs. Shows first what is different and
 * what each change needs, and asks; then the launcher carries it out (see runtime/supervise/launcher_reload.c).
 */
#include "actors/command/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/command/place.h"
#include "actors/command/restart.h"
#include "actors/command/running_plan.h"
#include "actors/command/show.h"
#include "runtime/plan/difference.h"
#include "runtime/supervise/data_folder.h"

enum { ASK_LIMIT_US = 10 * 1000 * 1000 };

/* ------------------------------------------------------------------------------------------------ showing it */

static json_t *changes_json(const struct difference *difference)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < difference->count; i++) {
        const struct difference_row *row = &difference->rows[i];
        bool starts = row->change == CHANGE_ADDED && row->actor == NULL;

        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "change", change_name(row->change), "needs",
                                              starts ? "start" : reach_name(row->reach), "path", row->path, "from",
                                              row->from, "to", row->to));
    }
    return rows;
}

static void show_changes(json_t *rows, FILE *to)
{
    static const struct show_column columns[] = {
        { "change", "change" }, { "path", "what" },   { "from", "from" },
        { "to", "to" },         { "needs", "needs" }, { NULL, NULL },
    };

    if (json_array_size(rows) == 0)
        fprintf(to, "The topology says nothing else than what runs.\n");
    else
        show_table(rows, columns, to);
}

/* False when it must not be done; *ret_code says how that ends. */
static bool may_go_on(const struct invocation *invocation, enum exit_code *ret_code)
{
    char answer[16] = "";

    *ret_code = EXIT_DONE;
    if (flag_value(invocation, "dry-run") != NULL)
        return false;
    if (flag_value(invocation, "yes") != NULL)
        return true;
    if (!isatty(STDIN_FILENO)) {
        complain("reload", "nothing was changed: it asks first, and there is nobody to ask; add --yes");
        *ret_code = EXIT_WRONG_USAGE;
        return false;
    }
    fprintf(stderr, "Apply this? Type yes: ");
    if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0)
        return true;
    complain("reload", "nothing was changed");
    *ret_code = EXIT_FAILED;
    return false;
}

/* ------------------------------------------------------------------------------------------------ doing it */

static json_t *apply(const struct topology *after)
{
    char who[64];
    char why[DATA_SENTENCE_LIMIT];
    struct client *client;
    json_t *outcome;

    if (!data_folder_secrets(after, why)) {
        complain("reload", "%s", why);
        return NULL;
    }
    if (!running_plan_write(after, "reload", "topology.zpl.next"))
        return NULL;
    client = client_open("reload");
    if (client == NULL) {
        complain("reload", "cannot open a socket in the data folder: %s", strerror(errno));
        return NULL;
    }
    snprintf(who, sizeof who, "user %u by shunt reload", (unsigned)getuid());
    outcome =
        restart_follow(client, "reload", &topology_reload_schema, &(struct topology_reload){ .who = slice_of(who) });
    client_close(&client);
    return outcome;
}

static enum exit_code reload(const struct invocation *invocation,
                             const char *file,
                             const struct topology *before,
                             const struct topology *after)
{
    struct difference *difference = difference_between(before, after);
    json_t *answer = json_pack("{s:o, s:b}", "changes", changes_json(difference), "applied", false);
    bool as_json = flag_value(invocation, "json") != NULL;
    enum exit_code code;

    if (!as_json)
        show_changes(json_object_get(answer, "changes"), stderr);
    if (may_go_on(invocation, &code)) {
        json_t *outcome = apply(after);

        code = restart_went_well(outcome) && running_plan_note_source(file, invocation) ? EXIT_DONE : EXIT_FAILED;
        json_object_set_new(answer, "applied", json_boolean(code == EXIT_DONE));
        json_object_set_new(answer, "outcome", outcome != NULL ? outcome : json_null());
        if (code == EXIT_DONE && !as_json)
            fprintf(stderr, "the platform runs by %s\n", file);
    }
    if (as_json)
        show_json(answer, stdout);
    json_decref(answer);
    difference_destroy(&difference);
    return code;
}

static enum exit_code run(const struct invocation *given)
{
    struct invocation invocation = *given;
    char file[PATH_ROOM] = "";
    enum exit_code code;
    struct topology *before;
    struct topology *after;

    if (invocation.word_count > 0 && realpath(invocation.words[0], file) == NULL) {
        complain("reload", "%s: %s", invocation.words[0], strerror(errno));
        return EXIT_FAILED;
    }
    code = place_enter_running(&invocation); /* from here on in the data folder */
    if (code != EXIT_DONE)
        return code;
    if (file[0] == '\0' && !running_plan_source(&invocation, file))
        return EXIT_FAILED;
    before = place_load("topology.zpl", NULL, NULL);
    after = place_load(file, NULL, &invocation);
    if (after == NULL)
        complain("reload", "nothing was changed: the topology has the mistakes above");
    code = before != NULL && after != NULL ? reload(&invocation, file, before, after) : EXIT_FAILED;
    topology_destroy(&before);
    topology_destroy(&after);
    return code;
}

json_t *reload_again(bool is_to_apply)
{
    struct invocation invocation = { .verb = &reload_verb };
    char file[PATH_ROOM];
    struct topology *before;
    struct topology *after;
    json_t *answer = NULL;

    if (!running_plan_source(&invocation, file))
        return NULL;
    before = place_load("topology.zpl", NULL, NULL);
    after = place_load(file, NULL, &invocation);
    if (before != NULL && after != NULL) {
        struct difference *difference = difference_between(before, after);
        json_t *outcome = is_to_apply ? apply(after) : NULL;

        answer = json_pack("{s:o, s:b, s:o}", "changes", changes_json(difference), "applied",
                           restart_went_well(outcome), "outcome", outcome != NULL ? outcome : json_null());
        difference_destroy(&difference);
    }
    topology_destroy(&before);
    topology_destroy(&after);
    if (is_to_apply && answer != NULL && !json_is_true(json_object_get(answer, "applied"))) {
        json_decref(answer);
        answer = NULL;
    }
    return answer;
}

void reload_show(json_t *answer, FILE *to)
{
    show_changes(json_object_get(answer, "changes"), to);
    if (json_is_true(json_object_get(answer, "applied")))
        fprintf(to, "the platform runs by it\n");
}

static const struct flag flags[] = {
    { .name = "yes", .help = "do not ask" },
    { .name = "dry-run", .help = "only show what is different" },
    FLAG_SET,
    FLAG_JSON,
    FLAG_DATA,
};

const struct verb reload_verb = {
    .name = "reload",
    .synopsis = "[FILE]",
    .summary = "go over to a changed topology while the platform runs",
    .help = "Without FILE, the file that the running topology came from, with the same --set. What is different is "
            "shown, and\n"
            "what each change needs; then new nodes are started, actors take over what concerns only them, nodes that "
            "must\n"
            "be restarted are, one at a time, and what is no longer there is stopped. No request fails, but a store "
            "that is\n"
            "restarted is away meanwhile. When it stops on the way, the same command again goes on with what is left.",
    .example = "  shunt reload --dry-run\n  shunt reload topology/local.zpl --yes\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .words_max = 1,
    .run = run,
};
