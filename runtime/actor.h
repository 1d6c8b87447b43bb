/* SPDX-License-Identifier: MIT */
/*
 * actor -- all that an actor's author includes.
 *
 * An actor is a named, supervised, single-threaded state machine with one bounded mailbox. Its code is a `const struct
 * actor_kind`: callbacks and tables. Everything here is called from inside those callbacks, on the actor's own thread;
 * no callback may block. What an actor sends leaves at the end of the turn: all letters of one turn to one receiver
 * travel as one ZeroMQ message, so an actor may send many small letters and pays for one.
 *
 * Failure: `actor_fail` says that this actor cannot go on. The runtime then calls `stop`, frees the state and tells the
 * supervisor, which starts the actor anew by its policy. The mailbox outlives it.
 */
#ifndef RUNTIME_ACTOR_H
#define RUNTIME_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/messages/control.h"
#include "proto/schema.h"
#include "proto/trace.h"
#include "runtime/breaker.h"
#include "runtime/metric.h"
#include "runtime/option.h"

struct actor;

/* ------------------------------------------------------------------------------------------------ a kind of actor */

/* A letter that wants exactly one answer: ANSWER or actor_refuse, at once or later, from any callback of this actor.
 * A question that is never answered ends at the asker's deadline. Answering twice is an assertion failure. */
struct question {
    uint32_t slot;
    uint32_t generation;
};

typedef void told_handler(struct actor *me, const void *message);
typedef void asked_handler(struct actor *me, const void *message, struct question question);

struct handler {
    const struct message_schema *schema;
    told_handler *told;   /* one of the two */
    asked_handler *asked; /* one of the two */
};

/* Rows of a handler table, checked at compile time: `fn` takes `const struct TYPE *`. The message and all slices in it
 * are valid until the handler returns. */
#define TOLD(type, fn)                                                                                                 \
    {                                                                                                                  \
        .schema = &type##_schema,                                                                                      \
        .told = (told_handler *)(1 ? (fn) : (void (*)(struct actor *, const struct type *))0)                          \
    }
#define ASKED(type, fn)                                                                                                \
    {                                                                                                                  \
        .schema = &type##_schema,                                                                                      \
        .asked = (asked_handler *)(1 ? (fn) : (void (*)(struct actor *, const struct type *, struct question))0)       \
    }

/* Which of a kind's actors gets a letter. */
enum pick {
    PICK_ROUND_ROBIN,
    PICK_LEAST_OUTSTANDING, /* fewest open asks and unreturned credit, but one turn stays together; nodes that are down
                               or leaving come last */
    PICK_BY_KEY,            /* rendezvous hash of struct sending's key */
    PICK_SAME_NODE,         /* the one in this node, else round robin */
    PICK_EACH               /* all of them: publish, or one ask each */
};

/* What happens to a letter when the receiver's credit is used up. */
enum overload {
    OVERLOAD_BLOCK, /* it waits here, up to the window again; then actor_tell says false and an ask fails at once */
    OVERLOAD_DROP_NEWEST, /* it is dropped and counted */
    OVERLOAD_DROP_OLDEST  /* the oldest waiting one is dropped and counted */
};

/* What delivery means on this outlet. */
enum delivery {
    DELIVERY_AT_MOST_ONCE, /* a letter may be lost with either process or the connection */
    DELIVERY_ACKNOWLEDGED  /* sent again until a handler has it; repeats are filtered; order is kept. Survives a cut
                              connection and the receiver's restart (a letter whose acknowledgement died with the
                              receiver comes to its successor again). What the sender held dies with the sender. Never
                              drops: its overload is OVERLOAD_BLOCK */
};

/* A way out of an actor: where its letters go. The topology may point it elsewhere and change pick, overload and
 * window. */
struct outlet {
    const char *name; /* in the topology */
    const char *to;   /* the kind that receives, unless the topology says otherwise */
    const char *doc;
    enum pick pick;
    enum overload overload;
    enum delivery delivery;
    uint32_t window; /* letters under way at most per receiver, and never more than 4 MiB of them; of two
                        outlets to one receiver the larger counts. 0: 1024 */
    bool optional;   /* the topology may have no receiver: sends go nowhere (tell: true, ask: ASK_NO_TARGET) */
};

/* What becomes of a letter that was being handled when the actor failed. */
enum on_failure {
    LETTER_DEAD_LETTERED, /* default: it goes to the dead letters; an ask ends with ASK_TARGET_DIED */
    LETTER_REDELIVERED    /* it is handled again after the restart, once; but not an ask that was answered already */
};

