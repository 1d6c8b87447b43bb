/* SPDX-License-Identifier: MIT */
/*
 * launcher_watch -- notices a node whose process runs on but says nothing: stopped by a signal, or with a supervisor
 * that hangs itself. Each supervisor tells twice a second that it is alive and which of its threads is busy with what;
 * one that is silent for its node's `silence_limit` is killed, and started again by its restart limits.
 *
 * Silence is counted in looks of the launcher's own: when the whole machine slept, nobody was silent.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/supervise/launcher_state.h"

void launcher_on_beat(struct actor *me, const struct node_beat *m)
{
    struct unit *unit = launcher_find(launcher_of(me), m->node);

    if (unit == NULL || unit->node == NULL || m->incarnation <= unit->spawned_number)
        return; /* of an earlier process */
    unit->silent_looks = 0;
    unit->last_step[0] = '\0';
    if (m->actor.size > 0)
        snprintf(unit->last_step, sizeof unit->last_step, "%.*s in %.*s", (int)m->actor.size, m->actor.at,
                 (int)m->with.size, m->with.at);
}

/* Whether a signal has stopped it: the letter behind the name in /proc/PID/stat. */
static bool is_stopped(pid_t pid)
{
    char path[64];
    char text[512] = "";
    const char *behind;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(text, sizeof text, file) == NULL)
        text[0] = '\0';
    fclose(file);
    behind = strrchr(text, ')');
    return behind != NULL && (behind[1] == ' ' && (behind[2] == 'T' || behind[2] == 't'));
}

static void replace(struct actor *me, struct unit *unit)
{
    unsigned silent_ms = (unsigned)(unit->silent_looks * (uint64_t)LAUNCHER_LOOK_US / 1000);

    if (is_stopped(unit->process.pid))
        snprintf(unit->reason, sizeof unit->reason,
                 "gave no sign of life for %u ms: a signal has stopped its process; it was killed", silent_ms);
    else if (unit->last_step[0] != '\0')
        snprintf(unit->reason, sizeof unit->reason, "gave no sign of life for %u ms, last seen with %s; it was killed",
                 silent_ms, unit->last_step);
    else
        snprintf(unit->reason, sizeof unit->reason,
                 "gave no sign of life for %u ms: its supervisor hangs; it was killed", silent_ms);
    actor_log(me, LOG_ERROR, "%s %s", unit->name, unit->reason);
    unit->was_silent = true;
    process_signal(&unit->process, SIGKILL);
}

void launcher_look_for_silence(struct actor *me, void *context)
{
    struct launcher *self = launcher_of(me);

    (void)context;
    for (size_t i = 0; i < self->unit_count; i++) {
        struct unit *unit = &self->units[i];

        if (unit->node == NULL || unit->state != UNIT_UP || unit->was_silent)
            continue;
        unit->silent_looks++;
        if (unit->silent_looks * (uint64_t)LAUNCHER_LOOK_US > unit->node->silence_limit_us)
            replace(me, unit);
    }
}
