/* SPDX-License-Identifier: MIT */
/* console_complete -- what could stand at the end of a line: words of verbs, and names of what runs; see console.h. */
#include <string.h>

#include "actors/command/console.h"
#include "actors/io/line_editor.h"
#include "proto/catalog.h"
#include "runtime/failpoint.h"

/* ------------------------------------------------------------------------------------------------ names */

static void each_word(const char *const *words, void (*offer)(void *context, const char *name), void *context)
{
    for (; *words != NULL; words++)
        offer(context, *words);
}

static void each_process(const struct topology *topology,
                         bool with_stores,
                         bool with_nodes,
                         void (*offer)(void *context, const char *name),
                         void *context)
{
    for (size_t i = 0; with_stores && i < topology->store_count; i++)
        offer(context, topology->stores[i].name);
    for (size_t i = 0; with_nodes && i < topology->node_count; i++)
        offer(context, topology->nodes[i].name);
}

static void each_actor(const struct topology *topology, void (*offer)(void *context, const char *name), void *context)
{
    char address[2 * TOPOLOGY_NAME_LIMIT + 2];

    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t a = 0; a < topology->nodes[n].actor_count; a++) {
            snprintf(address, sizeof address, "%s/%s", topology->nodes[n].name, topology->nodes[n].actors[a].name);
            offer(context, address);
        }
}

/* Options of the kinds that run; with `named` only the choices of that one. */
static void each_option(const struct topology *topology,
                        const char *named,
                        void (*offer)(void *context, const char *name),
                        void *context)
{
    char name[2 * TOPOLOGY_NAME_LIMIT + 2];

    for (size_t n = 0; n < topology->node_count; n++)
        for (size_t a = 0; a < topology->nodes[n].actor_count; a++) {
            const struct actor_kind *kind = topology->nodes[n].actors[a].kind;

            for (size_t o = 0; o < kind->option_count; o++) {
                snprintf(name, sizeof name, "%s.%s", kind->name, kind->options[o].name);
                if (named == NULL)
                    offer(context, name);
                else if (strcmp(named, name) == 0 && kind->options[o].choices != NULL)
                    each_word(kind->options[o].choices, offer, context);
            }
        }
}

static void each_failpoint(void (*offer)(void *context, const char *name), void *context)
{
    struct failpoint **points;
    size_t count = failpoint_list(&points);

    for (size_t i = 0; i < count; i++)
        offer(context, points[i]->name);
    offer(context, "off");
}

static void each_message(void (*offer)(void *context, const char *name), void *context)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);

    offer(context, "any");
    for (size_t i = 0; i < count; i++)
        offer(context, all[i]->name);
}

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

void console_each_name(const struct console *console,
                       enum console_subject subject,
                       const char *before,
                       void (*offer)(void *context, const char *name),
                       void *context)
{
    static const char *const actions[] = { "off", "crash", "error", "hang", "delay", NULL };
    static const char *const flags[] = { "-f", "--level", "--trace", "--lines", "console", "launcher", NULL };
    const struct topology *topology = console->topology;

    if (subject == SUBJECT_VERB)
        for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++)
            offer(context, verb->name);
    if (subject == SUBJECT_PROCESS || subject == SUBJECT_ANY || subject == SUBJECT_LOG || subject == SUBJECT_NODE)
        each_process(topology, subject != SUBJECT_NODE, true, offer, context);
    if (subject == SUBJECT_ACTOR || subject == SUBJECT_ANY)
        each_actor(topology, offer, context);
    if (subject == SUBJECT_OPTION || subject == SUBJECT_VALUE)
        each_option(topology, subject == SUBJECT_VALUE ? before : NULL, offer, context);
    if (subject == SUBJECT_OPTION)
        offer(context, "supervisor.log_level");
    if ((subject == SUBJECT_VALUE && strcmp(before, "supervisor.log_level") == 0) ||
        (subject == SUBJECT_LOG && strcmp(before, "--level") == 0))
        each_word(levels, offer, context);
    if (subject == SUBJECT_LOG)
        each_word(flags, offer, context);
    if (subject == SUBJECT_MESSAGE)
        each_message(offer, context);
    if (subject == SUBJECT_FAILPOINT)
        each_failpoint(offer, context);
    if (subject == SUBJECT_ACTION)
        each_word(actions, offer, context);
    if (subject == SUBJECT_REPAIR)
        offer(context, "repair");
    if (subject == SUBJECT_TRACE)
        offer(context, "watch");
}

/* ------------------------------------------------------------------------------------------------ completion */

struct completion {
    const char *word;
    const char **choices;
    size_t count;
};

/* Names live in a room of their own until the next completion. */
static const char *keep(const char *name)
{
    static char room[LINE_EDITOR_CHOICES][128];
    static size_t next;
    char *kept = room[next++ % LINE_EDITOR_CHOICES];

    snprintf(kept, sizeof room[0], "%s", name);
    return kept;
}

static void offer(void *context, const char *choice)
{
    struct completion *completion = context;

    if (completion->count == LINE_EDITOR_CHOICES || strncmp(choice, completion->word, strlen(completion->word)) != 0)
        return;
    for (size_t i = 0; i < completion->count; i++)
        if (strcmp(completion->choices[i], choice) == 0)
            return;
    completion->choices[completion->count++] = keep(choice);
}

/* The next word of each verb that the line could be the beginning of. */
static void offer_verb_words(struct completion *completion, const char *line, size_t before)
{
    for (const struct console_verb *verb = console_verbs; verb->name != NULL; verb++) {
        char word[32];

        if (before >= strlen(verb->name) || strncmp(verb->name, line, before) != 0)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(verb->name + before, " "), verb->name + before);
        offer(completion, word);
    }
}

/* What a subject of the verb in front offers for the word that is begun. */
static void offer_names(struct completion *completion, const struct console *console, const char *line, size_t before)
{
    char copy[1024];
    char *words[CONSOLE_WORDS_LIMIT];
    size_t taken = 0;
    size_t count;
    const struct console_verb *verb;

    snprintf(copy, sizeof copy, "%.*s", (int)before, line);
    count = console_split(copy, words);
    verb = console_find(words, count, &taken);
    if (verb == NULL || count - taken >= verb->words_max)
        return;

    size_t at = count - taken < CONSOLE_SUBJECTS_LIMIT ? count - taken : CONSOLE_SUBJECTS_LIMIT - 1;
    enum console_subject subject = verb->subjects[0] == SUBJECT_LOG ? SUBJECT_LOG : verb->subjects[at];

    console_each_name(console, subject, count > taken ? words[count - 1] : "", offer, completion);
}

size_t console_complete(void *context, const char *line, const char **choices, size_t *ret_word)
{
    const char *space = strrchr(line, ' ');
    struct completion completion = { .word = space != NULL ? space + 1 : line, .choices = choices };
    size_t before = (size_t)(completion.word - line);

    *ret_word = before;
    offer_verb_words(&completion, line, before);
    offer_names(&completion, context, line, before);
    return completion.count;
}
