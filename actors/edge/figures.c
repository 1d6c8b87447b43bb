/* SPDX-License-Identifier: MIT */
/* figures -- see figures.h. */
#include "actors/edge/figures.h"

#include <stddef.h>

#include "actors/edge/edge_state.h"

static enum request_count row_of(enum route route, enum http_method method, unsigned digit)
{
#define REQUEST_MATCH(name, route_id, method_name, method_id, row_digit)                                               \
    if (route == (route_id) && method == (method_id) && digit == (row_digit))                                          \
        return REQUEST_##name##_##method_name##_##row_digit;
    REQUEST_COUNTS(REQUEST_MATCH)
#undef REQUEST_MATCH
    return (enum request_count)(REQUEST_OTHER_2 + (digit >= 2 && digit <= 5 ? digit - 2 : 3));
}

void figures_count(struct figures *figures, enum route route, enum http_method method, unsigned status)
{
    counter_add(&figures->requests[row_of(route, method, status / 100)], 1);
}

#define FIGURE(field) (uint32_t) offsetof(struct edge, figures.field)
#define REQUESTS_HELP "requests answered"
#define DURATION_HELP "time from a request's arrival to its answer"
#define DOUBT_HELP    "times all hot copies were distrusted, by reason"

#define REQUEST_METRIC(name, route_id, method_name, method_id, digit)                                                  \
    { "requests_total", METRIC_COUNTER, FIGURE(requests[REQUEST_##name##_##method_name##_##digit]), REQUESTS_HELP,     \
      "route=\"" #name "\",method=\"" #method_name "\",status=\"" #digit "xx\"" },
#define OTHER_METRIC(digit)                                                                                            \
    { "requests_total", METRIC_COUNTER, FIGURE(requests[REQUEST_OTHER_##digit]), REQUESTS_HELP,                        \
      "route=\"other\",method=\"other\",status=\"" #digit "xx\"" },
#define STATE_METRIC(index, name)                                                                                      \
    {                                                                                                                  \
        "unknown_filter", METRIC_GAUGE, FIGURE(unknown_states[index]),                                                 \
            "1 for whether unknown codes are answered without asking: on, or why not", "state=\"" name "\""            \
    }
#define DURATION_METRIC(index, name)                                                                                   \
    { "request_duration_us", METRIC_HISTOGRAM_US, FIGURE(durations[index]), DURATION_HELP, "route=\"" name "\"" },

const struct metric figures_metrics[] = {
    REQUEST_COUNTS(REQUEST_METRIC) OTHER_METRIC(2) OTHER_METRIC(3) OTHER_METRIC(4) OTHER_METRIC(5)
        DURATION_METRIC(DURATION_HOT, "code_hot") DURATION_METRIC(DURATION_RESOLVED, "code_resolved")
            DURATION_METRIC(DURATION_SHORTEN, "shorten") DURATION_METRIC(DURATION_STATS, "stats")
                DURATION_METRIC(DURATION_OTHER, "other"){ "hot_lookups_total", METRIC_COUNTER, FIGURE(hot_hits),
                                                          "codes looked up in memory", "result=\"hit\"" },
    { "hot_lookups_total", METRIC_COUNTER, FIGURE(hot_misses), "codes looked up in memory", "result=\"miss\"" },
    { "hot_links", METRIC_GAUGE, FIGURE(hot_count), "codes in memory", NULL },
    { "hot_bytes", METRIC_GAUGE, FIGURE(hot_bytes), "bytes that the codes in memory take", NULL },
    { "hot_evictions", METRIC_GAUGE, FIGURE(hot_evicted), "codes that made room for others since the start", NULL },
    { "hot_copies_trusted", METRIC_GAUGE, FIGURE(trusted), "1 while hot copies may be served", NULL },
    { "certificate_end_timestamp_seconds", METRIC_GAUGE, FIGURE(certificate_end_s),
      "when the first of its certificates ends; 0: it has none", NULL },
    { "feed_changes_total", METRIC_COUNTER, FIGURE(changes), "changes of links heard of", NULL },
    { "feed_doubts_total", METRIC_COUNTER, FIGURE(doubts_new), DOUBT_HELP, "reason=\"new\"" },
    { "feed_doubts_total", METRIC_COUNTER, FIGURE(doubts_gap), DOUBT_HELP, "reason=\"gap\"" },
    { "feed_doubts_total", METRIC_COUNTER, FIGURE(doubts_late), DOUBT_HELP, "reason=\"late\"" },
    { "unknown_denied_total", METRIC_COUNTER, FIGURE(denied), "unknown codes answered without asking anybody", NULL },
    STATE_METRIC(CODE_SPACE_ON, "on"),
    STATE_METRIC(CODE_SPACE_NO_KEYGEN, "no_keygen"),
    STATE_METRIC(CODE_SPACE_NO_PROMISE, "no_promise"),
    STATE_METRIC(CODE_SPACE_DISTRUST, "feeds"),
    STATE_METRIC(CODE_SPACE_READING, "reading"),
    STATE_METRIC(CODE_SPACE_TOO_MANY, "too_many_chosen"),
    { "chosen_codes", METRIC_GAUGE, FIGURE(chosen_codes), "chosen codes known, to tell others from unknown ones",
      NULL },
    { "resolves_total", METRIC_COUNTER, FIGURE(resolves), "codes asked of the application nodes", NULL },
    { "retries_total", METRIC_COUNTER, FIGURE(retries), "safe asks sent once more to another application node", NULL },
    { "clicks_committed_total", METRIC_COUNTER, FIGURE(clicks_committed), "clicks whose redirect was released", NULL },
    { "clicks_refused_total", METRIC_COUNTER, FIGURE(clicks_refused), "redirects answered 503 for want of a commit",
      NULL },
    { "clicks_uncertain_total", METRIC_COUNTER, FIGURE(clicks_uncertain),
      "clicks answered first (fast mode) whose commit has an unknown end", NULL },
    { "requests_limited_total", METRIC_COUNTER, FIGURE(limited), "requests answered 429", NULL },
    { "connections_open", METRIC_GAUGE, FIGURE(connections_open), "client connections", NULL },
    { "requests_under_way", METRIC_GAUGE, FIGURE(under_way), "requests that wait for their answer", NULL },
    { "connections_accepted_total", METRIC_COUNTER, FIGURE(connections_accepted), "client connections accepted", NULL },
    { "requests_refused_total", METRIC_COUNTER, FIGURE(framing_refusals), "requests refused for their framing or size",
      NULL },
    { "connection_timeouts_total", METRIC_COUNTER, FIGURE(connection_timeouts), "connections ended by a deadline",
      NULL },
    { "accepting_pauses_total", METRIC_COUNTER, FIGURE(accepting_pauses),
      "times new connections had to wait because all were taken", NULL },
};
