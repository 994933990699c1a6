"""The HTTP edge for people and programs that read N-Cash or put money in.

Invariant: nothing is decided on a read; money moves only by a command in the member's shard.
It does not own taking usage in (``ingest``), rules (``wallet``, ``rating``) or stored tables.
"""
