"""What crosses a wire or a room: events, frames, commands, ledger entries, ids, money, time.

Invariant: importing this room does no I/O, and every encoded thing begins with a version.
It does not own rules: what a session costs is in ``rating``, what a wallet may do in ``wallet``.
"""
