-- SPDX-License-Identifier: MIT
--
-- Which migrations this server has. There are no transactions and no locks here: each migration is one statement that may be
-- repeated, and two who apply it at once leave two equal rows, which become one.
CREATE TABLE IF NOT EXISTS shunt.schema_migrations (
    version    UInt32,
    name       String,
    checksum   String, -- SHA-256 of the file, hex
    applied_at DateTime('UTC')
) ENGINE = ReplacingMergeTree() ORDER BY version
