-- engine: modern
-- What 0002_tuning does for the other tables.

ALTER TABLE shadow_charges MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE shadow_charges ADD INDEX IF NOT EXISTS by_place sequence TYPE minmax GRANULARITY 4
