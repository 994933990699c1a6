-- Every table of the warehouse, in words that both ClickHouse 18.16 and current ones know.
-- Partitions are months of posted time (UTC); posted_at is derived from posted_at_ms, which is the
-- truth. Meters are two arrays, name by name. Amounts are whole micro-units in Int64.

CREATE TABLE IF NOT EXISTS usage_events (
    tenant String,
    source String,
    id String,
    type String,
    subject String,
    session String,
    incarnation UInt32,
    content String,
    event_at_ms Int64,
    received_at_ms Int64,
    path String,
    outcome String,
    duration_ms Int64,
    meter_names Array(String),
    meter_amounts Array(Int64),
    ledger_sequence Int64,
    flags String,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, event_at_ms, shard, sequence);

CREATE TABLE IF NOT EXISTS cdrs (
    tenant String,
    source String,
    session String,
    incarnation UInt32,
    revision UInt32,
    subject String,
    content String,
    tariff String,
    cause String,
    start_ms Int64,
    end_ms Int64,
    last_event_ms Int64,
    decided_at_ms Int64,
    duration_ms Int64,
    meter_names Array(String),
    meter_amounts Array(Int64),
    charged_micros Int64,
    provider_micros Int64,
    currency String,
    evidence String,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, subject, source, session, incarnation, revision);

CREATE TABLE IF NOT EXISTS ledger_entries (
    tenant String,
    member String,
    account String,
    amount_micros Int64,
    balance_after_micros Nullable(Int64),
    currency String,
    cause String,
    source String,
    session String,
    incarnation UInt32,
    content String,
    tariff String,
    catalogue UInt32,
    scope String,
    event_at_ms Int64,
    key String,
    reference String,
    corrects Int64,
    actor String,
    entry UInt16,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, member, shard, sequence, entry);

CREATE TABLE IF NOT EXISTS charges (
    tenant String,
    member String,
    source String,
    session String,
    incarnation UInt32,
    content String,
    tariff String,
    catalogue UInt32,
    scope String,
    cause String,
    currency String,
    event_at_ms Int64,
    kind String,
    meter String,
    quantity Int64,
    amount_micros Int64,
    line UInt16,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, event_at_ms, shard, sequence, line);

CREATE TABLE IF NOT EXISTS dead_letters (
    tenant String,
    source String,
    id String,
    subject String,
    reason String,
    detail String,
    place String,
    refused_at_ms Int64,
    body String,
    body_encoding String,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, source, id, shard, sequence);

-- What the collectors refused never reached a shard: its identity is its place in the topic,
-- and its posted time is the topic's own stamp.
CREATE TABLE IF NOT EXISTS ingest_dead_letters (
    tenant String,
    source String,
    id String,
    subject String,
    reason String,
    detail String,
    place String,
    refused_at_ms Int64,
    body String,
    body_encoding String,
    topic String,
    topic_partition UInt32,
    topic_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (tenant, source, id, topic_partition, topic_offset);

-- Written after the rows that it vouches for: the sequences from first to last of a stream's
-- shard are in the tables. resume_offset is where its topic is read on; chain is in hex.
CREATE TABLE IF NOT EXISTS sink_ranges (
    stream String,
    shard UInt32,
    first Int64,
    last Int64,
    chain String,
    resume_offset Int64,
    posted_at_ms Int64
) ENGINE = MergeTree
ORDER BY (stream, shard, first)
