/* SPDX-License-Identifier: MIT */
/*
 * supervisor_keys -- a node's doorkeeper: answers whom ZeroMQ may let in, counts whom not, and sees at once when the
 * folder of keys changes, so that granting, revoking and rotating take no restart; see runtime/wire/curve.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "runtime/supervise/supervisor_state.h"
#include "runtime/wire/curve.h"

/* A file that is written in place is read half at the worst, which leaves it out; its closing is an event again. */
enum {
    FOLDER_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB,
    SETTLE_US = 20 * 1000 /* a key is two files */
};

static void refused(void *context, const char *public_text, const char *from, const char *domain)
{
    struct actor *me = context;

    supervisor_of(me)->refused_keys++;
    actor_log(me, LOG_WARN, "a connection from %s to a %s endpoint was refused: its key %s is not known here for that",
              from, domain, public_text[0] != '\0' ? public_text : "(none)");
}

static void asked(struct actor *me, void *context, int fd, unsigned events)
{
    (void)context;
    (void)fd;
    (void)events;
    curve_zap_answer(supervisor_of(me)->process->zap, refused, me);
}

static void read_again(struct actor *me, void *context)
{
    struct supervisor *self = supervisor_of(me);
    enum curve_change change = curve_keys_reload(self->process->node.keys);

    (void)context;
    self->keys_timer = 0;
    if (change == CURVE_SAME)
        return;
    actor_log(me, LOG_INFO, "the keys in " CURVE_FOLDER " have changed%s",
              change == CURVE_REVOKED ? ": connections between hosts begin anew" : "");
    if (change == CURVE_REVOKED)
        supervisor_command_all(self, COMMAND_KEYS, (struct slice){ 0 });
}

static void folder_changed(struct actor *me, void *context, int fd, unsigned events)
{
    struct supervisor *self = supervisor_of(me);
    char bytes[4096];

    (void)context;
    (void)events;
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
    if (self->keys_timer == 0)
        self->keys_timer = actor_after(me, SETTLE_US, read_again, NULL);
}

void supervisor_watch_keys(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    self->zap_watch = actor_watch(me, curve_zap_fd(self->process->zap), WATCH_READ, asked, NULL);
    asked(me, NULL, -1, WATCH_READ); /* the first edge may be past */
    self->keys_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->keys_fd >= 0 && inotify_add_watch(self->keys_fd, CURVE_FOLDER, FOLDER_EVENTS) >= 0)
        self->keys_watch = actor_watch(me, self->keys_fd, WATCH_READ, folder_changed, NULL);
    else if (errno != ENOENT || self->process->plan->tcp != NULL)
        actor_log(me, LOG_WARN, CURVE_FOLDER " cannot be watched: %s; a change of keys takes a restart",
                  strerror(errno));
}

void supervisor_leave_keys(struct actor *me)
{
    struct supervisor *self = supervisor_of(me);

    actor_unwatch(me, &self->zap_watch);
    actor_unwatch(me, &self->keys_watch);
    if (self->keys_fd > 0)
        close(self->keys_fd);
}
