-- The late path. late_usage holds each event that came too late, whole (MessagePack in base64),
-- until and after its verdict; number counts a shard's late events without a gap. sealed is the
-- session's state at a CDR's revision (in base64), from which a late event goes on.

CREATE TABLE IF NOT EXISTS late_usage (
    tenant String,
    source String,
    id String,
    subject String,
    session String,
    event_at_ms Int64,
    path String,
    number Int64,
    event String,
    shard UInt32,
    sequence Int64,
    log_offset Int64,
    posted_at_ms Int64,
    posted_at DateTime('UTC') MATERIALIZED toDateTime(intDiv(posted_at_ms, 1000), 'UTC')
) ENGINE = MergeTree
PARTITION BY toYYYYMM(posted_at)
ORDER BY (shard, number);

ALTER TABLE cdrs ADD COLUMN IF NOT EXISTS sealed String AFTER evidence
