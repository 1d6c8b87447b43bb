/* SPDX-License-Identifier: MIT */
/* supervisor_report -- puts what the node's actors report of themselves into one answer; see supervisor.h. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "runtime/supervise/supervisor_state.h"
#include "runtime/watch/exposition.h"
#include "runtime/wire/curve_file.h"

enum { GATHER_LIMIT_US = 500 * 1000, REPORT_DECODED_LIMIT = 8 * 1024 * 1024 };

/* ------------------------------------------------------------------------------------------------ the process */

static uint64_t resident_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t process_cpu_us(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}

/* ------------------------------------------------------------------------------------------------ answers */

struct decoded {
    const struct node_status *status;
    const struct metrics_text *metrics;
};

static bool decode_report(const struct buffer *report, struct arena *arena, struct decoded *ret)
{
    struct reader reader = reader_of(buffer_slice(report));
    struct node_status *status = arena_take(arena, sizeof *status);
    struct metrics_text *metrics = arena_take(arena, sizeof *metrics);

    ret->status = status;
    ret->metrics = metrics;
    return status != NULL && metrics != NULL && codec_decode(&node_status_schema, &reader, arena, status) &&
           codec_decode(&metrics_text_schema, &reader, arena, metrics);
}

static const char *state_of_node(const struct supervisor *self)
{
    return self->is_stopping ? "draining" : self->is_up ? "up" : "starting";
}

static void collect(const struct gathering *gathering,
                    struct arena *arena,
                    struct actor_status *actors,
                    uint32_t *ret_actors,
                    struct route_status *routes,
                    uint32_t *ret_routes)
{
    struct decoded decoded;

    *ret_actors = 0;
    *ret_routes = 0;
    for (uint32_t i = 0; i < gathering->report_count; i++) {
        if (!decode_report(&gathering->reports[i], arena, &decoded) || decoded.status->actors.count != 1)
            continue;
        actors[(*ret_actors)++] = decoded.status->actors.at[0];
        for (uint32_t r = 0; r < decoded.status->routes.count && *ret_routes < 4096; r++)
            routes[(*ret_routes)++] = decoded.status->routes.at[r];
    }
}

static void answer_status(struct actor *me, struct gathering *gathering)
{
    struct supervisor *self = supervisor_of(me);
    struct arena arena = { .limit = REPORT_DECODED_LIMIT };
    struct actor_status actors[TOPOLOGY_ACTORS_LIMIT + 1];
    struct route_status *routes = calloc(4096, sizeof *routes);
    struct node_status status = {
        .name = slice_of(actor_node(me)),
        .pid = (uint64_t)getpid(),
        .state = slice_of(state_of_node(self)),
        .uptime_us = actor_now_us(me) - self->started_at_us,
        .memory_bytes = resident_bytes(),
        .cpu_us = process_cpu_us(),
    };

    assert(routes != NULL);
    status.actors.at = actors;
    status.routes.at = routes;
    collect(gathering, &arena, actors, &status.actors.count, routes, &status.routes.count);
    actor_answer(me, gathering->question, &node_status_schema, &status);
    free(routes);
    arena_free(&arena);
}

static unsigned open_files(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        char path[32];

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        count += access(path, F_OK) == 0 ? 1 : 0;
    }
    return count;
}

/* Of the file system that holds the data folder. */
static void put_disk(struct buffer *text, const char *labels)
{
    struct statvfs disk;

    if (statvfs(".", &disk) != 0)
        return;
    exposition_line(text, "shunt_node_disk_bytes", "gauge", "Size of the file system that holds the data.", labels,
                    (double)disk.f_blocks * (double)disk.f_frsize);
    exposition_line(text, "shunt_node_disk_free_bytes", "gauge", "What is free of it for this user.", labels,
                    (double)disk.f_bavail * (double)disk.f_frsize);
}

/* When the key that this node speaks over tcp with was made, or brought here; nothing when it has none. */
static void put_key(const struct supervisor *self, struct buffer *text, const char *labels)
{
    const struct topology_node *plan = self->process->plan;
    char path[sizeof CURVE_FOLDER + CURVE_NAME_LIMIT + 16];
    struct stat file;

    if (plan == NULL || plan->host == NULL ||
        snprintf(path, sizeof path, CURVE_FOLDER "/%s.cert_secret", plan->host) >= (int)sizeof path ||
        stat(path, &file) != 0)
        return;
    exposition_line(text, "shunt_node_key_made_timestamp_seconds", "gauge", "When the node's key was made.", labels,
                    (double)file.st_mtim.tv_sec);
}

