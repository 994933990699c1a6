"""``ncash rebuild``: Redis made again from snapshots and the log's tail."""
