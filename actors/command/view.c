/* SPDX-License-Identifier: MIT */
/* view -- see view.h. */
#include "actors/command/view.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "actors/command/notify.h"

struct view {
    const struct topology *topology;
    const char *data;
    FILE *to;
    int ready_fd;
    bool is_terminal;
    bool has_colour;
    bool is_ready;
    bool is_silent;
    bool is_stopping;
    uint64_t restarts;
};

enum colour { PLAIN = 0, RED = 31, GREEN = 32, YELLOW = 33 };

bool view_has_colour(int fd)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fd) && (no == NULL || *no == '\0');
}

struct view *view_open(const struct topology *topology, const char *data, int ready_fd)
{
    struct view *view = calloc(1, sizeof *view);
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

    assert(view != NULL);
    notify_open();
    view->topology = topology;
    view->data = data;
    view->ready_fd = ready_fd;
    view->to = fd >= 0 ? fdopen(fd, "w") : NULL;
    view->is_silent = view->to == NULL;
    view->is_terminal = isatty(STDERR_FILENO) != 0;
    view->has_colour = view_has_colour(STDERR_FILENO);
    return view;
}

/* Takes the living line away. */
static void clear_line(struct view *view)
{
    if (view->is_terminal)
        fputs("\r\033[K", view->to);
}

static void say(struct view *view, enum colour colour, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(struct view *view, enum colour colour, const char *format, ...)
{
    va_list arguments;

    clear_line(view);
    if (view->has_colour && colour != PLAIN)
        fprintf(view->to, "\033[%dm", colour);
    va_start(arguments, format);
    vfprintf(view->to, format, arguments);
    va_end(arguments);
    fputs(view->has_colour && colour != PLAIN ? "\033[0m\n" : "\n", view->to);
}

static void draw_line(struct view *view, const struct launcher_event *event)
{
    const char *what = view->is_stopping ? "stopping" : view->is_ready ? "running" : "starting";

    if (!view->is_terminal)
        return;
    clear_line(view);
    fprintf(view->to, "%s: %u of %u up", what, event->up, event->total);
    if (event->name != NULL && !view->is_ready)
        fprintf(view->to, ", %s %s (%.1f s)", event->name, event->state, (double)event->age_us / 1e6);
    if (view->restarts > 0)
        fprintf(view->to, ", %llu restarts", (unsigned long long)view->restarts);
    if (view->is_ready && !view->is_stopping)
        fputs(", Ctrl-C stops", view->to);
}

static void show_change(struct view *view, const struct launcher_event *event)
{
    double age_s = (double)event->age_us / 1e6;
    bool has_failed = strcmp(event->state, "backoff") == 0 || strcmp(event->state, "gave_up") == 0;

    if (has_failed && !view->is_stopping) {
        bool given_up = strcmp(event->state, "gave_up") == 0;

        if (given_up && !view->is_ready)
            return; /* LAUNCHER_FAILED comes next and says it */
        view->restarts += given_up ? 0 : 1;
        say(view, given_up ? RED : YELLOW, "%s %s%s", event->name, event->reason,
            given_up ? "; it is given up" : "; it is started again");
    } else if (!view->is_terminal && strcmp(event->state, "up") == 0) {
        say(view, PLAIN, "%s is up (%.1f s)", event->name, age_s);
    } else if (!view->is_terminal && strcmp(event->state, "stopped") == 0) {
        say(view, PLAIN, "%s has stopped", event->name);
    }
    draw_line(view, event);
}

static void show_ready(struct view *view, const struct launcher_event *event)
{
    const char *url = view->topology->url;
    const char *data = strcmp(view->data, "var") == 0 ? "" : " --data ";
    const char *folder = *data != '\0' ? view->data : "";

    view->is_ready = true;
    notify_tell("READY=1");
    clear_line(view);
    fflush(view->to);
    printf("ready %s\n", url);
    fflush(stdout);
    say(view, GREEN, "all %u are up after %.1f s", event->total, (double)event->age_us / 1e6);
    say(view, PLAIN,
        "  try       curl -d '{\"url\":\"https://example.org/\"}' -H 'content-type: application/json' %s/api/shorten",
        url);
    say(view, PLAIN, "  look      shunt status%s%s", data, folder);
    say(view, PLAIN, "  logs      %s/log/", view->data);
    if (view->ready_fd < 0) {
        draw_line(view, event);
        return;
    }
    say(view, PLAIN, "  stop      shunt down%s%s", data, folder);
    fflush(view->to);
    if (write(view->ready_fd, "r", 1) == 1)
        close(view->ready_fd);

    /* Whoever waited is gone, and with him perhaps the terminal. */
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, fileno(view->to)); /* a pipe held open would keep its reader waiting for ever */
    close(nowhere);
    view->is_silent = true;
}

void view_tell(void *context, const struct launcher_event *event)
{
    struct view *view = context;

    if (view->is_silent)
        return;
    switch (event->type) {
    case LAUNCHER_CHANGED:
        show_change(view, event);
        break;
    case LAUNCHER_READY:
        show_ready(view, event);
        break;
    case LAUNCHER_STOPPING:
        view->is_stopping = true;
        notify_tell("STOPPING=1");
        say(view, PLAIN, "stopping (%s): draining nodes, then stores; once more to hurry", event->reason);
        break;
    case LAUNCHER_FAILED:
        say(view, RED, "shunt up: %s could not be started: %s", event->name, event->reason);
        say(view, PLAIN, "  its log: %s/log/%s.log", view->data, event->name);
        break;
    }
    fflush(view->to);
}

void view_close(struct view **closed)
{
    struct view *view = *closed;

    if (view->to != NULL) {
        if (!view->is_silent)
            clear_line(view);
        fclose(view->to);
    }
    free(view);
    *closed = NULL;
}
