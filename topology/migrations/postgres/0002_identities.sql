-- SPDX-License-Identifier: MIT
--
-- What must never be given twice: row ids, and the epochs of click producers.

-- How far each allocator has reached. A value here is above every identity that was handed out under that name.
CREATE TABLE id_leases (
    name       text   PRIMARY KEY,
    next_value bigint NOT NULL CHECK (next_value >= 0)
) WITH (fillfactor = 50); -- a few rows that are updated for ever

-- Each start of each producer of clicks. The lanes of an epoch are numbered 0 to lanes - 1.
CREATE TABLE producer_epochs (
    epoch      bigint      PRIMARY KEY,
    node       text        NOT NULL,
    actor      text        NOT NULL,
    lanes      int         NOT NULL CHECK (lanes BETWEEN 1 AND 65536),
    started_at timestamptz NOT NULL DEFAULT now(),
    drained_at timestamptz -- since when all its clicks are known to be counted; null: not yet
);

-- The few epochs whose clicks may still be on their way.
CREATE INDEX producer_epochs_undrained ON producer_epochs (epoch) WHERE drained_at IS NULL;
