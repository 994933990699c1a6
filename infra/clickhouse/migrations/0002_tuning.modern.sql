-- engine: modern
-- What 18.16 does not know: tokens that drop a repeated insert without replication, and the
-- skipping indices behind "the way of one event" and the sink's look at what has landed.

ALTER TABLE usage_events MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE cdrs MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE ledger_entries MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE charges MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE dead_letters MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE ingest_dead_letters MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE sink_ranges MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE usage_events ADD INDEX IF NOT EXISTS by_id id TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE usage_events ADD INDEX IF NOT EXISTS by_place sequence TYPE minmax GRANULARITY 4;
ALTER TABLE cdrs ADD INDEX IF NOT EXISTS by_place sequence TYPE minmax GRANULARITY 4;
ALTER TABLE ledger_entries ADD INDEX IF NOT EXISTS by_place sequence TYPE minmax GRANULARITY 4;
ALTER TABLE charges ADD INDEX IF NOT EXISTS by_place sequence TYPE minmax GRANULARITY 4