struct actor_kind {
    const char *name; /* as in the topology: letters, digits, '_' */
    const char *doc;  /* one line */
    size_t state_size;

    /* Optional. State is zeroed and options are set before `start`. It may call actor_fail. A kind that `starts_slowly`
     * is up only once it has called actor_started; others are up when `start` returns. Letters come from the return of
     * `start` on, also before actor_started: such a kind refuses what it cannot do yet. */
    void (*start)(struct actor *me);
    bool starts_slowly;

    /* Optional. Frees what the state owns. Called after every start, also a failed one: accepts half-built state. Must
     * not send.
     */
    void (*stop)(struct actor *me);

    /* Optional: no new work will come: from now on askers hear ASK_UNAVAILABLE at once. Finish what is accepted, then
     * call actor_drained. Without it an actor is drained when its mailbox is empty and its questions are answered. */
    void (*drain)(struct actor *me);

    /* Optional: called at the end of every turn in which anything happened, before letters leave. The place to turn
     * what a turn collected into one message or one store write. */
    void (*turn_end)(struct actor *me);

    /* Optional: a live option has just changed; its field is already set. */
    void (*option_changed)(struct actor *me, const char *option);

    /* Optional: a kind that brings its own event loop (H2O). Must wait at most `timeout_us`, return early when
     * `reactor_fd` is readable, and run its own events. Only one actor on a thread may have it. */
    void (*wait)(struct actor *me, int reactor_fd, uint64_t timeout_us);

    const struct option *options;
    size_t option_count;
    const struct metric *metrics;
    size_t metric_count;
    const struct outlet *outlets;
    size_t outlet_count;
    const struct handler *handlers;
    size_t handler_count;

    enum on_failure on_failure;
    uint64_t hang_limit_us;   /* a handler that runs longer than this is a hang; 0: 5 s */
    uint64_t start_limit_us;  /* a start that takes longer has failed; 0: 15 s */
    uint64_t stop_limit_us;   /* a drain that takes longer is cut short; 0: 10 s */
    uint32_t mailbox_letters; /* open questions at most; more are answered ASK_OVERLOADED. 0: 65,536 */
};

/* In a kind: `TABLE(option, my_options)` sets `.options` and `.option_count`; likewise metric, outlet and handler. */
#define TABLE(one, table) .one##s = (table), .one##_count = sizeof(table) / sizeof((table)[0])

/* ------------------------------------------------------------------------------------------------ life */

/* This actor's state, `state_size` bytes. */
void *actor_state(const struct actor *me);
const char *actor_name(const struct actor *me); /* "links" */
const char *actor_node(const struct actor *me); /* "app1" */
/* The launcher's data folder is every node's working directory. This actor's own folder below it, created at the first
 * call: "nodes/NODE/ACTOR". Valid as long as the actor. NULL with actor_fail called when it cannot be made. */
const char *actor_folder(struct actor *me);
/* New for each start of this actor, rising over time, never repeated on one host whose clock does not go back. */
uint64_t actor_incarnation(const struct actor *me);

