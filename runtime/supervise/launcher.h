/* SPDX-License-Identifier: MIT */
/*
 * launcher -- starts the stores and nodes of a topology, watches them, restarts them, and stops them in order.
 *
 * It starts each as soon as all that stand in its `after` are up, so that what does not depend on each other starts at
 * the same time. A store is up when it answers its kind's probe, a node when its supervisor says so (node_up). Whatever
 * ends by itself is started again by the rules of policy.h; who fails too often, or says by its exit code that starting
 * again is of no use, is given up, loudly. Nothing that it started outlives it, not even a kill -9 (see process.h).
 *
 * It is itself an actor, "launcher/launcher", so that console and supervisors speak with it by messages.
 */
#ifndef RUNTIME_SUPERVISE_LAUNCHER_H
#define RUNTIME_SUPERVISE_LAUNCHER_H

#include "runtime/actor.h"
#include "runtime/plan/topology.h"

/* What whoever called launcher_run may want to show. Texts are valid during the call. */
enum launcher_event_type {
    LAUNCHER_CHANGED,  /* a store or node has a new state */
    LAUNCHER_READY,    /* all are up for the first time */
    LAUNCHER_STOPPING, /* the orderly stop begins; `reason` says why */
    LAUNCHER_FAILED    /* it could not be started: `name` and `reason`; an orderly stop follows */
};

struct launcher_event {
    enum launcher_event_type type;
    const char *name;
    bool is_store;
    const char *state; /* waiting, starting, up, backoff, stopping, stopped, gave_up, external */
    const char *reason;
    uint32_t up;     /* how many are up now */
    uint32_t total;  /* of this many */
    uint64_t age_us; /* since launcher_run was called */
};

struct launcher_plan {
    const struct topology *topology; /* with secrets */
    const char *program;             /* path of this program, which is also every node's */
    const char *store_script;        /* path of the script that starts a store: SCRIPT KIND run */
    const char *home;                /* where Shunt's files lie; handed to nodes and stores */
    const char *data;                /* the data folder's absolute path, which is the working directory */
    /* Loads and checks another topology, with secrets, for topology_reload; NULL after saying on standard error what is
     * wrong. May be NULL. */
    struct topology *(*load)(const char *file);
    void (*tell)(void *context, const struct launcher_event *event); /* may be NULL */
    void *context;
};

/* Exit codes with which a store's script says what is wrong, in one sentence. Starting it again is of no use, but for a
 * full disk: that may pass by itself, so a platform that was up before tries again until it has. */
enum { STORE_EXIT_NEEDS_PERSON = 69, STORE_EXIT_NEEDS_ROOM = 75, STORE_EXIT_DAMAGED = 78 };

/* Runs the platform until it is told to stop, by SIGINT or SIGTERM (the second one hurries) or by platform_stop.
 * Returns false when it could not be started; the reason was told. Only one call in a process, on its main thread. */
bool launcher_run(const struct launcher_plan *plan);

extern const struct actor_kind launcher_kind;

#endif
