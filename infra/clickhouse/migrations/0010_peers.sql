-- The other member of a transfer between two.

ALTER TABLE ledger_entries ADD COLUMN IF NOT EXISTS peer String AFTER actor
