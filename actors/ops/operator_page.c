/* SPDX-License-Identifier: MIT */
/* operator_page -- see operator_page.h. */
#include "actors/ops/operator_page.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void put_number(struct buffer *out, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    put(out, text);
}

/* Text of others: markup in it is shown, not obeyed. */
static void put_text(struct buffer *out, struct slice text)
{
    size_t i;

    for (i = 0; i < text.size; i++) {
        switch (text.at[i]) {
        case '<':
            put(out, "&lt;");
            break;
        case '>':
            put(out, "&gt;");
            break;
        case '&':
            put(out, "&amp;");
            break;
        case '"':
            put(out, "&quot;");
            break;
        default:
            buffer_append(out, text.at + i, 1);
        }
    }
}

static void put_cell(struct buffer *out, struct slice text)
{
    put(out, "<td>");
    put_text(out, text);
}

static void put_process(struct buffer *out, const struct process_status *process, bool is_node)
{
    put(out, "<tr>");
    if (is_node) {
        put(out, "<td><a href=\"/metrics/");
        put_text(out, process->name);
        put(out, "\">");
        put_text(out, process->name);
        put(out, "</a>");
    } else {
        put_cell(out, process->name);
    }
    put_cell(out, process->role);
    put_cell(out, process->state);
    put(out, "<td>");
    put_number(out, process->pid);
    put(out, "<td>");
    put_number(out, process->restarts);
    put(out, "<td>");
    put_number(out, process->uptime_us / 1000000);
    put(out, " s");
    put_cell(out, process->reason);
    put(out, "\n");
}

static void put_processes(
    struct buffer *out, const char *title, const struct process_status *processes, uint32_t count, bool are_nodes)
{
    uint32_t i;

    put(out, "<h2>");
    put(out, title);
    put(out, "</h2>\n<table>\n<tr><th>name<th>role<th>state<th>pid<th>restarts<th>up for<th>last failure\n");
    for (i = 0; i < count; i++)
        put_process(out, &processes[i], are_nodes);
    put(out, "</table>\n");
}

void operator_page_status(const struct platform_status *status, struct buffer *out)
{
    put(out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Shunt: status</title>\n<style>\n"
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1b1f;background:#fdfdfc}\n"
        "td,th{text-align:left;padding:.15rem 1.2rem .15rem 0}\n"
        "@media(prefers-color-scheme:dark){body{background:#16161a;color:#e6e6e6}a{color:#8ab4ff}}\n"
        "</style>\n</head>\n<body>\n<h1>Shunt</h1>\n<p>");
    put(out, status->ready ? "Ready: " : "Not ready: ");
    put_text(out, status->url);
    put(out, "</p>\n");
    put_processes(out, "Nodes", status->nodes.at, status->nodes.count, true);
    put_processes(out, "Stores", status->stores.at, status->stores.count, false);
    put(out, "<p><a href=\"/metrics\">All metrics</a> &middot; <a href=\"/targets\">Targets for Prometheus</a></p>\n"
             "</body>\n</html>\n");
}

void operator_page_targets(const char *address, const char *const *nodes, uint32_t count, struct buffer *out)
{
    json_t *groups = json_array();
    char *text;
    uint32_t i;

    for (i = 0; i < count; i++) {
        char path[128];

        snprintf(path, sizeof(path), "/metrics/%s", nodes[i]);
        json_array_append_new(groups, json_pack("{s:[s], s:{s:s, s:s}}", "targets", address, "labels",
                                                "__metrics_path__", path, "instance", nodes[i]));
    }
    text = json_dumps(groups, JSON_COMPACT);
    json_decref(groups);
    assert(text != NULL);
    put(out, text);
    free(text);
}
