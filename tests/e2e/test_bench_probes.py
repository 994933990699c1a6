"""Benchmarks of how long one waits, in a small form: what they say is true; never how fast."""

import pytest

from tests.e2e.benching import SHAPE, benched

SHARDS = 16

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_latency_when_run_at_a_rate_then_every_probe_was_debited_and_told() -> None:
    """A signal is never before its event, nor is a debit; quantiles rise."""
    found = benched(
        "latency", *SHAPE, "--rate", "300", "--seconds", "3", "--probes", "50", "--warm-up", "1000"
    )
    [at] = found["by_rate"]
    assert at["probes"] > 50
    for name in ("debit", "signal", "answer"):
        p50, p99, p999 = (at[f"{name}_{each}_ms"] for each in ("p50", "p99", "p999"))
        assert 0 < p50 <= p99 <= p999 <= at[f"{name}_max_ms"]
    assert found["debit_p99_ms"] == at["debit_p99_ms"]
    assert found["sustained_events_per_s"] is None


def test_query_when_run_then_statistics_are_what_was_put_in() -> None:
    """Rows of use, entries and charges of the month, all told again over HTTP."""
    found = benched("query", *SHAPE, "--rows", "4000", "--runs", "2")
    assert found["usage_rows_told"] == found["usage_rows"] == 4_000
    assert (found["filled"]["entries"], found["filled"]["charges"]) == (6_000, 2_000)
    assert found["filled"]["charged_micros"] > 0
    assert {each["runs"] for each in found["questions"]} == {2}
    assert {"balance_ms", "entries_ms", "statistics_by_content_ms"} <= found.keys()


def test_recover_when_workers_are_killed_then_each_partition_debits_again() -> None:
    """One comes back to its own partitions; of the one that stays away the rest takes all over."""
    found = benched("recover", *SHAPE, "--rate", "200", "--kills", "1", "--probes", "100")
    back, gone = found["kills"]
    assert (back["worker"], back["comes_back"]) == ("worker-1", True)
    assert (gone["worker"], gone["comes_back"]) == ("worker-2", False)
    assert 0 < back["partitions"] <= SHARDS
    assert 0 < gone["partitions"] <= SHARDS
    assert 0 < back["first_ms"] <= back["median_ms"] <= back["last_ms"]
    # A member that says nothing is missed only after the group's timeout.
    assert gone["last_ms"] > 0.5 * found["session_timeout_ms"]
