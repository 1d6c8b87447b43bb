/* SPDX-License-Identifier: MIT */
/* changed_links -- see the header. Open addressing with linear probing; entries leave only when all are put in anew. */
#include "actors/links/changed_links.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint32_t place_of(struct slice code)
{
    return (uint32_t)(XXH3_64bits(code.at, code.size) % CHANGED_LINKS_SLOTS);
}

/* The slot that holds the code, or the free one where it would go. There is always a free one: half of them are. */
static uint32_t find(const struct changed_links *changed, struct slice code)
{
    uint32_t place = place_of(code);

    for (;; place = (place + 1) % CHANGED_LINKS_SLOTS) {
        const struct changed_link *slot = &changed->slots[place];

        if (slot->size == 0 || (slot->size == code.size && memcmp(slot->code, code.at, code.size) == 0))
            return place;
    }
}

static void forget_old(struct changed_links *changed, uint64_t now_us)
{
    struct changed_links *kept = calloc(1, sizeof(*kept));

    assert(kept != NULL);
    kept->full_until_us = changed->full_until_us;
    for (uint32_t i = 0; i < CHANGED_LINKS_SLOTS; i++) {
        const struct changed_link *slot = &changed->slots[i];

        if (slot->size == 0 || slot->until_us <= now_us)
            continue;
        kept->slots[find(kept, (struct slice){ .at = slot->code, .size = slot->size })] = *slot;
        kept->count++;
    }
    *changed = *kept;
    free(kept);
}

void changed_links_note(
    struct changed_links *changed, struct slice code, uint64_t version, uint64_t now_us, uint64_t until_us)
{
    struct changed_link *slot;

    if (!code_rules_is_code(code))
        return;
    slot = &changed->slots[find(changed, code)];
    if (slot->size == 0 && changed->count == CHANGED_LINKS_LIMIT) {
        forget_old(changed, now_us);
        slot = &changed->slots[find(changed, code)];
    }
    if (slot->size == 0 && changed->count == CHANGED_LINKS_LIMIT) {
        changed->full_until_us = until_us > changed->full_until_us ? until_us : changed->full_until_us;
        return;
    }
    if (slot->size == 0) {
        memcpy(slot->code, code.at, code.size);
        slot->size = (uint8_t)code.size;
        slot->version = 0;
        slot->until_us = 0;
        changed->count++;
    }
    slot->version = version > slot->version ? version : slot->version;
    slot->until_us = until_us > slot->until_us ? until_us : slot->until_us;
}

bool changed_links_allow(const struct changed_links *changed, struct slice code, uint64_t version)
{
    const struct changed_link *slot = &changed->slots[find(changed, code)];

    return slot->size == 0 || version >= slot->version;
}

bool changed_links_are_complete(const struct changed_links *changed, uint64_t now_us)
{
    return changed->full_until_us <= now_us;
}
