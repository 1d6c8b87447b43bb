/* SPDX-License-Identifier: MIT */
/* console_timeline -- spans in order, nested by time, with a bar each; see console_trace.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/console_trace.h"
#include "actors/command/gather.h"
#include "actors/command/show.h"

enum { BAR_WIDTH = 30, DEPTH_LIMIT = 12, NAME_WIDTH = 44, WHERE_WIDTH = 30 };

static int64_t number_of(json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* By start; of two that start together the longer one holds the other. */
static int compare(const void *left, const void *right)
{
    json_t *a = *(json_t *const *)left;
    json_t *b = *(json_t *const *)right;
    int64_t start = number_of(a, "started_us") - number_of(b, "started_us");
    int64_t length = number_of(b, "duration_us") - number_of(a, "duration_us");

    return start != 0 ? (start < 0 ? -1 : 1) : length != 0 ? (length < 0 ? -1 : 1) : 0;
}

static json_t *sorted(json_t *spans)
{
    size_t count = json_array_size(spans);
    json_t **rows = calloc(count + 1, sizeof *rows);
    json_t *result = json_array();

    for (size_t i = 0; rows != NULL && i < count; i++)
        rows[i] = json_incref(json_array_get(spans, i));
    if (rows != NULL)
        qsort(rows, count, sizeof *rows, compare);
    for (size_t i = 0; rows != NULL && i < count; i++)
        json_array_append_new(result, rows[i]);
    free(rows);
    json_decref(spans);
    return result;
}

json_t *console_timeline(const char *trace, json_t *spans)
{
    int64_t ends[DEPTH_LIMIT];
    size_t depth = 0;
    int64_t first_us = 0;
    int64_t last_us = 0;
    char started[GATHER_TIME_ROOM];
    json_t *row;
    size_t i;

    spans = sorted(spans);
    json_array_foreach(spans, i, row)
    {
        int64_t start_us = number_of(row, "started_us");
        int64_t end_us = start_us + number_of(row, "duration_us");

        if (i == 0)
            first_us = start_us;
        last_us = end_us > last_us ? end_us : last_us;
        while (depth > 0 && ends[depth - 1] < end_us)
            depth--;
        json_object_set_new(row, "offset_us", json_integer(start_us - first_us));
        json_object_set_new(row, "depth", json_integer((json_int_t)depth));
        if (depth < DEPTH_LIMIT)
            ends[depth++] = end_us;
    }
    gather_time((uint64_t)first_us, started);
    return json_pack("{s:s, s:s, s:I, s:o}", "trace", trace, "started", started, "duration_us",
                     (json_int_t)(last_us - first_us), "spans", spans);
}

static void draw_bar(int64_t offset_us, int64_t duration_us, int64_t total_us, FILE *to)
{
    int64_t whole = total_us > 0 ? total_us : 1;
    int from = (int)(offset_us * BAR_WIDTH / whole);
    int until = (int)((offset_us + duration_us) * BAR_WIDTH / whole);

    from = from < BAR_WIDTH ? from : BAR_WIDTH - 1;
    until = until > from ? until : from + 1;
    fputs("  |", to);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i >= from && i < until ? '=' : ' ', to);
    fputs("|\n", to);
}

static void print_span(json_t *span, int64_t total_us, FILE *to)
{
    bool is_request = strcmp(text_of(span, "kind"), "request") == 0;
    bool is_store = strcmp(text_of(span, "kind"), "store") == 0;
    char where[128];
    char what[192];

    snprintf(where, sizeof where, "%*s%s/%s", (int)(2 * number_of(span, "depth")), "", text_of(span, "node"),
             text_of(span, "actor"));
    snprintf(what, sizeof what, "%s %s %s %s", text_of(span, "kind"), text_of(span, "name"),
             is_request ? "->"
             : is_store ? "at"
                        : "from",
             text_of(span, "other"));
    fprintf(to, "%9.3f %9.3f  %-*s %-*s", (double)number_of(span, "offset_us") / 1e3,
            (double)number_of(span, "duration_us") / 1e3, WHERE_WIDTH, where, NAME_WIDTH, what);
    draw_bar(number_of(span, "offset_us"), number_of(span, "duration_us"), total_us, to);
}

void console_print_timeline(json_t *timeline, FILE *to)
{
    json_t *spans = json_object_get(timeline, "spans");
    int64_t total_us = number_of(timeline, "duration_us");
    json_t *span;
    size_t i;

    fprintf(to, "trace %s  began %s  took %.3f ms  %zu spans\n\n", text_of(timeline, "trace"),
            text_of(timeline, "started"), (double)total_us / 1e3, json_array_size(spans));
    fprintf(to, "%9s %9s  %-*s %s\n", "start ms", "took ms", WHERE_WIDTH, "where", "what");
    json_array_foreach(spans, i, span) print_span(span, total_us, to);
}

/* ------------------------------------------------------------------------------------------------ lists */

static json_t *find_trace(json_t *traces, const char *id)
{
    json_t *trace;
    size_t i;

    json_array_foreach(traces, i, trace) if (strcmp(text_of(trace, "trace"), id) == 0) return trace;
    return NULL;
}

static void count_span(json_t *traces, json_t *span)
{
    const char *id = text_of(span, "trace");
    json_t *trace = find_trace(traces, id);
    int64_t begin_us = number_of(span, "started_us");
    int64_t end_us = begin_us + number_of(span, "duration_us");

    if (trace == NULL) {
        trace = json_pack("{s:s, s:I, s:I, s:I, s:s}", "trace", id, "begin_us", (json_int_t)begin_us, "end_us",
                          (json_int_t)end_us, "spans", (json_int_t)0, "what", "");
        json_array_append_new(traces, trace);
    }
    json_object_set_new(trace, "spans", json_integer(number_of(trace, "spans") + 1));
    if (end_us > number_of(trace, "end_us"))
        json_object_set_new(trace, "end_us", json_integer(end_us));
    if (begin_us > number_of(trace, "begin_us") && *text_of(trace, "what") != '\0')
        return;
    json_object_set_new(trace, "begin_us", json_integer(begin_us));
    json_object_set_new(trace, "what", json_sprintf("%s %s", text_of(span, "kind"), text_of(span, "name")));
}

json_t *console_trace_list(json_t *spans)
{
    json_t *traces = json_array();
    json_t *latest_first = json_array();
    json_t *row;
    size_t i;

    spans = sorted(spans);
    json_array_foreach(spans, i, row) count_span(traces, row);
    for (i = json_array_size(traces); i-- > 0;) {
        char started[GATHER_TIME_ROOM];

        row = json_array_get(traces, i);
        gather_time((uint64_t)number_of(row, "begin_us"), started);
        json_object_set_new(row, "started", json_string(started));
        json_object_set_new(row, "duration_us", json_integer(number_of(row, "end_us") - number_of(row, "begin_us")));
        json_array_append(latest_first, row);
    }
    json_decref(traces);
    json_decref(spans);
    return latest_first;
}

void console_print_trace_list(json_t *traces, FILE *to)
{
    static const struct show_column columns[] = {
        { "trace", "trace" }, { "started", "began" },    { "duration_us", "took, us" },
        { "spans", "spans" }, { "what", "begins with" }, { NULL, NULL },
    };

    if (json_array_size(traces) == 0)
        fprintf(to, "nothing is recorded: ask with a traceparent that has the sampled flag, set edge.trace_one_in, "
                    "or `trace watch`\n");
    else
        show_table(traces, columns, to);
}