void actor_started(struct actor *me); /* see starts_slowly */
void actor_drained(struct actor *me); /* see drain */
/* Ends this incarnation after the current callback. `format` makes one sentence: what happened and what to do. */
void actor_fail(struct actor *me, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool actor_is_draining(const struct actor *me);

/* A value from elsewhere in the topology; NULL when there is none: "platform/url", "stores/db/uri" (or name, kind), and
 * "kinds/links/targets" (what the first actor of that kind was given). */
const char *actor_topology(const struct actor *me, const char *path);

/* ------------------------------------------------------------------------------------------------ sending */

enum ask_outcome {
    ASK_ANSWERED = 0, /* message holds the answer */
    ASK_TIMED_OUT,    /* the deadline passed */
    ASK_TARGET_DIED,  /* the process or the actor ended before it answered; the question may or may not have had effect
                       */
    ASK_OVERLOADED,   /* no credit, or the receiver has too many open questions: it has not been handled */
    ASK_NO_TARGET,    /* the topology has no receiver, or none is reachable: it has not been handled */
    ASK_FAILED,       /* the receiver refused; see detail */
    ASK_UNAVAILABLE   /* the receiver is draining or was drained: it has not been handled; ask another one */
};

struct answer {
    enum ask_outcome outcome;
    const struct message_schema *schema; /* of `message`; NULL unless ASK_ANSWERED */
    const void *message;                 /* valid until the callback returns */
    const char *detail;                  /* one sentence, never NULL */
    uint32_t receiver;                   /* which one: 0 .. actor_receivers - 1 */
};

/* Comes exactly once for each ask that returned non-zero, never from inside actor_ask. Not after actor_cancel_ask. */
typedef void answer_handler(struct actor *me, void *context, const struct answer *answer);

/* How to send; all zero is fine for a tell. */
struct sending {
    uint64_t deadline_us; /* of an ask, from now; 0: 2 s */
    answer_handler *then; /* of an ask */
    void *context;        /* handed to `then` */
    uint64_t key;         /* for PICK_BY_KEY */
    uint32_t avoid;       /* 1 + the receiver not to pick when there is another (a retry elsewhere); 0: none */
    uint32_t only;        /* 1 + the one receiver to ask; 0: as the outlet picks */
    struct trace trace;   /* not set: that of the letter being handled */
    bool anyway;          /* ask also one whose node does not answer, which else fails at once: to find out */
};

/* Sends one way. False when it was not accepted (see enum overload), or is larger than 8 MiB; then the caller still has
 * its message and decides. With PICK_EACH it is false when any receiver did not accept it; the others have it.
 * `outlet` is the row in the kind's outlet table. The message is encoded at once and may be reused. */
bool actor_tell(struct actor *me, uint32_t outlet, const struct message_schema *schema, const void *message);
#define TELL(me, outlet, type, ...) actor_tell((me), (outlet), &type##_schema, &(struct type){ __VA_ARGS__ })

/* Asks one receiver. Returns the ask's number for actor_cancel_ask; never 0. With PICK_EACH use actor_ask_each. */
uint64_t actor_ask(struct actor *me,
                   uint32_t outlet,
                   const struct sending *how,
                   const struct message_schema *schema,
                   const void *message);
#define ASK(me, outlet, how, type, ...) actor_ask((me), (outlet), (how), &type##_schema, &(struct type){ __VA_ARGS__ })
/* Asks every receiver; `then` comes once for each. Returns how many were asked; 0: `then` will not come. */
uint32_t actor_ask_each(struct actor *me,
                        uint32_t outlet,
                        const struct sending *how,
                        const struct message_schema *schema,
                        const void *message);
/* No answer is wanted any more: `then` will not come. Unknown numbers are ignored. */
void actor_cancel_ask(struct actor *me, uint64_t ask);

/* How many receivers an outlet has in this topology, and the name "NODE/ACTOR" of one. */
uint32_t actor_receivers(const struct actor *me, uint32_t outlet);
const char *actor_receiver_name(const struct actor *me, uint32_t outlet, uint32_t receiver);
/* Whether a receiver's node is believed alive: false from the moment its end is known until it is up again, and while
 * it is leaving. */
bool actor_receiver_is_up(const struct actor *me, uint32_t outlet, uint32_t receiver);
/* Letters that an outlet would still accept now (for the receiver with the least). */
uint32_t actor_credit(const struct actor *me, uint32_t outlet);

void actor_answer(struct actor *me, struct question question, const struct message_schema *schema, const void *message);
#define ANSWER(me, question, type, ...) actor_answer((me), (question), &type##_schema, &(struct type){ __VA_ARGS__ })
/* Answers ASK_FAILED with one sentence. */
void actor_refuse(struct actor *me, struct question question, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether the asker still waits (its deadline has not passed): a hint, for work that is not worth starting any more. */
bool actor_is_waiting(const struct actor *me, struct question question);

/* ------------------------------------------------------------------------------------------------ links and monitors
 */

enum { MONITORS_LIMIT = 256 /* of one actor */ };

struct down {
    const char *address;
    const char *reason; /* one sentence: how the actor or its node ended */
};

typedef void down_handler(struct actor *me, void *context, const struct down *down);

/* Watches the actor "NODE/ACTOR", on this node or another: `handler` is called once, in a later turn, when the life
 * that it has now ends: it fails or is stopped, its process ends, or its node does not answer any more (three
 * heartbeats). One that is being restarted is watched from its next start on; one that is stopped, or that there is
 * not, is down at once. To watch the next life call this again. Returns a number for actor_demonitor; 0: MONITORS_LIMIT
 * are open. */
uint64_t actor_monitor(struct actor *me, const char *address, down_handler *handler, void *context);
void actor_demonitor(struct actor *me, uint64_t monitor); /* the handler will not come; unknown numbers are ignored */
/* Binds this life of this actor to the present one of another: when either goes down the other fails. A supervisor
 * starts them again by its own rules; then the link has to be made again, so the place for this is `start`. */
void actor_link(struct actor *me, const char *address);

/* ------------------------------------------------------------------------------------------------ time */

typedef void timer_handler(struct actor *me, void *context);

uint64_t actor_now_us(const struct actor *me);  /* monotonic; the same throughout a turn */
uint64_t actor_wall_us(const struct actor *me); /* wall clock, since 1970, read at the start of the turn */
uint64_t actor_random(struct actor *me);        /* 64 random bits, seeded; not for secrets */
/* Timers return a number for actor_cancel_timer, never 0. A periodic one never replays missed beats. */
uint64_t actor_after(struct actor *me, uint64_t delay_us, timer_handler *handler, void *context);
uint64_t actor_every(struct actor *me, uint64_t period_us, timer_handler *handler, void *context);
void actor_cancel_timer(struct actor *me, uint64_t *timer); /* sets *timer to 0; 0 and spent numbers are ignored */

/* ------------------------------------------------------------------------------------------------ foreign events */

struct watch;

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

/* `events` is what came true; errors and hang-ups come as READ|WRITE. Level-triggered. */
typedef void watch_handler(struct actor *me, void *context, int fd, unsigned events);

/* Watches a file descriptor, which stays its owner's. NULL with errno when the kernel refuses. Unwatch before close. */
struct watch *actor_watch(struct actor *me, int fd, unsigned events, watch_handler *handler, void *context);
void actor_watch_change(struct actor *me, struct watch *watch, unsigned events);
void actor_unwatch(struct actor *me, struct watch **watch); /* accepts NULL in *watch; sets it to NULL */

/* Work for other threads: a library's own thread may not touch the actor. It may call actor_wake (any thread, cheap,
 * coalesced); then `handler` runs once on the actor's thread. The token outlives the actor safely. */
struct waker;
typedef void wake_handler(struct actor *me, void *context);
struct waker *actor_waker(struct actor *me, wake_handler *handler, void *context); /* freed by actor_waker_close */
void actor_wake(struct waker *waker);
void actor_waker_close(struct actor *me, struct waker **waker);

/* ------------------------------------------------------------------------------------------------ tracing */

/* Letters and asks carry the trace of the letter being handled by themselves and leave their spans behind. What waits
 * for something else (a store, an HTTP request) marks where it begins and, in the callback that ends it, says so: then
 * what the callback sends belongs to the same trace. Costs nothing unless the trace is recorded. */
enum span_kind { SPAN_REQUEST, SPAN_ASK, SPAN_TELL, SPAN_ANSWER, SPAN_STORE };

struct span_mark {
    struct trace trace;
    uint64_t began_us; /* 0 unless recorded */
};

struct span_mark actor_span_begin(const struct actor *me);
/* `name` and `other` are copied, cut to 31 and 47 bytes: what was done, and with whom or how it ended. No data of
 * clients. */
void actor_span_end(
    struct actor *me, const struct span_mark *mark, enum span_kind kind, const char *name, const char *other);
/* What is sent from here to the end of the callback, and by this turn's `turn_end`, belongs to it. */
void actor_continue_trace(struct actor *me, const struct trace *trace);

/* ------------------------------------------------------------------------------------------------ being watched */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* One structured line with time, node, actor and trace id, rate-limited per call site. One sentence, no newline; never
 * a client's address or what a click says. */
#define actor_log(me, level, ...)                                                                                      \
    do {                                                                                                               \
        static struct log_site site_;                                                                                  \
        actor_log_at((me), (level), &site_, __VA_ARGS__);                                                              \
    } while (0)
struct log_site {
    _Atomic uint64_t window_start_us;
    _Atomic uint32_t in_window;
};
void actor_log_at(struct actor *me, enum log_level level, struct log_site *site, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* This actor's word on an outside dependency, for status and readyz: "normal" or the degraded mode's name. `name` and
 * `mode` must be literals or otherwise live for ever. A change is logged. */
void actor_dependency(struct actor *me, const char *name, const char *mode);
/* What it said of the one numbered `index`, 0, 1, 2 ...; "unknown": nothing yet. False when there are not so many. */
bool actor_dependency_at(const struct actor *me, uint32_t index, const char **ret_name, const char **ret_mode);
/* Lists a breaker under the dependency's name in status and metrics. The breaker must outlive the actor's state or be
 * withdrawn with NULL. */
void actor_show_breaker(struct actor *me, const char *name, const struct breaker *breaker);

#endif
