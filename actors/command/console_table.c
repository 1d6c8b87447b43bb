/* SPDX-License-Identifier: MIT */
/* console_table -- every verb of the console, one row each; see console.h. A new verb is a row here and its handler. */
#include "actors/command/console.h"
#include "actors/command/reload.h"
#include "actors/command/show.h"

/* ANSWERS(set) is `.ask = console_ask_set, .print = console_print_set`; what only succeeds prints that it is done. */
#define ANSWERS(name) .ask = console_ask_##name, .print = console_print_##name
#define DOES(name)    .ask = console_ask_##name, .print = console_print_done

const struct console_verb console_verbs[] = {
    /* ---- reading */
    { "tree", "", "hosts, nodes, actors and stores, and how they are", "tree", .ask = console_ask_tree,
      .print = show_tree },
    { "top", "[SECONDS]",
      "who is busy: CPU, letters and mailboxes, refreshed until q; with SECONDS one look of that length", "top 1",
      .words_max = 1, .run = console_run_top },
    { "show actor", "NODE/ACTOR", "one actor: its figures, dependencies and options", "show actor app1/links",
      .subjects = { SUBJECT_ACTOR }, .words_min = 1, .words_max = 1, ANSWERS(actor) },
    { "show node", "NODE", "a node's process and its actors", "show node edge", .subjects = { SUBJECT_NODE },
      .words_min = 1, .words_max = 1, ANSWERS(node) },
    { "show route", "[NODE|NODE/ACTOR]", "who speaks with whom, and how much credit is left", "show route edge/edge",
      .subjects = { SUBJECT_ANY }, .words_max = 1, ANSWERS(routes) },
    { "show breaker", "[NODE]", "how each actor sees its dependencies", "show breaker app1",
      .subjects = { SUBJECT_NODE }, .words_max = 1, ANSWERS(breakers) },
    { "show lag", "[NODE]", "what waits where on the clicks' way from the edge to both databases", "show lag --json",
      .subjects = { SUBJECT_NODE }, .words_max = 1, ANSWERS(lag) },
    { "show config", "[KIND.OPTION]", "the same as config get", "show config edge", .subjects = { SUBJECT_OPTION },
      .words_max = 1, ANSWERS(settings) },
    { "trace", "[ID] | watch NODE[/ACTOR] [MESSAGE|any] [ONE_IN] [SECONDS]",
      "the recorded traces; one of them as a timeline; or, live, one in so many of an actor's letters",
      "trace watch app1/links link_resolve 100 30", .subjects = { SUBJECT_TRACE, SUBJECT_ANY, SUBJECT_MESSAGE },
      .words_max = 5, .run = console_run_trace },
    { "deadletters", "[NODE|NODE/ACTOR]", "the last letters that nobody handled, and why", "deadletters edge",
      .subjects = { SUBJECT_ANY }, .words_max = 1, ANSWERS(dead_letters) },
    { "logs", "[-f] [NODE|STORE]... [--level LEVEL] [--trace ID] [--lines N]",
      "what the processes wrote, merged by time; -f goes on", "logs edge app1 --level warn",
      .subjects = { SUBJECT_LOG }, .words_max = CONSOLE_WORDS_LIMIT, .run = console_run_logs },
    { "config get", "[KIND.OPTION]", "settings whose names begin so", "config get edge", .subjects = { SUBJECT_OPTION },
      .words_max = 1, ANSWERS(settings) },
    { "audit", "",
      "per lane: clicks issued = buffered + in Kafka + in Postgres, the same for ClickHouse, and the difference",
      "audit --json", ANSWERS(audit) },

    /* ---- acting */
    { "config set", "KIND.OPTION VALUE", "change a live setting everywhere, from now on",
      "config set supervisor.log_level debug", .acts = true, .subjects = { SUBJECT_OPTION, SUBJECT_VALUE },
      .words_min = 2, .words_max = 2, ANSWERS(set) },
    { "suspend", "NODE/ACTOR|NODE", "stop an actor from handling letters; they wait in its mailbox",
      "suspend app1/links", .acts = true, .subjects = { SUBJECT_ACTOR }, .words_min = 1, .words_max = 1,
      DOES(suspend) },
    { "resume", "NODE/ACTOR|NODE", "let it go on", "resume app1/links", .acts = true, .subjects = { SUBJECT_ACTOR },
      .words_min = 1, .words_max = 1, DOES(resume) },
    { "drain", "NODE/ACTOR|NODE|STORE", "finish what is accepted, then stay stopped; restart starts it again",
      "drain app2", .acts = true, .subjects = { SUBJECT_ANY }, .words_min = 1, .words_max = 1, DOES(drain) },
    { "restart", "NODE/ACTOR|NODE|STORE|ROLE...",
      "stop in an orderly way and start again, also what was given up; several nodes one at a time", "restart app2",
      .acts = true, .subjects = { SUBJECT_ANY, SUBJECT_ANY, SUBJECT_ANY, SUBJECT_ANY }, .words_min = 1,
      .words_max = CONSOLE_WORDS_LIMIT - 1, DOES(restart) },
    { "reload", "[apply]",
      "show what the topology's file says otherwise by now; with apply, go over to it without failing a request",
      "reload", .acts = true, .words_max = 1, .ask = console_ask_reload, .print = reload_show },
    { "kill", "NODE|STORE", "kill -9; it is started again by its restart limits", "kill app2", .acts = true,
      .subjects = { SUBJECT_PROCESS }, .words_min = 1, .words_max = 1, DOES(kill) },
    { "failpoint", "NODE [NAME ACTION...] | NODE off",
      "list a node's failpoints, set one, or clear all; a release build has none",
      "failpoint edge click_buffer.before_commit delay 1000 times 3", .acts = true,
      .subjects = { SUBJECT_NODE, SUBJECT_FAILPOINT, SUBJECT_ACTION }, .words_min = 1, .words_max = 8,
      ANSWERS(failpoint) },
    { "reconcile", "[repair]", "compare Kafka, Postgres and ClickHouse now, and mend what is wrong when told to",
      "reconcile", .acts = true, .subjects = { SUBJECT_REPAIR }, .words_max = 1, .ask = console_ask_reconcile,
      .print = console_print_drift },
    { "replay", "", "read the clicks in Kafka again and put into both databases what is missing there", "replay",
      .acts = true, .ask = console_ask_replay, .print = console_print_drift },

    /* ---- the console itself */
    { "help", "[VERB]", "list the verbs, or what one does; \\? is the same", "help show actor",
      .subjects = { SUBJECT_VERB, SUBJECT_VERB }, .words_max = 2, ANSWERS(help) },
    { "quit", "", "leave; Ctrl-D and \\q do it, too", "quit", .ask = console_ask_quit, .print = console_print_nothing },
    { NULL },
};

void console_write_page(FILE *to)
{
    fputs(
        "# The console's verbs\n"
        "Made from the rows of [console_table.c](console_table.c); a test compares the two.\n\n"
        "`shunt console VERB` runs one, with `--json` for programs; `shunt console` alone is interactive. Exit codes: "
        "0 done,\n1 it did not work, 2 wrong usage, 3 nothing is running. What acts is logged with who asked, in "
        "`log/console.log` and by\nwhoever carries it out.\n\n"
        "| verb | | what it does | example |\n|---|---|---|---|\n",
        to);
    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        fprintf(to, "| `%s%s", verb->name, verb->synopsis[0] != '\0' ? " " : "");
        for (const char *at = verb->synopsis; *at != '\0'; at++)
            fprintf(to, *at == '|' ? "\\%c" : "%c", *at);
        fprintf(to, "` | %s | %s | `%s` |\n", verb->acts ? "acts" : "reads", verb->help, verb->example);
    }
}