static void put_process(struct actor *me, struct buffer *text)
{
    struct supervisor *self = supervisor_of(me);
    struct rlimit files;
    char labels[96];

    snprintf(labels, sizeof labels, "node=\"%s\"", actor_node(me));
    exposition_line(text, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", labels,
                    (double)resident_bytes());
    exposition_line(text, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
                    labels, (double)process_cpu_us() / 1e6);
    exposition_line(text, "process_open_fds", "gauge", "Number of open file descriptors.", labels, open_files());
    exposition_line(text, "process_max_fds", "gauge", "Maximum number of open file descriptors.", labels,
                    getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur : 0);
    exposition_line(text, "process_start_time_seconds", "gauge",
                    "Start time of the process since unix epoch in seconds.", labels,
                    (double)self->process->node.incarnation / 1e6);
    put_disk(text, labels);
    put_key(self, text, labels);
    supervisor_put_liveness(self, actor_node(me), text);
    exposition_line(text, "shunt_node_refused_keys_total", "counter",
                    "Connections over tcp that were refused because their key is not known.", labels,
                    (double)self->refused_keys);
    exposition_line(text, "shunt_node_up", "gauge", "Whether all actors of the node have started.", labels,
                    self->is_up && !self->is_stopping);
}

static void answer_metrics(struct actor *me, struct gathering *gathering)
{
    struct arena arena = { .limit = REPORT_DECODED_LIMIT };
    struct buffer text = { 0 };
    struct buffer merged = { 0 };
    struct decoded decoded;

    put_process(me, &text);
    for (uint32_t i = 0; i < gathering->report_count; i++) {
        if (decode_report(&gathering->reports[i], &arena, &decoded))
            buffer_append(&text, decoded.metrics->text.at, decoded.metrics->text.size);
    }
    exposition_merge(&text, &merged);
    ANSWER(me, gathering->question, metrics_text, .text = buffer_slice(&merged));
    buffer_free(&text);
    buffer_free(&merged);
    arena_free(&arena);
}

/* ------------------------------------------------------------------------------------------------ gathering */

static void close_gathering(struct actor *me, struct gathering *gathering)
{
    if (gathering->wants_metrics)
        answer_metrics(me, gathering);
    else
        answer_status(me, gathering);
    actor_cancel_timer(me, &gathering->timer);
    for (uint32_t i = 0; i < gathering->report_count; i++)
        buffer_free(&gathering->reports[i]);
    gathering->report_count = 0;
    gathering->is_open = false;
}

/* A thread that does not report in time is left out: its hang is found by its own means. */
static void waited_long_enough(struct actor *me, void *context)
{
    struct gathering *gathering = context;

    gathering->timer = 0;
    close_gathering(me, gathering);
}

static void gather(struct actor *me, struct question q, bool wants_metrics)
{
    struct supervisor *self = supervisor_of(me);
    struct gathering *gathering = NULL;

    for (size_t i = 0; i < GATHERINGS_LIMIT && gathering == NULL; i++)
        gathering = self->gatherings[i].is_open ? NULL : &self->gatherings[i];
    if (gathering == NULL) {
        actor_refuse(me, q, "too many ask at the same time; try again");
        return;
    }
    *gathering = (struct gathering){ .question = q,
                                     .wants_metrics = wants_metrics,
                                     .is_open = true,
                                     .number = ++self->numbers,
                                     .outstanding = (uint32_t)self->process->reactor_count };
    gathering->timer = actor_after(me, GATHER_LIMIT_US, waited_long_enough, gathering);

    struct notice notice = { .type = COMMAND_REPORT, .number = gathering->number };

    for (size_t i = 0; i < self->process->reactor_count; i++)
        channel_send(self->process->reactors[i].commands, &notice);
    if (gathering->outstanding == 0)
        close_gathering(me, gathering);
}

/* In the order of the topology, whichever thread was the quickest. */
static void keep_report(const struct supervisor *self, struct gathering *gathering, const struct notice *event)
{
    size_t index = 0;

    while (index < self->process->child_count && self->process->children[index].cell != event->actor)
        index++;
    assert(index < sizeof gathering->reports / sizeof gathering->reports[0]);
    buffer_free(&gathering->reports[index]);
    gathering->reports[index] = event->payload;
    if (index >= gathering->report_count)
        gathering->report_count = (uint32_t)index + 1;
}

void supervisor_take_report(struct actor *me, struct notice *event)
{
    struct supervisor *self = supervisor_of(me);
    struct gathering *gathering = NULL;

    for (size_t i = 0; i < GATHERINGS_LIMIT && gathering == NULL; i++) {
        if (self->gatherings[i].is_open && self->gatherings[i].number == event->number)
            gathering = &self->gatherings[i];
    }
    if (gathering == NULL) {
        buffer_free(&event->payload);
        return;
    }
    if (event->actor != NULL) {
        keep_report(self, gathering, event);
    } else if (--gathering->outstanding == 0) {
        close_gathering(me, gathering);
    }
}

void supervisor_free_gatherings(struct supervisor *self)
{
    for (size_t i = 0; i < GATHERINGS_LIMIT; i++) {
        for (uint32_t r = 0; self->gatherings[i].is_open && r < self->gatherings[i].report_count; r++)
            buffer_free(&self->gatherings[i].reports[r]);
    }
}

void supervisor_on_status(struct actor *me, const struct status_read *m, struct question q)
{
    (void)m;
    gather(me, q, false);
}

void supervisor_on_metrics(struct actor *me, const struct metrics_read *m, struct question q)
{
    (void)m;
    gather(me, q, true);
}
