/* SPDX-License-Identifier: MIT */
/*
 * console_audit -- where every click is: per lane, issued = buffered + in Kafka + in Postgres, the same for ClickHouse,
 * and what is missing from that sum.
 *
 * The click buffers are asked twice: how far Kafka has acknowledged each lane before the reconciler looks into Kafka
 * and the databases, and what they have issued after it. Whatever moves meanwhile is then on the left side of the sum
 * first, so a difference is a loss (or, below zero, a click that nobody issued), not a matter of timing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/command/console.h"
#include "actors/command/show.h"
#include "proto/messages/clicks.h"
#include "proto/messages/operations.h"

enum { BUFFER_LIMIT_US = 5 * 1000 * 1000, AUDIT_LIMIT_US = 300 * 1000 * 1000, LANES_LIMIT = 4096 };

/* One lane of a click buffer. */
struct buffered {
    struct audit_position before;
    uint64_t issued;
    bool is_current; /* its epoch is being written: `issued` is all there is */
};

struct audit {
    struct buffered lanes[LANES_LIMIT];
    uint32_t count;
    uint32_t silent; /* click buffers that did not answer */
};

static struct buffered *find(struct audit *audit, uint64_t epoch, uint64_t lane)
{
    for (uint32_t i = 0; i < audit->count; i++) {
        if (audit->lanes[i].before.epoch == epoch && audit->lanes[i].before.lane == lane)
            return &audit->lanes[i];
    }
    return NULL;
}

/* The youngest epoch of a click buffer is the one it writes. */
static uint64_t current_epoch(const struct lanes_known *known)
{
    uint64_t epoch = 0;

    for (uint32_t i = 0; i < known->lanes.count; i++)
        epoch = known->lanes.at[i].epoch > epoch ? known->lanes.at[i].epoch : epoch;
    return epoch;
}

static void take(struct audit *audit, const struct lanes_known *known, bool is_first)
{
    uint64_t current = current_epoch(known);

    for (uint32_t i = 0; i < known->lanes.count; i++) {
        const struct lane_progress *row = &known->lanes.at[i];
        struct buffered *lane = find(audit, row->epoch, row->lane);

        if (lane == NULL && is_first && audit->count < LANES_LIMIT) {
            lane = &audit->lanes[audit->count++];
            *lane = (struct buffered){ .before = { row->epoch, row->lane, row->published } };
        }
        if (lane == NULL)
            continue; /* an epoch that began meanwhile */
        lane->issued = row->issued;
        lane->is_current = row->epoch == current;
    }
}

