"""Which retention of the log is refused."""

import pytest

from streams.retention import retention_fault

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("retention_ms", "retention_bytes", "every_ms", "kept", "word"),
    [
        (-1, -1, 0, 3, ""),
        (-1, -1, 5 * MINUTE_MS, 3, ""),
        (20 * MINUTE_MS, -1, 5 * MINUTE_MS, 3, ""),
        (20 * MINUTE_MS - 1, -1, 5 * MINUTE_MS, 3, "retention.ms to more"),
        (20 * MINUTE_MS, -1, 0, 3, "NCASH_SNAPSHOT_EVERY_MS"),
        (-1, 10**12, 5 * MINUTE_MS, 3, "retention.bytes to -1"),
    ],
)
def test_retention_when_it_cuts_what_snapshots_need_then_is_refused(
    retention_ms: int, retention_bytes: int, every_ms: int, kept: int, word: str
) -> None:
    """The oldest kept snapshot, while the next is taken, must find its record."""
    fault = retention_fault(
        retention_ms=retention_ms, retention_bytes=retention_bytes, every_ms=every_ms, kept=kept
    )
    assert word in fault
    assert bool(fault) == bool(word)
