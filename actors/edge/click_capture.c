/* SPDX-License-Identifier: MIT */
/*
 * click_capture -- a redirect is a click, and a click is committed before its redirect leaves.
 *
 * All clicks of one turn become one ask to the click buffer; its answer releases their 307s together. When it refuses,
 * or nobody knows whether it has them, the clients get 503: a 307 that is not counted does not exist. (A click that was
 * committed and whose 307 never left counts once; the contract allows that.)
 *
 * In fast mode the 307 leaves at once. What the click buffer then refuses without having touched it is offered again,
 * until there is too much of it: then this mode answers 503, too.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/edge_state.h"
#include "actors/edge/visitor.h"

enum {
    CLICKS_LIMIT = 4096, /* of message clicks_commit */
    UNSENT_LIMIT = 64,   /* commits that wait to be offered again */
    OFFER_AGAIN_AFTER_US = 100000
};

struct captured {
    struct http_exchange id;
    struct hot_link *link; /* kept */
    uint64_t time_us;
    uint32_t referrer_at; /* in the commit's text */
    uint8_t referrer_size;
    uint8_t agent; /* enum agent_class */
    char country[2];
};

/* The clicks of one turn, until it is known what became of them. */
struct commit {
    struct edge *self;
    struct commit *next, *previous; /* in its list: sent, spare or unsent */
    bool is_answered_first;         /* fast mode */
    struct trace trace;             /* of its first click that is recorded */
    struct captured *captured;
    uint32_t count, room;
    char *text; /* referrers, one behind the other */
    uint32_t text_size, text_room;
};

static void on_committed(struct actor *me, void *context, const struct answer *answer);

static struct commit *new_commit(struct edge *self)
{
    struct commit *commit = self->spare;

    if (commit != NULL)
        self->spare = commit->next;
    else
        commit = calloc(1, sizeof(*commit));
    assert(commit != NULL);
    commit->self = self;
    commit->next = NULL;
    commit->trace = (struct trace){ 0 };
    commit->is_answered_first = self->durability == DURABILITY_FAST;
    return commit;
}

static void free_commit(struct commit *commit)
{
    uint32_t i;

    for (i = 0; i < commit->count; i++)
        hot_link_release(commit->captured[i].link);
    free(commit->captured);
    free(commit->text);
    free(commit);
}

/* Puts it by for another turn, with its memory. */
static void spare(struct commit *commit)
{
    uint32_t i;

    for (i = 0; i < commit->count; i++)
        hot_link_release(commit->captured[i].link);
    commit->count = 0;
    commit->text_size = 0;
    commit->next = commit->self->spare;
    commit->self->spare = commit;
}

/* ------------------------------------------------------------------------------------------------ capturing */

static void reserve(struct commit *commit)
{
    if (commit->count == commit->room) {
        commit->room = commit->room > 0 ? commit->room * 2 : 64;
        commit->captured = realloc(commit->captured, commit->room * sizeof(*commit->captured));
    }
    if (commit->text_size + VISITOR_HOST_LIMIT > commit->text_room) {
        commit->text_room = (commit->text_room + VISITOR_HOST_LIMIT) * 2;
        commit->text = realloc(commit->text, commit->text_room);
    }
    assert(commit->captured != NULL && commit->text != NULL);
}

static void take_country(const struct edge *self, const struct http_request *request, char *country)
{
    struct slice value;

    if (self->country_header[0] == '\0')
        return;
    value = http_request_field_named(request, self->country_header);
    if (value.size == 2 && value.at[0] >= 'A' && value.at[0] <= 'Z' && value.at[1] >= 'A' && value.at[1] <= 'Z')
        memcpy(country, value.at, 2);
}

static void answer_one(struct edge *self, const struct captured *captured, const struct http_field *extra)
{
    struct exchange *exchange = edge_exchange(self, captured->id);

    if (exchange != NULL && http_redirect(self->http, captured->id, hot_link_location(captured->link), extra))
        edge_answered(self, exchange, 307);
}

void click_capture_add(struct edge *self, const struct http_request *request, struct hot_link *link)
{
    struct commit *commit;
    struct captured *captured;
    struct slice referrer;

    if (self->durability == DURABILITY_FAST && self->unsent_count >= UNSENT_LIMIT) {
        counter_add(&self->figures.clicks_refused, 1);
        edge_say(self, request->exchange, SAID_CLICK_LOST);
        return;
    }
    if (self->commit == NULL)
        self->commit = new_commit(self);
    commit = self->commit;
    reserve(commit);
    captured = &commit->captured[commit->count++];
    *captured = (struct captured){ .id = request->exchange,
                                   .link = hot_link_keep(link),
                                   .time_us = actor_wall_us(self->me),
                                   .referrer_at = commit->text_size };
    captured->agent = (uint8_t)visitor_agent_remembered(&self->visitors,
                                                        http_request_field(request, HTTP_FIELD_USER_AGENT), self->seed);
    referrer = visitor_referrer_host(http_request_field(request, HTTP_FIELD_REFERER), commit->text + commit->text_size);
    captured->referrer_size = (uint8_t)referrer.size;
    commit->text_size += (uint32_t)referrer.size;
    take_country(self, request, captured->country);
    if (!commit->trace.is_recorded && self->exchanges[request->exchange.slot].trace.is_recorded)
        commit->trace = self->exchanges[request->exchange.slot].trace;
    if (commit->is_answered_first)
        answer_one(self, captured, NULL);
    if (commit->count == CLICKS_LIMIT)
        click_capture_commit(self);
}

