"""Benchmarks of what goes through, in a small form: what they say is true; never how fast."""

import pytest

from tests.e2e.benching import SHAPE, benched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_pipeline_when_run_then_the_obvious_program_did_the_same_work() -> None:
    """Every event is in the warehouse once, and was one debit or more of the program beside it."""
    found = benched(
        "pipeline", *SHAPE, "--events", "2000", "--warm-up", "1000", "--baseline", "1000"
    )
    assert (found["events"], found["events_rejected"]) == (2_000, 0)
    assert found["usages"] + found["events_duplicate"] == 3_000
    assert found["baseline"]["drift_micros"] == 0
    # It counts again what it had not committed when its second worker came.
    assert found["baseline"]["debits"] >= 5_000
    assert found["baseline_events_per_s"] > 0
    assert {"worker", "redis", "edge", "kafka"} <= found["cpu_us_per_event_by_part"].keys()


def test_scale_when_run_then_each_case_has_its_own_stack() -> None:
    """The base and another number of partitions: both whole, with the sessions that were asked."""
    found = benched(
        "scale", "--base", "200,1000,40,1,4", "--sessions", "", "--contents", "", "--workers", "",
        "--partitions", "8", "--events", "1000", "--warm-up", "200",
    )  # fmt: skip
    assert [each["partitions"] for each in found["cases"]] == [4, 8]
    assert [each["varied"] for each in found["cases"]] == ["base", "partitions"]
    assert all(each["events"] == 1_000 for each in found["cases"])
    assert all(150 <= each["stored_sessions"] <= 250 for each in found["cases"])
    assert found["cost_ratio_by_dimension"].keys() == {"partitions"}
