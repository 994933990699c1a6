"""The state machine of one shard: same log, same state, same ledger, byte for byte.

Invariant: ``step`` reads no clock and does no I/O; stores are behind ``shard.port``.
"""