/* ------------------------------------------------------------------------------------------------ committing */

static void send(struct commit *commit)
{
    struct edge *self = commit->self;
    struct sending how = {
        .deadline_us = self->commit_deadline_us, .then = on_committed, .context = commit, .trace = commit->trace
    };
    uint32_t i;

    if (self->clicks == NULL)
        self->clicks = calloc(CLICKS_LIMIT, sizeof(*self->clicks));
    assert(self->clicks != NULL);
    for (i = 0; i < commit->count; i++) {
        const struct captured *captured = &commit->captured[i];

        self->clicks[i] =
            (struct click){ .code = hot_link_code(captured->link),
                            .time_us = captured->time_us,
                            .referrer_host = { commit->text + captured->referrer_at, captured->referrer_size },
                            .agent_class = captured->agent,
                            .country = { captured->country, captured->country[0] != '\0' ? 2 : 0 },
                            .is_bot = visitor_is_bot((enum agent_class)captured->agent) };
    }
    commit->previous = NULL;
    commit->next = self->sent;
    if (commit->next != NULL)
        commit->next->previous = commit;
    self->sent = commit;
    ASK(self->me, EDGE_TO_CLICK_BUFFER, &how, clicks_commit, .clicks = { self->clicks, commit->count });
}

void click_capture_commit(struct edge *self)
{
    struct commit *commit = self->commit;

    if (commit == NULL)
        return;
    self->commit = NULL;
    send(commit);
}

static void release(struct commit *commit, const struct clicks_committed *committed)
{
    struct edge *self = commit->self;
    char identity[80];
    struct http_field field = { "X-Shunt-Click", { identity, 0 } };
    uint32_t i;

    counter_add(&self->figures.clicks_committed, commit->count);
    for (i = 0; !commit->is_answered_first && i < commit->count; i++) {
        if (self->debug_identity)
            field.value.size =
                (size_t)snprintf(identity, sizeof(identity), "%llu-%llu-%llu", (unsigned long long)committed->epoch,
                                 (unsigned long long)committed->lane, (unsigned long long)(committed->first_seq + i));
        answer_one(self, &commit->captured[i], self->debug_identity ? &field : NULL);
    }
    spare(commit);
}

static void refuse(struct commit *commit, const char *why)
{
    struct edge *self = commit->self;
    uint32_t i;

    actor_log(self->me, LOG_WARN, "%u redirects are answered 503, because their clicks were not committed: %s",
              commit->count, why);
    counter_add(&self->figures.clicks_refused, commit->count);
    for (i = 0; i < commit->count; i++)
        edge_say(self, commit->captured[i].id, SAID_CLICK_LOST);
    spare(commit);
}

static void offer_again(struct actor *me, void *context)
{
    struct edge *self = actor_state(me);
    struct commit *commit = self->unsent;

    (void)context;
    self->unsent_timer = 0;
    self->unsent = NULL;
    self->unsent_count = 0;
    while (commit != NULL) {
        struct commit *next = commit->next;

        send(commit);
        commit = next;
    }
}

/* Fast mode: the 307s are gone. What was not handled is offered again; what may have been handled must not be. */
static void put_by(struct commit *commit, enum ask_outcome outcome)
{
    struct edge *self = commit->self;

    if (outcome == ASK_TIMED_OUT || outcome == ASK_TARGET_DIED) {
        counter_add(&self->figures.clicks_uncertain, commit->count);
        spare(commit);
        return;
    }
    commit->next = self->unsent;
    self->unsent = commit;
    self->unsent_count++;
    if (self->unsent_timer == 0)
        self->unsent_timer = actor_after(self->me, OFFER_AGAIN_AFTER_US, offer_again, NULL);
}

static void on_committed(struct actor *me, void *context, const struct answer *answer)
{
    struct commit *commit = context;
    struct edge *self = actor_state(me);

    if (commit->previous != NULL)
        commit->previous->next = commit->next;
    else
        self->sent = commit->next;
    if (commit->next != NULL)
        commit->next->previous = commit->previous;
    if (answer->outcome == ASK_ANSWERED && answer->schema == &clicks_committed_schema)
        release(commit, answer->message);
    else if (!commit->is_answered_first)
        refuse(commit, answer->detail);
    else
        put_by(commit, answer->outcome);
}

void click_capture_stop(struct edge *self)
{
    struct commit *lists[] = { self->commit, self->sent, self->spare, self->unsent };
    size_t i;

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        while (lists[i] != NULL) {
            struct commit *next = lists[i]->next;

            free_commit(lists[i]);
            lists[i] = next;
        }
    self->commit = self->sent = self->spare = self->unsent = NULL;
    free(self->clicks);
    self->clicks = NULL;
}
