/* SPDX-License-Identifier: MIT */
/* source -- something happens ten times a second; it tells every meter, wherever that is, and watches the first one. */
#include "runtime/examples/rates/rates.h"

enum { TO_METERS };

struct source {
    uint64_t every_us; /* option */
};

static void something_happens(struct actor *me, void *context)
{
    (void)context;
    TELL(me, TO_METERS, ticks, .count = 1);
}

static void watch_meter(struct actor *me, void *context);

static void meter_is_down(struct actor *me, void *context, const struct down *down)
{
    (void)context;
    actor_log(me, LOG_WARN, "%s is down: %s; what happens now is kept for it", down->address, down->reason);
    actor_after(me, ((struct source *)actor_state(me))->every_us, watch_meter, NULL);
}

static void watch_meter(struct actor *me, void *context)
{
    actor_monitor(me, actor_receiver_name(me, TO_METERS, 0), meter_is_down, context);
}

static void start(struct actor *me)
{
    actor_every(me, ((struct source *)actor_state(me))->every_us, something_happens, NULL);
    watch_meter(me, NULL);
}

static const struct option options[] = {
    { .name = "every",
      .type = OPTION_DURATION,
      .offset = offsetof(struct source, every_us),
      .default_text = "100ms",
      .minimum = 1000,
      .maximum = 3600000000,
      .help = "how often something happens" },
};
static const struct outlet outlets[] = {
    [TO_METERS] = { .name = "meters",
                    .to = "meter",
                    .doc = "count what happens; nothing of it is lost while they are away",
                    .pick = PICK_EACH,
                    .delivery = DELIVERY_ACKNOWLEDGED },
};

const struct actor_kind source_kind = {
    .name = "source",
    .doc = "tells meters when something happens",
    .state_size = sizeof(struct source),
    .start = start,
    TABLE(option, options),
    TABLE(outlet, outlets),
};
