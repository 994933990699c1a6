"""One reader per recording format: numbered lines in, timed CloudEvents or bad lines out.

Invariant: a reader is deterministic and never raises for what is in a line.
It does not own files, order or sending: that is ``ingest.recordings`` and ``ingest.sender``.
"""
