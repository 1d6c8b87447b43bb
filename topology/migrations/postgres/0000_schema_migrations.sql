-- SPDX-License-Identifier: MIT
--
-- Which migrations this database has. Applied before anything is read, and safe to apply again.

CREATE TABLE IF NOT EXISTS schema_migrations (
    version    int         PRIMARY KEY, -- the number that the file's name begins with
    name       text        NOT NULL,    -- the rest of it, without .sql
    checksum   text        NOT NULL,    -- SHA-256 of the file, hex: a file that was applied must not change
    applied_at timestamptz NOT NULL DEFAULT now()
);
