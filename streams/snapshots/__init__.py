"""Snapshots of shards: taken while a shard goes on, kept as files, put back into Redis."""
