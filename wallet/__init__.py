"""Whose money: a member's wallet, what of it may be spent, and how it moves.

Invariant: every function is pure; what moves is returned as ledger entries with the wallet after.
It does not own prices (``rating``) nor the other side of a transfer (``shard.posting``).
"""
