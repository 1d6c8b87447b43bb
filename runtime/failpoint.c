/* SPDX-License-Identifier: MIT */
/* failpoint -- see the header. The linker gathers all places into one array. */
#include "runtime/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAME_ROOM = 128, ACTION_ROOM = 64 };

extern struct failpoint *__start_shunt_failpoints[] __attribute__((weak));
extern struct failpoint *__stop_shunt_failpoints[] __attribute__((weak));

size_t failpoint_list(struct failpoint ***ret_points)
{
    *ret_points = __start_shunt_failpoints;
    return (size_t)(__stop_shunt_failpoints - __start_shunt_failpoints);
}

/* Whether this hit acts, by `skip` and `times`. */
static bool is_due(struct failpoint *point)
{
    uint64_t skip = atomic_load(&point->skip);
    uint64_t times;

    while (skip > 0) {
        if (atomic_compare_exchange_weak(&point->skip, &skip, skip - 1))
            return false;
    }
    times = atomic_load(&point->times);
    while (times > 0) {
        if (atomic_compare_exchange_weak(&point->times, &times, times - 1)) {
            if (times == 1)
                atomic_store(&point->action, FAILPOINT_OFF);
            return true;
        }
    }
    return true;
}

bool failpoint_hit(struct failpoint *point)
{
    int action = atomic_load_explicit(&point->action, memory_order_relaxed);

    (void)atomic_fetch_add_explicit(&point->hits, 1, memory_order_relaxed);
    if (action == FAILPOINT_OFF || !is_due(point))
        return false;
    switch (action) {
    case FAILPOINT_CRASH:
        (void)raise(SIGKILL);
        return false;
    case FAILPOINT_HANG:
        for (;;)
            (void)pause();
    case FAILPOINT_DELAY:
        (void)usleep((useconds_t)atomic_load(&point->delay_us));
        return false;
    default:
        return action == FAILPOINT_ERROR;
    }
}

/* Reads "ACTION [US] [after N] [times N]" into `set`. */
static bool parse(const char *text, struct failpoint *set)
{
    static const struct {
        const char *word;
        enum failpoint_action action;
    } words[] = { { "off", FAILPOINT_OFF },
                  { "crash", FAILPOINT_CRASH },
                  { "error", FAILPOINT_ERROR },
                  { "hang", FAILPOINT_HANG },
                  { "delay", FAILPOINT_DELAY } };
    char copy[ACTION_ROOM];
    char *rest = NULL;
    char *word;
    bool known = false;

    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy || (word = strtok_r(copy, " ", &rest)) == NULL)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i].word) == 0) {
            set->action = words[i].action;
            known = true;
        }
    }
    if (known && set->action == FAILPOINT_DELAY)
        set->delay_us = (word = strtok_r(NULL, " ", &rest)) != NULL ? strtoull(word, NULL, 10) : 0;
    while (known && (word = strtok_r(NULL, " ", &rest)) != NULL) {
        char *number = strtok_r(NULL, " ", &rest);

        known = number != NULL && (strcmp(word, "after") == 0 || strcmp(word, "times") == 0);
        if (known && word[0] == 'a')
            set->skip = strtoull(number, NULL, 10);
        else if (known)
            set->times = strtoull(number, NULL, 10);
    }
    return known;
}

const char *failpoint_set(const char *name, const char *action)
{
    struct failpoint set = { 0 };
    struct failpoint **points;
    size_t count = failpoint_list(&points);
    bool found = false;

    if (!parse(action, &set))
        return "An action is off, crash, error, hang or delay US, then optionally: after N, times N.";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(points[i]->name, name) != 0)
            continue;
        found = true;
        atomic_store(&points[i]->delay_us, set.delay_us);
        atomic_store(&points[i]->skip, set.skip);
        atomic_store(&points[i]->times, set.times);
        atomic_store(&points[i]->action, set.action);
    }
    return found ? NULL : "There is no failpoint of this name in this program.";
}

/* Before anything runs, so that the very first hits can act. */
static void __attribute__((constructor)) set_from_environment(void)
{
    const char *text = getenv("SHUNT_FAILPOINTS");

    while (text != NULL && *text != '\0') {
        char name[NAME_ROOM];
        char action[ACTION_ROOM];
        const char *why;
        int used = 0;

        if (sscanf(text, "%127[^=;]=%63[^;]%n", name, action, &used) != 2) {
            (void)fprintf(stderr, "SHUNT_FAILPOINTS: expected NAME=ACTION;... at: %s\n", text);
            return;
        }
        why = failpoint_set(name, action);
        if (why != NULL)
            (void)fprintf(stderr, "SHUNT_FAILPOINTS: %s: %s\n", name, why);
        text += used;
        text += *text == ';';
    }
}
