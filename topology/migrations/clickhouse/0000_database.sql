-- SPDX-License-Identifier: MIT
--
-- Applied before anything is read, without a default database, and safe to apply again; so are all of these.
CREATE DATABASE IF NOT EXISTS shunt
