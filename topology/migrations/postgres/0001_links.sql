-- SPDX-License-Identifier: MIT
--
-- Links and their clicks.

CREATE TABLE urls (
    id           bigint      PRIMARY KEY,                    -- from the id allocator
    short_code   text        COLLATE "C" NOT NULL UNIQUE     -- "C": codes are bytes, their case counts
                             CHECK (octet_length(short_code) BETWEEN 1 AND 20),
    original_url text        NOT NULL CHECK (octet_length(original_url) <= 8192), -- exactly as given
    location     text        CHECK (octet_length(location) <= 8192), -- what a redirect sends; null: original_url itself
    clicks       bigint      NOT NULL DEFAULT 0 CHECK (clicks >= 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),         -- of the last edit; clicks do not touch it
    expires_at   timestamptz,                                -- null: never
    withdrawn    boolean     NOT NULL DEFAULT false,         -- its code stays taken for ever
    version      bigint      NOT NULL DEFAULT 1,             -- an edit raises it; clicks do not
    -- Which links are clicked most, coarsely: 1 for the first click, one more each time the clicks have grown fourfold.
    -- The cache warmer asks for the hottest few thousand every 30 s, which needs an index. One on clicks itself would be
    -- written for every code of every flush, and no update could stay within its page (HOT). This number hardly ever
    -- changes, so its index is hardly ever written. Measured in ../README.md, with the query that makes it exact enough.
    heat         smallint    GENERATED ALWAYS AS (ceil(ln(clicks::float8 + 1) / ln(4::float8))::smallint) STORED
) WITH (fillfactor = 80); -- room on each page for the next version of its rows

CREATE INDEX urls_hottest ON urls (heat DESC) WHERE heat > 0;

-- Edits, for whoever must follow them from the database (an edge that was cut off, another site). Numbers are given when
-- a change is made but become visible when it commits, so a later one can be seen first. A reader that must miss none takes
--     WHERE change_id > $1 AND transaction_id < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY change_id
CREATE TABLE link_changes (
    change_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    short_code     text        COLLATE "C" NOT NULL,
    version        bigint      NOT NULL, -- of the link after the change
    changed_at     timestamptz NOT NULL DEFAULT now(),
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id()
);
