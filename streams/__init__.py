"""Stream processors: the shard owners, and the sinks that read what the shards put out.

Invariant: an agent is a thin shell; what a record does is decided in ``shard``.
"""
