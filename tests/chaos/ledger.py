# SPDX-License-Identifier: MIT
"""What the clients know for certain, and how both databases are held against it.

Every request that was sent is *issued*; one that came back with a 307 is *answered*, and its identity
(epoch, lane, seq) is known. Whatever else was sent may have been counted or not, once at most.
"""
import collections
import dataclasses

SHOWN = 10  # of each kind of violation; the others are counted


class Ledger:
    def __init__(self, codes):
        self.codes = codes
        self.issued = collections.Counter()  # by code, counted before the first byte is sent
        self.answered = collections.Counter()  # by code, counted after the last byte has come
        self.identities = {}  # (epoch, lane) -> {seq: code}
        self.outcomes = collections.Counter()  # what became of each request
        self.repeated = []  # identities that two clicks were given

    def sent(self, code):
        self.issued[code] += 1

    def came_back(self, code, identity):
        epoch, lane, seq = (int(part) for part in identity.split("-"))
        seqs = self.identities.setdefault((epoch, lane), {})
        if seq in seqs:
            self.repeated.append((epoch, lane, seq))
        seqs[seq] = code
        self.answered[code] += 1


@dataclasses.dataclass
class Verdict:
    violations: list
    figures: dict


def runs_of(seqs):
    """Neighbouring numbers as pairs of first and last."""
    runs = []
    for seq in sorted(seqs):
        if runs and runs[-1][1] == seq - 1:
            runs[-1][1] = seq
        else:
            runs.append([seq, seq])
    return runs


def read_clickhouse(platform):
    """(epoch, lane) -> {seq: code}, and how many rows are physically there more than once."""
    answer = platform.clickhouse("SELECT epoch, lane, seq, short_code, count() FROM click_events "
                                 "GROUP BY epoch, lane, seq, short_code FORMAT TabSeparated")
    rows, doubles = {}, 0
    for line in answer.splitlines():
        epoch, lane, seq, code, count = line.split("\t")
        rows.setdefault((int(epoch), int(lane)), {})[int(seq)] = code
        doubles += int(count) - 1
    return rows, doubles


def read_postgres(platform):
    """Clicks by code, marks by lane, and the holes that are recorded."""
    import psycopg
    with psycopg.connect(platform.uri("db")) as connection:
        clicks = dict(connection.execute("SELECT short_code, clicks FROM urls").fetchall())
        marks = {(epoch, lane): mark for epoch, lane, mark in
                 connection.execute("SELECT epoch, lane, mark FROM click_marks").fetchall()}
        holes = connection.execute("SELECT epoch, lane, first_seq, last_seq FROM click_holes ORDER BY 1, 2, 3").fetchall()
    return clicks, marks, holes


def compare(ledger, platform):
    """Click by click. Everything has to be drained, or what is still on its way is called missing."""
    in_clickhouse, doubles = read_clickhouse(platform)
    in_postgres, marks, holes = read_postgres(platform)
    found = collections.Counter()
    by_code, extras = collections.Counter(), collections.Counter()

    def violation(promise, text):
        found[promise] += 1
        if found[promise] <= SHOWN:
            violations.append(f"{promise}: {text}")

    violations = []
    for identity in ledger.repeated:
        violation("identity given twice", identity)
    missing = 0
    for lane, answered in sorted(ledger.identities.items()):
        rows = in_clickhouse.get(lane, {})
        lost = [seq for seq in answered if seq not in rows]
        missing += len(lost)
        for first, last in runs_of(lost):
            violation("I1", f"epoch {lane[0]} lane {lane[1]} seqs {first} to {last} were answered and are not in "
                            f"ClickHouse; Postgres' mark is {marks.get(lane)}")
        for seq in answered:
            if seq in rows and rows[seq] != answered[seq]:
                violation("I1", f"epoch {lane[0]} lane {lane[1]} seq {seq} is {rows[seq]}, was {answered[seq]}")
    for lane, rows in in_clickhouse.items():
        answered = ledger.identities.get(lane, {})
        for seq, code in rows.items():
            by_code[code] += 1
            extras[code] += seq not in answered
    for code in sorted(set(in_postgres) | set(by_code) | set(ledger.issued)):
        in_p, in_c = in_postgres.get(code, 0), by_code[code]
        maybe = ledger.issued[code] - ledger.answered[code]
        if in_p != in_c:
            violation("I2", f"{code}: Postgres has {in_p} clicks, ClickHouse {in_c}; answered {ledger.answered[code]}, "
                            f"issued {ledger.issued[code]}")
        if not ledger.answered[code] <= in_p <= ledger.issued[code]:
            violation("I1/I3", f"{code}: Postgres has {in_p} clicks; answered {ledger.answered[code]}, "
                               f"issued {ledger.issued[code]}")
        if extras[code] > maybe:
            violation("I3", f"{code}: ClickHouse has {extras[code]} clicks that nobody was answered, "
                            f"only {maybe} requests ended without an answer")
    for promise, count in found.items():
        if count > SHOWN:
            violations.append(f"{promise}: {count - SHOWN} more")
    figures = {
        "issued": sum(ledger.issued.values()), "answered": sum(ledger.answered.values()),
        "in_postgres": sum(in_postgres.values()), "in_clickhouse": sum(by_code.values()),
        "missing": missing, "counted_without_answer": sum(extras.values()), "clickhouse_physical_doubles": doubles,
        "epochs": len({epoch for epoch, _ in ledger.identities}), "holes": holes,
    }
    return Verdict(violations, figures)
