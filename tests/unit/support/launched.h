/* SPDX-License-Identifier: MIT */
/*
 * launched -- a small platform of real processes for the tests of the launcher. The test program plays every part:
 * called with `node` it is a node, called with a store's kind it is the store's script and server.
 */
#ifndef TESTS_UNIT_SUPPORT_LAUNCHED_H
#define TESTS_UNIT_SUPPORT_LAUNCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/actor.h"

enum { LINE_ROOM = 512 };

struct platform {
    char folder[64];
    pid_t launcher;
    int events; /* lines of what it tells */
    char line[LINE_ROOM];
};

/* What the launcher knows of a store or node. */
struct process_facts {
    char state[16];
    pid_t pid;
    uint64_t restarts;
    char uri[128];
    char reason[256];
};

/* Called first by main: plays a part and returns true with its exit code, or false in the test itself. */
bool launched_part(int count, char **arguments, int *ret_code);

/* Two stores, s2 after s1, and two nodes, n2 after n1 and s2, n1 after s1. `more` goes into s2's section, `of_n2` into
 * n2's, `end` behind all. */
void launched_begin(struct platform *platform, const char *more, const char *of_n2, const char *end);
/* Reads on until a line that the launcher tells, "changed NAME STATE REASON", begins so; fails the test at the end. */
const char *launched_expect(struct platform *platform, const char *start);
/* The next such line; "" at the end. */
const char *launched_next(struct platform *platform);
struct process_facts launched_ask(struct platform *platform, const char *name);
void launched_command(struct platform *platform, const char *name, const char *verb, enum ask_outcome outcome);
/* Waits for its end and returns its exit code. */
int launched_end(struct platform *platform);
void launched_clean(struct platform *platform);
/* Ends it by this signal, in an orderly way or the test fails, and cleans up. */
void launched_stop(struct platform *platform, int signal);

bool launched_is_gone(pid_t pid);
void launched_wait_until_gone(pid_t pid);

#endif
