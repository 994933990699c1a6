"""The reader of legs: from one shard's output into another's log."""
