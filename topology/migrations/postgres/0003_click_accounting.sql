-- SPDX-License-Identifier: MIT
--
-- What makes each click count once: marks, holes and offsets move in the transaction that adds the clicks.

-- All clicks of a lane up to its mark are in urls.clicks (but for the holes below), none above it is.
CREATE TABLE click_marks (
    epoch      bigint      NOT NULL,
    lane       int         NOT NULL,
    mark       bigint      NOT NULL CHECK (mark >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, lane)
) WITH (fillfactor = 50); -- updated every few seconds for as long as the producer lives

-- Runs of seqs below the mark whose clicks have not come. They are filled if the clicks turn up after all.
CREATE TABLE click_holes (
    epoch     bigint      NOT NULL,
    lane      int         NOT NULL,
    first_seq bigint      NOT NULL CHECK (first_seq >= 1),
    last_seq  bigint      NOT NULL,
    found_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, lane, first_seq),
    CHECK (last_seq >= first_seq)
);

-- Where each consumer goes on reading Kafka.
CREATE TABLE click_offsets (
    consumer    text   NOT NULL,
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

-- Each comparison of Kafka, Postgres and ClickHouse. Counts are clicks.
CREATE TABLE reconcile_runs (
    id                  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at          timestamptz NOT NULL DEFAULT now(),
    finished_at         timestamptz,           -- null: running, or cut off
    from_time           timestamptz,           -- which clicks were compared; null: from the topic's beginning
    to_time             timestamptz,
    clicks_compared     bigint      NOT NULL DEFAULT 0,
    postgres_drift      bigint      NOT NULL DEFAULT 0, -- sum of the absolute differences of all codes
    clickhouse_drift    bigint      NOT NULL DEFAULT 0,
    postgres_repaired   bigint      NOT NULL DEFAULT 0,
    clickhouse_repaired bigint      NOT NULL DEFAULT 0,
    report              jsonb       NOT NULL DEFAULT '{}' -- offsets compared, the largest differences
);

CREATE INDEX reconcile_runs_latest ON reconcile_runs (started_at DESC);
