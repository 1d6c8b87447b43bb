-- SPDX-License-Identifier: MIT
--
-- Which codes were chosen and not given by the keygen: an edge knows all of them, and tells by arithmetic that any other
-- code was never given (actors/links/code_promise.h). A row that says false has a code out of the key and below the marks
-- in id_leases, as they are in this very database. Whoever inserts rows by other ways leaves it at true.
ALTER TABLE urls ADD COLUMN custom boolean NOT NULL DEFAULT true;

-- Pages of them, by length.
CREATE INDEX urls_custom ON urls (octet_length(short_code), short_code) WHERE custom;

-- What names the key that those with false are made with: 0 until the keygen sets it, once. With another key it offers
-- nothing to the edges. Without this row neither, because then nobody knows what the rows that say false were made with;
-- to begin anew: UPDATE urls SET custom = true WHERE NOT custom, and insert this row again.
INSERT INTO id_leases (name, next_value) VALUES ('keygen/key', 0) ON CONFLICT DO NOTHING;