/* Asks every click buffer of the topology. */
static void ask_buffers(struct console *console, struct audit *audit, bool is_first)
{
    char address[2 * TOPOLOGY_NAME_LIMIT + 2];
    struct client_answer answer;

    for (size_t n = 0; n < console->topology->node_count; n++) {
        const struct topology_node *node = &console->topology->nodes[n];

        for (size_t a = 0; a < node->actor_count; a++) {
            if (strcmp(node->actors[a].kind->name, "click_buffer") != 0)
                continue;
            snprintf(address, sizeof address, "%s/%s", node->name, node->actors[a].name);
            CLIENT_ASK(console->client, address, BUFFER_LIMIT_US, &answer, lanes_read);
            if (answer.outcome == ASK_ANSWERED && answer.schema == &lanes_known_schema) {
                take(audit, answer.message, is_first);
            } else if (is_first) {
                audit->silent++;
                complain(console->called, "%s does not say what it has issued: %s", address, answer.detail);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------------ the sum */

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static const char *state_of(const struct buffered *lane, const struct audit_lane *row)
{
    if (lane != NULL)
        return lane->is_current ? "current" : "earlier";
    return row->is_drained ? "drained" : "nobody's";
}

static json_t *lane_json(struct audit *audit, const struct audit_lane *row, uint64_t *differences)
{
    const struct buffered *lane = find(audit, row->epoch, row->lane);
    uint64_t published = most(lane != NULL ? lane->before.published : 0, row->mark);
    uint64_t last_known = most(lane != NULL ? lane->issued : 0, most(published, row->highest));
    /* Of an epoch that is over nobody knows more than what has come. */
    uint64_t issued = lane != NULL && lane->is_current ? lane->issued : last_known;
    uint64_t buffered = issued > published ? issued - published : 0;
    uint64_t in_postgres = row->mark - row->missing;
    uint64_t to_clickhouse = issued > row->highest ? issued - row->highest : 0;
    int64_t difference = (int64_t)(issued - buffered - row->in_kafka - in_postgres);
    int64_t rows_difference = (int64_t)(issued - to_clickhouse - row->rows);

    differences[0] += (uint64_t)llabs(difference);
    differences[1] += (uint64_t)llabs(rows_difference);
    return json_pack("{s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "epoch", (json_int_t)row->epoch, "lane",
                     (json_int_t)row->lane, "state", state_of(lane, row), "issued", (json_int_t)issued, "buffered",
                     (json_int_t)buffered, "in_kafka", (json_int_t)row->in_kafka, "in_postgres",
                     (json_int_t)in_postgres, "difference", (json_int_t)difference, "to_clickhouse",
                     (json_int_t)to_clickhouse, "in_clickhouse", (json_int_t)row->rows, "clickhouse_difference",
                     (json_int_t)rows_difference);
}

static json_t *report(struct audit *audit, const struct audit_known *known)
{
    json_t *rows = json_array();
    uint64_t differences[2] = { 0, 0 };

    for (uint32_t i = 0; i < known->lanes.count; i++)
        json_array_append_new(rows, lane_json(audit, &known->lanes.at[i], differences));
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "lanes", rows, "lanes_agreed",
                     (json_int_t)known->lanes_agreed, "lanes_left_out", (json_int_t)known->lanes_left_out,
                     "buffers_silent", (json_int_t)audit->silent, "in_postgres", (json_int_t)known->counted,
                     "in_clickhouse", (json_int_t)known->rows, "of_unknown_codes",
                     (json_int_t)known->counted - (json_int_t)known->in_urls, "difference", (json_int_t)differences[0],
                     "clickhouse_difference", (json_int_t)differences[1]);
}

/* ------------------------------------------------------------------------------------------------ the verb */

/* An answer is void with the next question. Frees nothing of the original; `lanes.at` is the caller's to free. */
static struct audit_known keep(const struct audit_known *known)
{
    struct audit_known kept = *known;
    struct audit_lane *lanes = calloc(known->lanes.count + 1, sizeof *lanes);

    assert(lanes != NULL);
    if (known->lanes.count > 0)
        memcpy(lanes, known->lanes.at, known->lanes.count * sizeof *lanes);
    kept.lanes.at = lanes;
    return kept;
}

json_t *console_ask_audit(struct console *console, char **words, size_t count)
{
    static struct audit audit;
    static struct audit_position positions[LANES_LIMIT];
    const char *address = console_find_kind(console, "reconciler");
    struct client_answer answer;
    struct audit_known known;
    json_t *rows;

    (void)words;
    (void)count;
    if (address == NULL)
        return NULL;
    memset(&audit, 0, sizeof audit);
    ask_buffers(console, &audit, true);
    for (uint32_t i = 0; i < audit.count; i++)
        positions[i] = audit.lanes[i].before;
    CLIENT_ASK(console->client, address, AUDIT_LIMIT_US, &answer, audit_read, .lanes = { positions, audit.count });
    if (answer.outcome != ASK_ANSWERED || answer.schema != &audit_known_schema) {
        complain(console->called, "%s does not say what Kafka and the databases have: %s", address, answer.detail);
        return NULL;
    }
    known = keep(answer.message);
    ask_buffers(console, &audit, false);
    rows = report(&audit, &known);
    free((void *)(uintptr_t)known.lanes.at);
    return rows;
}

void console_print_audit(json_t *answer, FILE *to)
{
    static const struct show_column columns[] = {
        { "epoch", "epoch" },
        { "lane", "lane" },
        { "state", "epoch is" },
        { "issued", "issued" },
        { "buffered", "= buffered" },
        { "in_kafka", "+ in Kafka" },
        { "in_postgres", "+ in Postgres" },
        { "difference", "+ difference" },
        { "to_clickhouse", "on the way to ClickHouse" },
        { "in_clickhouse", "in ClickHouse" },
        { "clickhouse_difference", "difference" },
        { NULL, NULL },
    };

    show_table(json_object_get(answer, "lanes"), columns, to);
    fputc('\n', to);
    show_object(answer, to);
}
