-- SPDX-License-Identifier: MIT
--
-- Who may move an offset, and with it the marks and counts of its partition: the worker that took the partition over
-- last. A worker that was cut off and comes back finds another owner in its transaction, and gives up.

ALTER TABLE click_offsets ADD COLUMN owner bigint NOT NULL DEFAULT 0;
