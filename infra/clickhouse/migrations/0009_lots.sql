-- Which of the member's lots an entry is of: the lot's first entry says by which top-up or gift it came.
-- 0 for debt, for system accounts, and for entries of before lots.

ALTER TABLE ledger_entries ADD COLUMN IF NOT EXISTS lot Int64 AFTER balance_after_micros
