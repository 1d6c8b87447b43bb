-- SPDX-License-Identifier: MIT
--
-- One row for each click.
--
-- The key begins with the code, so that a code's clicks are read without scanning, and ends in the click's identity, so that
-- a click that was inserted twice becomes one row when its parts are merged. Until then a query must not count it twice:
--     SELECT uniqExact(epoch, lane, seq) FROM shunt.click_events WHERE short_code = 'abc1234'
-- Valid on 18.16, where DateTime64, codecs and LowCardinality do not exist or are experiments, and on current servers. RowBinary
-- takes the columns in this order.
CREATE TABLE IF NOT EXISTS shunt.click_events (
    short_code  String,
    event_time  DateTime('UTC'),
    event_us    UInt32,          -- microseconds within that second, 0 to 999,999
    epoch       UInt64,          -- (epoch, lane, seq) is the click's identity
    lane        UInt16,
    seq         UInt64,
    referrer    String,          -- its host; empty: none
    agent_class String,          -- desktop, mobile, bot …
    country     String,          -- two letters; empty: not known
    is_bot      UInt8
) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(event_time) ORDER BY (short_code, epoch, lane, seq)
