/* SPDX-License-Identifier: MIT */
/* launcher_listen -- holds the sockets on which nodes listen, so that they outlive each node; see runtime/listener.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/supervise/launcher_state.h"

struct handing_on {
    struct launcher *self;
    const struct topology_node *node;
    int *descriptors;
    size_t count;
    char *text;
    size_t size;
};

static void write_address(const struct topology_listener *listener, char address[TOPOLOGY_HOST_LIMIT + 8])
{
    snprintf(address, TOPOLOGY_HOST_LIMIT + 8, "%s:%u", listener->host, listener->port);
}

/* The held one for that address, opened if need be; NULL when it cannot be: then the node tries by itself, and says
 * why. */
static const struct held_listener *hold(struct launcher *self, const char *address)
{
    struct held_listener *new = &self->listeners[self->listener_count];
    char why[256];

    for (size_t i = 0; i < self->listener_count; i++)
        if (strcmp(self->listeners[i].address, address) == 0)
            return &self->listeners[i];
    if (self->listener_count == LISTENERS_LIMIT)
        return NULL;
    new->fd = listener_open(address, why, sizeof why);
    if (new->fd < 0)
        return NULL;
    snprintf(new->address, sizeof new->address, "%s", address);
    self->listener_count++;
    return new;
}

static void hand_on(void *context, const struct topology_listener *listener)
{
    struct handing_on *to = context;
    char address[TOPOLOGY_HOST_LIMIT + 8];
    const struct held_listener *held;

    if (listener->node != to->node || to->count == LISTENERS_LIMIT)
        return;
    write_address(listener, address);
    held = hold(to->self, address);
    if (held == NULL || to->size + strlen(address) + 16 > LISTENERS_TEXT_LIMIT)
        return;
    to->descriptors[to->count++] = held->fd;
    to->size += (size_t)snprintf(to->text + to->size, LISTENERS_TEXT_LIMIT - to->size, "%s%s=%d",
                                 to->size > 0 ? " " : "", address, held->fd);
}

void launcher_listen(struct launcher *self,
                     const struct topology_node *node,
                     int descriptors[LISTENERS_LIMIT + 1],
                     char text[LISTENERS_TEXT_LIMIT])
{
    struct handing_on to = { .self = self, .node = node, .descriptors = descriptors, .text = text };

    text[0] = '\0';
    topology_each_listener(self->process->topology, hand_on, &to);
    descriptors[to.count] = -1;
}

/* ------------------------------------------------------------------------------------------------ closing */

struct search {
    struct launcher *self;
    const char *address;
    bool is_found; /* a node that listens there runs, or will again */
};

static void look_at(void *context, const struct topology_listener *listener)
{
    struct search *search = context;
    char address[TOPOLOGY_HOST_LIMIT + 8];
    const struct unit *unit =
        listener->node != NULL ? launcher_find(search->self, slice_of(listener->node->name)) : NULL;

    write_address(listener, address);
    if (unit != NULL && strcmp(address, search->address) == 0)
        search->is_found |= unit->process.pid > 0 || (unit->state != UNIT_STOPPED && unit->state != UNIT_GAVE_UP);
}

/* Otherwise clients would wait for somebody who does not come. */
void launcher_listen_less(struct launcher *self)
{
    for (size_t i = 0; i < self->listener_count;) {
        struct search search = { .self = self, .address = self->listeners[i].address };

        topology_each_listener(self->process->topology, look_at, &search);
        if (search.is_found) {
            i++;
            continue;
        }
        close(self->listeners[i].fd);
        self->listeners[i] = self->listeners[--self->listener_count];
    }
}
