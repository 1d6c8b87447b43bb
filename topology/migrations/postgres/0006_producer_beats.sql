-- SPDX-License-Identifier: MIT
--
-- When each producer of clicks last said that it is alive. What one left in Redis that has been silent for long is taken
-- over by the others.

ALTER TABLE producer_epochs ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
