/* SPDX-License-Identifier: MIT */
#include "proto/catalog.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "proto/messages/clicks.h"
#include "proto/messages/control.h"
#include "proto/messages/links.h"
#include "proto/messages/operations.h"

#define MESSAGE_FILE "proto/messages/control.def"
#include "proto/define.h"
#define MESSAGE_FILE "proto/messages/links.def"
#include "proto/define.h"
#define MESSAGE_FILE "proto/messages/clicks.def"
#include "proto/define.h"
#define MESSAGE_FILE "proto/messages/operations.def"
#include "proto/define.h"

#define RECORD(name, doc)
#define MESSAGE(name, id, doc) &name##_schema,
#define FIELD(owner, type, field, doc)
#define LIST(owner, record, field, most, doc)
#define END(name)

static const struct message_schema *messages[] = {
#include "proto/messages/clicks.def"
#include "proto/messages/control.def"
#include "proto/messages/links.def"
#include "proto/messages/operations.def"
};

enum { MESSAGES = sizeof messages / sizeof messages[0], IDS = 0x1000, OWN_IDS = 0x0800 };

static const struct message_schema *by_id[IDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int order(const void *a, const void *b)
{
    return (*(const struct message_schema *const *)a)->id - (*(const struct message_schema *const *)b)->id;
}

static void fill(void)
{
    for (size_t i = 0; i < MESSAGES; i++) {
        assert(messages[i]->id > 0 && messages[i]->id < OWN_IDS && by_id[messages[i]->id] == NULL);
        by_id[messages[i]->id] = messages[i];
    }
    qsort(messages, MESSAGES, sizeof messages[0], order);
}

const struct message_schema *catalog_find(uint16_t id)
{
    pthread_once(&once, fill);
    return id < IDS ? by_id[id] : NULL;
}

const struct message_schema *catalog_find_name(const char *name)
{
    pthread_once(&once, fill);
    for (size_t id = 0; id < IDS; id++) {
        if (by_id[id] != NULL && strcmp(by_id[id]->name, name) == 0)
            return by_id[id];
    }
    return NULL;
}

void catalog_add(const struct message_schema *schema)
{
    pthread_once(&once, fill);
    assert(schema->id >= OWN_IDS && schema->id < IDS && by_id[schema->id] == NULL);
    by_id[schema->id] = schema;
}

const struct message_schema *const *catalog_all(size_t *ret_count)
{
    pthread_once(&once, fill);
    *ret_count = MESSAGES;
    return messages;
}
