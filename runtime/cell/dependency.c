/* SPDX-License-Identifier: MIT */
/* dependency -- how an actor sees what it depends on outside: what it says of it, and what its breaker says. */
#include <assert.h>
#include <string.h>

#include "runtime/cell/cell.h"

const char *dependency_mode(const struct dependency *dependency)
{
    bool is_declared = strcmp(dependency->mode, "unknown") != 0 && strcmp(dependency->mode, "normal") != 0;

    if (is_declared || dependency->breaker == NULL)
        return dependency->mode;
    return dependency->breaker->state == BREAKER_CLOSED ? "normal" : "away";
}

static struct dependency *dependency_of(struct actor *me, const char *name)
{
    for (uint32_t i = 0; i < me->dependency_count; i++) {
        if (strcmp(me->dependencies[i].name, name) == 0)
            return &me->dependencies[i];
    }
    assert(me->dependency_count < DEPENDENCIES_LIMIT);
    me->dependencies[me->dependency_count] = (struct dependency){ .name = name, .mode = "unknown" };
    return &me->dependencies[me->dependency_count++];
}

void actor_dependency(struct actor *me, const char *name, const char *mode)
{
    struct dependency *dependency = dependency_of(me, name);

    if (strcmp(dependency->mode, mode) == 0)
        return;
    actor_log(me, strcmp(mode, "normal") == 0 ? LOG_INFO : LOG_WARN, "%s is now %s (was %s)", name, mode,
              dependency->mode);
    dependency->mode = mode;
}

bool actor_dependency_at(const struct actor *me, uint32_t index, const char **ret_name, const char **ret_mode)
{
    if (index >= me->dependency_count)
        return false;
    *ret_name = me->dependencies[index].name;
    *ret_mode = dependency_mode(&me->dependencies[index]);
    return true;
}

void actor_show_breaker(struct actor *me, const char *name, const struct breaker *breaker)
{
    dependency_of(me, name)->breaker = breaker;
}
