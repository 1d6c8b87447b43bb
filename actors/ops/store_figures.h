/* SPDX-License-Identifier: MIT */
/*
 * store_figures -- which of a store's own figures are kept, and under which names they are shown.
 *
 * Each store tells far more about itself than anybody looks at. A row here is one figure worth having: the store's own
 * word for it, and the metric that it becomes. A new one is a new row.
 */
#ifndef ACTORS_OPS_STORE_FIGURES_H
#define ACTORS_OPS_STORE_FIGURES_H

#include "proto/slice.h"
#include "runtime/metric.h"

/* ROW(id, the store's word, the metric, its type, what it says) */
#define STORE_FIGURES(ROW)                                                                                             \
    ROW(REDIS_MEMORY, "used_memory", "redis_memory_bytes", GAUGE, "Memory that Redis uses.")                           \
    ROW(REDIS_MEMORY_LIMIT, "maxmemory", "redis_memory_limit_bytes", GAUGE, "What it may use; 0: no limit.")           \
    ROW(REDIS_CLIENTS, "connected_clients", "redis_clients", GAUGE, "Connections to Redis.")                           \
    ROW(REDIS_COMMANDS, "total_commands_processed", "redis_commands_total", COUNTER, "Commands carried out.")          \
    ROW(REDIS_HITS, "keyspace_hits", "redis_keyspace_hits_total", COUNTER, "Reads that found their key.")              \
    ROW(REDIS_MISSES, "keyspace_misses", "redis_keyspace_misses_total", COUNTER, "Reads that found none.")             \
    ROW(REDIS_EVICTED, "evicted_keys", "redis_evicted_keys_total", COUNTER, "Keys that made room for others.")         \
    ROW(REDIS_EXPIRED, "expired_keys", "redis_expired_keys_total", COUNTER, "Keys whose time was over.")               \
    ROW(REDIS_AOF, "aof_current_size", "redis_append_file_bytes", GAUGE, "Size of the append-only file.")              \
    ROW(REDIS_AOF_DELAYED, "aof_delayed_fsync", "redis_delayed_syncs_total", COUNTER, "Syncs that were late.")         \
    ROW(REDIS_REPLICAS, "connected_slaves", "redis_replicas", GAUGE, "Replicas that follow this server.")              \
    ROW(POSTGRES_BYTES, "database_bytes", "postgres_database_bytes", GAUGE, "Size of the database.")                   \
    ROW(POSTGRES_CONNECTIONS, "connections", "postgres_connections", GAUGE, "Connections to the database.")            \
    ROW(POSTGRES_CONNECTION_LIMIT, "connection_limit", "postgres_connection_limit", GAUGE, "How many there may be.")   \
    ROW(POSTGRES_COMMITS, "commits", "postgres_commits_total", COUNTER, "Transactions committed.")                     \
    ROW(POSTGRES_ROLLBACKS, "rollbacks", "postgres_rollbacks_total", COUNTER, "Transactions rolled back.")             \
    ROW(POSTGRES_READ, "blocks_read", "postgres_blocks_read_total", COUNTER, "Blocks that were not in memory.")        \
    ROW(POSTGRES_HIT, "blocks_hit", "postgres_blocks_hit_total", COUNTER, "Blocks that were.")                         \
    ROW(POSTGRES_DEADLOCKS, "deadlocks", "postgres_deadlocks_total", COUNTER, "Deadlocks.")                            \
    ROW(POSTGRES_OLDEST, "oldest_transaction", "postgres_oldest_transaction_seconds", GAUGE,                           \
        "Age of the oldest transaction that is open.")                                                                 \
    ROW(POSTGRES_WAL, "wal", "postgres_wal_bytes_total", COUNTER, "Write-ahead log written.")                          \
    ROW(CLICKHOUSE_MEMORY, "MemoryTracking", "clickhouse_memory_bytes", GAUGE, "Memory that its queries use.")         \
    ROW(CLICKHOUSE_QUERIES, "Query", "clickhouse_queries_total", COUNTER, "Queries begun.")                            \
    ROW(CLICKHOUSE_INSERTED, "InsertedRows", "clickhouse_inserted_rows_total", COUNTER, "Rows inserted.")              \
    ROW(CLICKHOUSE_MERGED, "MergedRows", "clickhouse_merged_rows_total", COUNTER, "Rows read to be merged.")           \
    ROW(CLICKHOUSE_MERGES, "Merge", "clickhouse_merges", GAUGE, "Merges or inserts under way.")                        \
    ROW(CLICKHOUSE_PARTS, "parts", "clickhouse_parts", GAUGE, "Parts of all tables that are in use.")                  \
    ROW(CLICKHOUSE_ROWS, "part_rows", "clickhouse_rows", GAUGE, "Rows in them.")                                       \
    ROW(CLICKHOUSE_BYTES, "part_bytes", "clickhouse_bytes", GAUGE, "Their size on disk.")                              \
    ROW(KAFKA_FIRST, "", "kafka_partition_first_offset", GAUGE, "The oldest record that the partition still has.")     \
    ROW(KAFKA_END, "", "kafka_partition_end_offset", GAUGE, "The record that it will get next.")                       \
    ROW(UP, "", "up", GAUGE, "1 when the store answered the last time, else 0.")                                       \
    ROW(ANSWER, "", "answer_seconds", GAUGE, "How long that took.")

enum store_figure {
#define FIGURE_ID(id, word, metric, type, help) STORE_##id,
    STORE_FIGURES(FIGURE_ID)
#undef FIGURE_ID
        STORE_FIGURE_COUNT
};

struct store_figures {
    struct series at[STORE_FIGURE_COUNT];
};

/* The row with the store's word, STORE_FIGURE_COUNT when none has it. */
enum store_figure store_figure_of(struct slice word);

/* Takes lines "WORD SEPARATOR number", as Redis (':') and ClickHouse (tab) give them; lines of another form and words
 * that no row has are passed over. Returns how many figures were taken. */
uint32_t store_figures_take(struct store_figures *figures, const char *store, struct slice text, char separator);

#endif
