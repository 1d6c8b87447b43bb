/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what comes through a node's console door: a parcel for the node's supervisor, handled by its real
 * handlers (without actors to command, and without setting failpoints, which could end the fuzzer); and any bytes as a
 * line that somebody types into the console. Every ask that is understood is answered once; a line finds a verb of the
 * table or none, and completion stays within its limits.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/io/line_editor.h"
#include "runtime/cell/mailbox.h"
#include "runtime/harness.h"
#include "runtime/supervise/supervisor.h"
#include "runtime/supervise/supervisor_state.h"
#include "runtime/watch/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HANDLERS_LIMIT = 32 };

/* ------------------------------------------------------------------------------------------------ the door */

static struct node_process process; /* a node without actors */

static void start(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    self->process = &process;
    self->starting = SIZE_MAX;
    self->stopping = SIZE_MAX;
}

static void stop(struct actor *me)
{
    supervisor_free_gatherings(supervisor_of(me));
}

static void refuse_failpoint(struct actor *me, const struct failpoint_order *m, struct question q)
{
    (void)m;
    actor_refuse(me, q, "not here");
}

/* It has nothing to decode, and looks at every file descriptor of the process: too slow for a fuzzer. */
static void refuse_metrics(struct actor *me, const struct metrics_read *m, struct question q)
{
    (void)m;
    actor_refuse(me, q, "not here");
}

static struct handler own_handler(const struct handler *handler)
{
    if (handler->schema == &failpoint_order_schema)
        return (struct handler)ASKED(failpoint_order, refuse_failpoint);
    if (handler->schema == &metrics_read_schema)
        return (struct handler)ASKED(metrics_read, refuse_metrics);
    return *handler;
}

static const struct actor_kind *door_kind(void)
{
    static struct handler handlers[HANDLERS_LIMIT];
    static struct actor_kind kind;

    kind = supervisor_kind;
    assert(kind.handler_count <= HANDLERS_LIMIT);
    for (size_t i = 0; i < kind.handler_count; i++)
        handlers[i] = own_handler(&kind.handlers[i]);
    kind.handlers = handlers;
    kind.start = start;
    kind.stop = stop;
    return &kind;
}

static void knock(const uint8_t *data, size_t size)
{
    struct harness *h = harness_new(1);
    struct actor *door = harness_add(h, door_kind(), "supervisor", NULL);
    struct reader reader = reader_of((struct slice){ .at = (const char *)data, .size = size });
    struct parcel_header header = { 0 };
    struct notice notice;

    process = (struct node_process){ .main_reactor.commands = channel_new() };
    harness_start(h);
    if (envelope_read_header(&reader, &header) && address_is_valid(header.from)) {
        mailbox_put_test(door, "console-1/console",
                         (struct slice){ .at = (const char *)reader.at, .size = reader_left(&reader) });
        harness_run(h);
        assert(harness_failure(door)[0] == '\0');
    }
    harness_destroy(&h);
    while (channel_take(process.main_reactor.commands, &notice))
        buffer_free(&notice.payload);
    channel_destroy(&process.main_reactor.commands);
}

/* ------------------------------------------------------------------------------------------------ a line */

static void count_name(void *context, const char *name)
{
    *(size_t *)context += strlen(name);
}

static void type(const uint8_t *data, size_t size)
{
    static struct topology_node nodes[] = { { .name = "edge" }, { .name = "app1" } };
    static struct topology topology = { .nodes = nodes, .node_count = 2 };
    static struct console console = { .topology = &topology, .called = "console" };
    const char *choices[LINE_EDITOR_CHOICES];
    char *words[CONSOLE_WORDS_LIMIT];
    char line[1024];
    size_t word;
    size_t taken = 0;
    size_t names = 0;

    snprintf(line, sizeof line, "%.*s", (int)(size < sizeof line ? size : sizeof line - 1), (const char *)data);

    size_t count = console_complete(&console, line, choices, &word);

    assert(count <= LINE_EDITOR_CHOICES && word <= strlen(line));
    for (size_t i = 0; i < count; i++)
        assert(strncmp(choices[i], line + word, strlen(line + word)) == 0);
    count = console_split(line, words);
    assert(count <= CONSOLE_WORDS_LIMIT);

    const struct console_verb *verb = console_find(words, count, &taken);

    assert((verb != NULL) == (taken > 0) && taken <= count);
    for (size_t i = 0; verb != NULL && i < CONSOLE_SUBJECTS_LIMIT; i++)
        console_each_name(&console, verb->subjects[i], count > 0 ? words[count - 1] : "", count_name, &names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'l')
        type(data + 1, size - 1);
    else if (size > 0)
        knock(data + 1, size - 1);
    return 0;
}
