-- What shadow tariffs would have charged: one row per line, as in charges, but no money. A scope that
-- lost its shadow has one row of kind 'dropped' with the fault. provider_micros is of the whole
-- shadow charge (shard, sequence) and stands on its first line.

CREATE TABLE IF NOT EXISTS shadow_charges (
    tenant String,
    member String,
    source String,
    session String,
    incarnation UInt32,
    content String,
    tariff String,
    catalogue UInt32,
    scope String,
    currency String,
    event_at_ms Int64,
    kind String,
    meter String,
    quantity Int64,
    amount_micros Int64,
    rate String,
    version Int64,
    price String,
    from_ms Int64,
    to_ms Int64,
    provider_micros Int64,
    fault String,
    line UInt16,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, event_at_ms, shard, sequence, line)
