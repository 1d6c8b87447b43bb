# SPDX-License-Identifier: MIT
"""The migrations on the real servers: they apply, and the tables have the properties that their comments promise."""
import struct

import httpx
import psycopg
import pytest

from managed_store import PASSWORD, ROOT, Store, wait_for

MIGRATIONS = ROOT / "topology/migrations"


@pytest.fixture
def database(tmp_path):
    with Store("postgres", tmp_path) as store:
        store.start().wait_ready()
        with psycopg.connect(host="127.0.0.1", port=store.port, user="shunt", password=PASSWORD, dbname="shunt",
                             autocommit=True) as connection:
            for file in sorted((MIGRATIONS / "postgres").glob("*.sql")):
                with connection.transaction():
                    connection.execute(file.read_text())
            yield connection


@pytest.fixture
def analytics(tmp_path):
    with Store("clickhouse", tmp_path) as store:
        store.start().wait_ready()

        def ask(sql, rows=b""):
            place, content = ({"query": sql}, rows) if rows else ({}, sql.encode())
            answer = httpx.post(f"http://127.0.0.1:{store.port}/", params=place, content=content, auth=("shunt", PASSWORD))
            assert answer.status_code == 200, answer.text
            return answer.text.strip()

        for _ in range(2):  # each statement may be repeated
            for file in sorted((MIGRATIONS / "clickhouse").glob("*.sql")):
                ask(file.read_text())
        yield ask


def test_numbers_are_unique():
    for server in ("postgres", "clickhouse"):
        numbers = [file.name[:4] for file in (MIGRATIONS / server).glob("*.sql") if not file.name.startswith("0000")]
        assert numbers and len(numbers) == len(set(numbers))


def test_bookkeeping_may_be_repeated(database):
    database.execute((MIGRATIONS / "postgres/0000_schema_migrations.sql").read_text())


def test_counting_stays_within_the_page(database):
    database.execute("INSERT INTO urls (id, short_code, original_url, clicks) "
                     "SELECT i, 'code' || i, 'https://example.org/', 100 FROM generate_series(1, 1000) AS i")
    for _ in range(5):
        database.execute("UPDATE urls SET clicks = clicks + 1 WHERE id % 10 = 0")

    def hot_and_all():
        return database.execute("SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'urls'").fetchone()

    wait_for("the statistics", lambda: hot_and_all()[1] == 500, 5)
    assert hot_and_all()[0] >= 450, "updates of clicks touch no index"


def test_the_hottest_come_from_the_index(database):
    database.execute("INSERT INTO urls (id, short_code, original_url, clicks) "
                     "SELECT i, 'code' || i, 'https://example.org/', i FROM generate_series(0, 3000) AS i")
    database.execute("ANALYZE urls")
    hottest = ("SELECT short_code, clicks FROM (SELECT * FROM urls WHERE heat > 0 ORDER BY heat DESC LIMIT 4 * 10) AS hot "
               "ORDER BY clicks DESC LIMIT 10")
    assert "urls_hottest" in str(database.execute("EXPLAIN " + hottest).fetchall())
    heats = dict(database.execute("SELECT clicks, heat FROM urls WHERE clicks IN (0, 1, 3, 4, 15, 16)").fetchall())
    assert heats == {0: 0, 1: 1, 3: 1, 4: 2, 15: 2, 16: 3}


def test_codes_are_bytes(database):
    insert = "INSERT INTO urls (id, short_code, original_url) VALUES (%s, %s, 'https://example.org/')"
    database.execute(insert, [1, "abc"])
    database.execute(insert, [2, "aBc"])
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(insert, [3, "abc"])
    for wrong in ("", "a" * 21):
        with pytest.raises(psycopg.errors.CheckViolation):
            database.execute(insert, [4, wrong])


def row_binary(seq):
    def text(words):
        return bytes([len(words)]) + words.encode()

    return (text("abc1234") + struct.pack("<IIQHQ", 1790000000, seq, 7, 3, seq) + text("example.org") + text("mobile") + text("DE") +
            b"\0")


def test_a_click_inserted_twice_is_one(analytics):
    rows = b"".join(row_binary(seq) for seq in range(1, 101))
    for _ in range(2):
        analytics("INSERT INTO shunt.click_events FORMAT RowBinary", rows)
    assert analytics("SELECT uniqExact(epoch, lane, seq) FROM shunt.click_events WHERE short_code = 'abc1234'") == "100"
    assert analytics("SELECT epoch, lane, max(seq) FROM shunt.click_events WHERE event_time >= toDateTime(1789999999) "
                     "GROUP BY epoch, lane") == "7\t3\t100"
    analytics("OPTIMIZE TABLE shunt.click_events FINAL")
    assert analytics("SELECT count() FROM shunt.click_events") == "100"
