/* SPDX-License-Identifier: MIT */
#include "runtime/supervise/node_process.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/supervise/incarnation.h"
#include "runtime/supervise/supervisor.h"
#include "runtime/watch/log.h"
#include "runtime/watch/span.h"
#include "runtime/wire/socket.h"

/* More arenas than this cost megabytes in every node and win nothing: actors hardly ever allocate at the same time. */
enum { MALLOC_ARENAS = 2, JOIN_LIMIT_S = 5 };

static void complain(const struct node *node, const char *sentence)
{
    struct log_origin origin = { .node = node->name, .wall_us = node->clock->wall_us(NULL) };

    log_line(&origin, LOG_ERROR, sentence);
}

/* The reactor for a thread name; a new one for NULL, or the first time a name comes. */
static struct reactor *reactor_for(struct node_process *process, const struct topology_actor *plan)
{
    const char *thread = plan->thread != NULL ? plan->thread : plan->name;

    for (size_t i = 0; plan->thread != NULL && i < process->reactor_count; i++) {
        if (strcmp(process->reactors[i].name, thread) == 0)
            return &process->reactors[i];
    }

    struct reactor *reactor = &process->reactors[process->reactor_count++];

    reactor_init(reactor, &process->node, thread, true);
    return reactor;
}

/* Why its endpoints could not be bound; `errno` says it. */
static void complain_about(const struct node_process *process, const char *actor)
{
    const char *host = process->plan->host != NULL ? process->plan->host : "HOST";
    char sentence[256];

    if (errno == ENOKEY)
        snprintf(sentence, sizeof sentence,
                 "%s listens on tcp and there is no key of this host that may be used; `shunt keys make %s` makes one, "
                 "its files are for their owner alone",
                 actor, host);
    else
        snprintf(sentence, sizeof sentence,
                 "cannot open the mailbox of %s: %s; is another platform running on this data folder or these ports?",
                 actor, strerror(errno));
    complain(&process->node, sentence);
}

static bool make_children(struct node_process *process)
{
    for (size_t i = 0; i < process->plan->actor_count; i++) {
        const struct topology_actor *plan = &process->plan->actors[i];
        struct child *child = &process->children[i];

        child->plan = plan;
        child->group = plan->group;
        for (size_t earlier = 0; earlier < i; earlier++)
            child->index_in_group += process->children[earlier].group == child->group ? 1 : 0;
        child->reactor = reactor_for(process, plan);
        child->cell = cell_new(child->reactor, plan->kind, plan->name, plan);
        if (child->cell == NULL) {
            complain_about(process, plan->name);
            return false;
        }
        process->child_count++;
    }
    return true;
}

static void make_policies(struct node_process *process)
{
    for (size_t g = 0; g < process->plan->group_count; g++) {
        const struct topology_group *group = &process->plan->groups[g];
        enum child_policy policies[POLICY_CHILDREN_LIMIT];
        size_t count = 0;

        for (size_t i = 0; i < process->child_count; i++) {
            if (process->children[i].group == g)
                policies[count++] = process->children[i].plan->policy;
        }
        policy_init(&process->policies[g], group->strategy, &group->limits, policies, count);
    }
}

static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void make_room(struct node_process *process)
{
    process->reactors = calloc(process->plan->actor_count + 1, sizeof *process->reactors);
    process->children = calloc(process->plan->actor_count + 1, sizeof *process->children);
    process->policies = calloc(process->plan->group_count + 1, sizeof *process->policies);
    assert(process->reactors != NULL && process->children != NULL && process->policies != NULL);
}

/* A thread that does not come back now never will, and the supervisor no longer looks: the process must not wait. */
static void join_thread(struct node_process *process, struct reactor *reactor)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_LIMIT_S;
    if (pthread_timedjoin_np(reactor->thread, NULL, &until) == 0)
        return;
    complain(&process->node, "a thread did not end in time, and the process ends without it");
    _exit(process->exit_code != NODE_EXIT_DONE ? process->exit_code : NODE_EXIT_HUNG);
}

/* All threads end by COMMAND_END, then everything that they used goes. */
static void clean_up(struct node_process *process, struct actor *supervisor)
{
    for (size_t i = 0; i < process->reactor_count; i++)
        channel_send(process->reactors[i].commands, &(struct notice){ .type = COMMAND_END });
    for (size_t i = 0; i < process->reactor_count; i++)
        join_thread(process, &process->reactors[i]);
    cell_stop(supervisor);
    for (size_t i = 0; i < process->child_count; i++) {
        cell_destroy(&process->children[i].cell);
        free(process->children[i].changes);
    }
    cell_destroy(&supervisor);
    for (size_t i = 0; i < process->reactor_count; i++)
        reactor_free(&process->reactors[i]);
    reactor_free(&process->main_reactor);
    curve_zap_close(&process->zap);
    curve_keys_destroy(&process->node.keys);
    channel_destroy(&process->node.events);
    zmq_ctx_term(process->node.zmq);
    free(process->reactors);
    free(process->children);
    free(process->policies);
    span_ring_destroy(&process->node.spans);
}

static void init_node(struct node_process *process, const struct topology *topology, const char *name)
{
    process->node = (struct node){
        .name = name,
        .incarnation = incarnation_next(name),
        .zmq = socket_context_new(),
        .topology = topology,
        .clock = &machine_clock,
        .events = channel_new(),
        .seed = machine_clock.wall_us(NULL) ^ (uint64_t)getpid() << 32,
        .log_level = (int)topology->log_level,
        .spans = span_ring_new(),
    };
    assert(process->node.zmq != NULL);
    process->plan = topology_find_node(topology, name);
    process->node.keys = curve_keys_open(process->plan != NULL ? process->plan->host : NULL);
    process->zap = curve_zap_open(process->node.zmq, process->node.keys);
}

int node_process_run(const struct topology *topology, const char *name)
{
    struct node_process process = { 0 };

    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    block_signals();
    mkdir("run", 0700);
    mkdir(CURVE_FOLDER, 0700);
    init_node(&process, topology, name);
    if (process.plan == NULL) {
        complain(&process.node, "the topology has no such node");
        return NODE_EXIT_UNUSABLE;
    }
    make_room(&process);
    reactor_init(&process.main_reactor, &process.node, "supervisor", true);

    struct actor *supervisor = cell_new(&process.main_reactor, &supervisor_kind, "supervisor", NULL);

    if (supervisor == NULL)
        complain_about(&process, "the supervisor");
    if (supervisor == NULL || !make_children(&process)) {
        complain(&process.node, "the node cannot start; see the line above or `shunt status` for who else is running");
        _exit(NODE_EXIT_UNUSABLE);
    }
    make_policies(&process);
    for (size_t i = 0; i < process.reactor_count; i++)
        reactor_start_thread(&process.reactors[i]);
    cell_start(supervisor);
    reactor_run(&process.main_reactor);
    clean_up(&process, supervisor);
    return process.exit_code;
}
