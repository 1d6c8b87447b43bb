/* SPDX-License-Identifier: MIT */
/*
 * channel -- commands from a supervisor to the threads of its node, and what they report back.
 *
 * A small locked queue with an eventfd. It is no mailbox: a mailbox is not read while its actor is down or suspended,
 * and that is exactly when the supervisor must be heard.
 */
#ifndef RUNTIME_CELL_CHANNEL_H
#define RUNTIME_CELL_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"

struct actor;
struct channel;

enum notice_type {
    /* supervisor -> reactor */
    COMMAND_START,        /* actor: start it */
    COMMAND_STOP,         /* actor: stop it at once */
    COMMAND_DRAIN,        /* actor: finish, then stop */
    COMMAND_FAIL,         /* actor: treat it as failed; text: why */
    COMMAND_SUSPEND,      /* actor */
    COMMAND_RESUME,       /* actor */
    COMMAND_SETTING,      /* actor; text: the option, value: its new value */
    COMMAND_NODE_DOWN,    /* text: the node; all actors of the thread */
    COMMAND_NODE_UP,      /* text: the node */
    COMMAND_NODE_SILENT,  /* text: the node */
    COMMAND_NODE_LEAVING, /* text: the node */
    COMMAND_KEYS,         /* all actors of the thread: a key was revoked, connections between hosts begin anew */
    COMMAND_REPORT,       /* all actors of the thread: EVENT_STATUS and EVENT_METRICS for `number` */
    COMMAND_END,          /* the thread returns */
    /* reactor -> supervisor */
    EVENT_STARTED,  /* actor */
    EVENT_FAILED,   /* actor; text: why */
    EVENT_STOPPED,  /* actor: as told, or after a drain */
    EVENT_WATCHING, /* actor; text: a node with one that it monitors */
    EVENT_REPORT /* actor, or NULL for the thread's end of report; payload: see cell_report; number: of the command */
};

struct notice {
    enum notice_type type;
    struct actor *actor;
    char text[256];
    char value[512];
    uint64_t number;
    struct buffer payload; /* owned by whoever takes the notice */
};

struct channel *channel_new(void);
void channel_destroy(struct channel **channel);
int channel_fd(const struct channel *channel);                           /* readable when there is something to take */
void channel_send(struct channel *channel, const struct notice *notice); /* any thread; copies */
bool channel_take(struct channel *channel, struct notice *ret_notice);   /* one thread */

#endif
