/* SPDX-License-Identifier: MIT */
/*
 * node_process -- a node: one process with a supervisor on its main thread and the node's actors on theirs.
 */
#ifndef RUNTIME_SUPERVISE_NODE_PROCESS_H
#define RUNTIME_SUPERVISE_NODE_PROCESS_H

#include "runtime/cell/cell.h"
#include "runtime/supervise/policy.h"
#include "runtime/wire/curve.h"

enum {
    NODE_EXIT_DONE = 0,
    NODE_EXIT_GAVE_UP = 70, /* a group failed too often: the launcher is to decide */
    NODE_EXIT_HUNG = 71,    /* an actor did not come back from its handler */
    NODE_EXIT_UNUSABLE = 72 /* an endpoint could not be bound, the node is not in the topology ... */
};

/* An option's new value. */
struct option_copy {
    char name[64];
    char value[512];
};

/* One actor as its supervisor sees it. */
struct child {
    struct actor *cell;
    struct reactor *reactor;
    const struct topology_actor *plan;
    uint32_t group;
    uint32_t index_in_group;
    enum cell_state life;        /* as last heard */
    uint64_t start_timer;        /* while starting */
    uint64_t pause_timer;        /* before it is started again; 0: none */
    uint64_t drain_timer;        /* while it drains by order, its limit */
    struct option_copy *changes; /* to be set when it has drained; NULL: none */
    size_t change_count;
    bool is_changing; /* and whoever wants it waits for the answer */
    struct question change_question;
    uint64_t restarts;
    uint64_t life_number; /* of its present life, for those who watch it; 0: it is not up */
    char last_end[256];   /* how its last life ended; empty: it had none */
};

struct node_process {
    struct node node; /* first: the actors' pointer to it is a pointer to this */
    const struct topology_node *plan;
    struct reactor main_reactor; /* the supervisor's */
    struct reactor *reactors;    /* one for each thread */
    size_t reactor_count;
    struct child *children; /* in start order */
    size_t child_count;
    struct policy *policies; /* one for each group */
    struct curve_zap *zap;
    int exit_code;
};

/* Runs the node of that name until it is told to stop; returns the process's exit code. The working directory is the
 * data folder. Blocks SIGTERM, SIGINT and SIGPIPE for all threads: the supervisor reads them. */
int node_process_run(const struct topology *topology, const char *name);

#endif
