/* SPDX-License-Identifier: MIT */
/* kinds -- see kinds.h. A new kind is its own file and a row here. */
#include "actors/kinds.h"

#include "runtime/gate.h"
#include "runtime/supervise/supervisor.h"

extern const struct actor_kind cache_warmer_kind;
extern const struct actor_kind clickhouse_sink_kind;
extern const struct actor_kind click_buffer_kind;
extern const struct actor_kind config_kind;
extern const struct actor_kind edge_kind;
extern const struct actor_kind id_allocator_kind;
extern const struct actor_kind kafka_bridge_kind;
extern const struct actor_kind keygen_kind;
extern const struct actor_kind links_kind;
extern const struct actor_kind operator_kind;
extern const struct actor_kind postgres_sink_kind;
extern const struct actor_kind reconciler_kind;
extern const struct actor_kind schema_kind;
extern const struct actor_kind stores_kind;

const struct actor_kind *const shunt_node_kind = &supervisor_kind;

/* One a line, so that two who add one do not meet. */
/* clang-format off */
const struct actor_kind *const shunt_kinds[] = {
    &cache_warmer_kind,
    &clickhouse_sink_kind,
    &click_buffer_kind,
    &config_kind,
    &edge_kind,
    &gate_kind,
    &id_allocator_kind,
    &kafka_bridge_kind,
    &keygen_kind,
    &links_kind,
    &operator_kind,
    &postgres_sink_kind,
    &reconciler_kind,
    &schema_kind,
    &stores_kind,
    NULL,
};
/* clang-format on */
