# SPDX-License-Identifier: MIT
"""Every figure that an operator was promised is on the page of the node that knows it, and every page is one that Prometheus takes."""
import re
import subprocess

import pytest

from running import PORT_SHIFT, eventually

OPERATOR = f"http://127.0.0.1:{8081 + PORT_SHIFT}"
PROCESS = ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
           "process_start_time_seconds", "shunt_node_up", "shunt_node_disk_free_bytes", "shunt_node_disk_bytes"]
ACTOR = ["shunt_actor_up", "shunt_actor_restarts_total", "shunt_actor_mailbox_letters", "shunt_actor_mailbox_high_water_letters",
         "shunt_actor_handling_seconds_bucket", "shunt_actor_credit_stalls_total", "shunt_actor_waiting_letters",
         "shunt_actor_dead_letters_total", "shunt_actor_errors_total"]
SINK = [r'lag_records{.*partition="\d+"', "delay_seconds_bucket", "stored_clicks_bucket"]
PROMISED = {
    "edge": ['shunt_edge_requests_total{.*route="code",method="GET",status="3xx"', 'shunt_edge_requests_total{.*route="shorten",method="POST"',
             'shunt_edge_request_duration_seconds_bucket{.*route="code_hot"', 'shunt_edge_hot_lookups_total{.*result="hit"',
             'shunt_edge_hot_lookups_total{.*result="miss"', "shunt_click_buffer_unpublished_clicks", "shunt_click_buffer_windows_waiting",
             'shunt_click_buffer_largest_code_clicks{.*rank="1"', "shunt_click_buffer_journal_bytes", "shunt_kafka_bridge_records_under_way",
             "shunt_kafka_bridge_windows_waiting", "shunt_kafka_bridge_retries_total", "shunt_kafka_bridge_delivery_seconds_bucket",
             "shunt_kafka_bridge_publish_seconds_bucket", 'shunt_actor_breaker_open{.*dependency="redis"',
             'shunt_actor_dependency_mode{.*dependency="kafka",mode="normal"', "shunt_actor_credit_letters"],
    "app1": ["shunt_links_cache_hits_total", "shunt_links_cache_misses_total", "shunt_links_shorten_seconds_bucket",
             'shunt_actor_breaker_open{.*dependency="postgres"'],
    "keygen": ['shunt_keygen_codes_left{.*stripe="0"', 'shunt_keygen_codes_left{.*stripe="1"', "shunt_keygen_lease_failures_total"],
    "id-allocator": ["shunt_id_allocator_numbers_left"],
    "ingestion-1": [f"shunt_{sink}_sink_{name}" for sink in ("postgres", "clickhouse") for name in SINK]
    + ["shunt_postgres_sink_store_seconds_bucket", "shunt_postgres_sink_missing_clicks", "shunt_clickhouse_sink_insert_seconds_bucket"],
    "reconciler": ["shunt_reconciler_postgres_drift_clicks", "shunt_reconciler_clickhouse_drift_clicks"],
    "config": [f'shunt_stores_up{{.*store="{store}"}} 1' for store in
               ("db", "redis", "redis-replica", "keygen-redis-primary", "keygen-redis-secondary", "kafka", "clickhouse")]
    + ['shunt_stores_redis_memory_bytes{.*store="redis-replica"', "shunt_stores_redis_commands_total", "shunt_stores_postgres_database_bytes",
       "shunt_stores_postgres_commits_total", "shunt_stores_postgres_wal_bytes_total", "shunt_stores_clickhouse_rows",
       "shunt_stores_clickhouse_parts", "shunt_stores_clickhouse_queries_total",
       'shunt_stores_kafka_partition_end_offset{.*topic="click_events",partition="5"'],
}
NODES = ["config", "id-allocator", "keygen", "app1", "app2", "app3", "edge", "cache-warmer", "ingestion-1", "ingestion-2", "ingestion-3",
         "reconciler"]


@pytest.fixture(scope="module")
def page(shunt):
    """One click that went all the way, so that nothing is missing only because it has not happened yet."""
    code = shunt.shorten()["short_code"]
    shunt.click(code)
    eventually(lambda: shunt.in_postgres(code) == 1 and shunt.in_clickhouse(code) == 1, 30, "the click did not arrive")

    def page_of(node):
        answer = shunt.http.get(f"{OPERATOR}/metrics/{node}")
        assert answer.status_code == 200
        return answer.text
    return page_of


@pytest.mark.parametrize("node", NODES)
def test_what_was_promised_is_there(page, node):
    wanted = PROCESS + ACTOR + PROMISED.get(node, [])

    def missing():
        text = page(node)
        return [name for name in wanted if not re.search("^" + name, text, re.M)]
    eventually(lambda: not missing(), 30, f"{node} does not show {missing()}")


@pytest.mark.parametrize("node", NODES)
def test_promtool_has_nothing_to_say(page, node):
    outcome = subprocess.run(["promtool", "check", "metrics"], input=page(node), capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_number_of_series_is_bounded(page):
    """Names that come and go (codes, addresses, users) are no labels."""
    labels = set(re.findall(r'[{,](\w+)="', "".join(map(page, NODES))))
    assert labels == {"node", "actor", "le", "reason", "dependency", "mode", "route", "method", "status", "result", "rank", "stripe",
                      "state", "store", "topic", "partition", "peer"}
