-- What a charge line says beside its amount: rate of the day or tier, the tariff's version by the
-- moment it came into force, the unit price in the tariff's words, and of time from when to when.

ALTER TABLE charges ADD COLUMN IF NOT EXISTS rate String AFTER amount_micros;
ALTER TABLE charges ADD COLUMN IF NOT EXISTS version Int64 AFTER rate;
ALTER TABLE charges ADD COLUMN IF NOT EXISTS price String AFTER version;
ALTER TABLE charges ADD COLUMN IF NOT EXISTS from_ms Int64 AFTER price;
ALTER TABLE charges ADD COLUMN IF NOT EXISTS to_ms Int64 AFTER from_ms
