/* SPDX-License-Identifier: MIT */
/*
 * unknown_codes -- answers for codes that certainly do not exist: keeps the code_space up to date with keygens and
 * application nodes, and says when it was used.
 *
 * Each keygen is asked for its promise twice a second. A promise counts from when it was asked for, so each has its own
 * question under way, and none is asked anew before its answer or deadline is there.
 */
#include <assert.h>
#include <stdlib.h>

#include "actors/edge/edge_state.h"

enum {
    PROMISE_LIMIT_US = 1000 * 1000,
    PAGE_LIMIT_US = 3000 * 1000,
};

struct unknown_codes {
    struct code_space space;
    struct edge *edge;
    struct promise_ask {
        struct unknown_codes *codes;
        uint64_t asked_us; /* 0: no question is under way */
    } asks[CODE_SPACE_KEYGENS_LIMIT];
    uint64_t page_ask; /* 0: none */
    uint64_t reading;
    enum code_space_state said; /* in the log */
};

/* ------------------------------------------------------------------------------------------------ promises */

static void on_promised(struct actor *me, void *context, const struct answer *answer)
{
    struct promise_ask *ask = context;
    const struct codes_promised *promised = answer->message;
    uint64_t asked_us = ask->asked_us;

    (void)me;
    ask->asked_us = 0;
    if (answer->outcome == ASK_ANSWERED && answer->schema == &codes_promised_schema)
        code_space_promised(&ask->codes->space, (uint32_t)(ask - ask->codes->asks), asked_us, promised->good_for_us,
                            promised->ceiling, promised->code_length, promised->key);
}

static void ask_keygens(struct unknown_codes *codes)
{
    struct actor *me = codes->edge->me;

    for (uint32_t i = 0; i < codes->space.keygens && i < CODE_SPACE_KEYGENS_LIMIT; i++) {
        struct promise_ask *ask = &codes->asks[i];
        struct sending how = { .deadline_us = PROMISE_LIMIT_US, .then = on_promised, .context = ask, .only = i + 1 };

        if (ask->asked_us != 0)
            continue;
        *ask = (struct promise_ask){ .codes = codes, .asked_us = actor_now_us(me) };
        if (ask->asked_us != 0)
            (void)actor_ask(me, EDGE_TO_KEYGEN, &how, &codes_promise_schema, &(struct codes_promise){});
    }
}

/* ------------------------------------------------------------------------------------------------ chosen codes */

static void ask_page(struct unknown_codes *codes, struct slice after);

static void on_page(struct actor *me, void *context, const struct answer *answer)
{
    struct unknown_codes *codes = context;
    const struct custom_codes *page = answer->message;
    uint64_t length = codes->space.permutation.length;

    codes->page_ask = 0;
    if (answer->outcome != ASK_ANSWERED || answer->schema != &custom_codes_schema ||
        (!page->is_last && page->codes.size < length)) {
        code_space_give_up(&codes->space, codes->reading);
        return;
    }
    code_space_page(&codes->space, codes->reading, page->codes, page->code_length, page->is_last, actor_now_us(me));
    if (code_space_is_reading(&codes->space, codes->reading))
        ask_page(codes, (struct slice){ page->codes.at + page->codes.size - length, length });
}

static void ask_page(struct unknown_codes *codes, struct slice after)
{
    struct sending how = { .deadline_us = PAGE_LIMIT_US, .then = on_page, .context = codes };

    codes->page_ask = ASK(codes->edge->me, EDGE_TO_LINKS, &how, custom_codes_read, .after = after,
                          .code_length = codes->space.permutation.length);
}

/* A reading that became void has its page cancelled: its answer must not be taken for one of the next. */
static void read_chosen(struct unknown_codes *codes)
{
    struct actor *me = codes->edge->me;

    if (codes->page_ask != 0 && !code_space_is_reading(&codes->space, codes->reading)) {
        actor_cancel_ask(me, codes->page_ask);
        codes->page_ask = 0;
    }
    if (!code_space_wants_reading(&codes->space, actor_now_us(me)))
        return;
    codes->reading = code_space_begin(&codes->space);
    ask_page(codes, (struct slice){ 0 });
}

/* ------------------------------------------------------------------------------------------------ for the edge */

static void say_state(struct unknown_codes *codes)
{
    static const char *const words[CODE_SPACE_STATES] = {
        [CODE_SPACE_ON] = "are answered without asking",
        [CODE_SPACE_NO_KEYGEN] = "are asked for: no keygen can be asked, or too many",
        [CODE_SPACE_NO_PROMISE] = "are asked for: a keygen promises nothing",
        [CODE_SPACE_DISTRUST] = "are asked for: changes of links might be missed",
        [CODE_SPACE_READING] = "are asked for until all chosen codes are known",
        [CODE_SPACE_TOO_MANY] = "are asked for: more codes were chosen than an edge remembers",
    };
    struct edge *self = codes->edge;
    enum code_space_state state = code_space_state(&codes->space, actor_now_us(self->me));

    for (int i = 0; i < CODE_SPACE_STATES; i++)
        gauge_set(&self->figures.unknown_states[i], i == (int)state);
    gauge_set(&self->figures.chosen_codes, codes->space.chosen);
    if (state != codes->said)
        actor_log(self->me, LOG_INFO, "unknown codes %s", words[state]);
    codes->said = state;
}

void unknown_codes_start(struct edge *self)
{
    struct unknown_codes *codes = calloc(1, sizeof(*codes));

    assert(codes != NULL);
    codes->edge = self;
    codes->said = CODE_SPACE_STATES;
    code_space_init(&codes->space, self->seed, actor_receivers(self->me, EDGE_TO_KEYGEN));
    self->unknown_codes = codes;
    ask_keygens(codes);
}

void unknown_codes_stop(struct edge *self)
{
    if (self->unknown_codes == NULL)
        return;
    code_space_destroy(&self->unknown_codes->space);
    free(self->unknown_codes);
    self->unknown_codes = NULL;
}

void unknown_codes_tick(struct edge *self)
{
    ask_keygens(self->unknown_codes);
    read_chosen(self->unknown_codes);
    say_state(self->unknown_codes);
}

void unknown_codes_trust(struct edge *self)
{
    code_space_trust(&self->unknown_codes->space, self->is_trusted);
}

void unknown_codes_doubt(struct edge *self)
{
    code_space_doubt(&self->unknown_codes->space);
}

void unknown_codes_changed(struct edge *self, struct slice code, uint64_t version)
{
    if (version <= 1)
        code_space_note(&self->unknown_codes->space, code);
}

bool unknown_codes_deny(struct edge *self, struct slice code)
{
    return code_space_verdict(&self->unknown_codes->space, code, actor_now_us(self->me)) == CODE_SPACE_UNKNOWN;
}

void unknown_codes_made(struct edge *self, struct slice code)
{
    if (unknown_codes_deny(self, code))
        code_space_note(&self->unknown_codes->space, code);
}
