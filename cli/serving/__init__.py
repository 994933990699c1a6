"""The long-running processes, one file each: what ``ncash serve NAME`` builds and runs.

Invariant: every process answers ``/healthz``, ``/readyz`` and ``/metrics`` on ``NCASH_API_PORT``,
stops cleanly when asked once, and ends at once when asked twice.
"""
