"""What a benchmark run says: arithmetic per event, parts, memory, the kept file."""

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from cli.bench.load import Shape
from cli.bench.machine import machine
from cli.bench.report import Run, answer_of, keep, show
from cli.bench.usage import Sample, kind_of, resident_mb, restarted, used_us

PROMISED = {
    "events_per_s", "cpu_us_per_event", "worker_cpu_us_per_event", "redis_cpu_us_per_event",
    "client_cpu_us_per_event", "baseline_events_per_s", "drift_micros",
}  # fmt: skip


def _run() -> Run:
    return Run(
        events=40_000,
        rejected=1,
        busy=2,
        elapsed_ms=3_000,
        sending_ms=2_500,
        client_cpu_us=200_000,
        used_us={"worker": 600_000, "redis": 100_000, "edge": 404_000},
        restarted=[],
        idle_mb={"worker-1": 90, "worker-2": 91, "redis": 5},
        loaded_mb={"worker-1": 120, "worker-2": 130, "redis": 40},
        usages=39_000,
        duplicates=900,
        entries=80_000,
        drift_micros=0,
        copies_differ=False,
        shape=Shape(2_000, 50_000, 20_000, 1),
        in_flight=16,
        workers=2,
    )


def test_answer_when_asked_then_divides_by_what_was_accepted() -> None:
    """A rate over the whole time, processor time over events, to a tenth of a microsecond."""
    answer = answer_of(_run())
    assert answer.keys() >= PROMISED
    assert answer["events_per_s"] == 13_333
    assert answer["cpu_us_per_event"] == 27.6
    assert answer["worker_cpu_us_per_event"] == 15.0
    assert answer["redis_cpu_us_per_event"] == 2.5
    assert answer["client_cpu_us_per_event"] == 5.0
    assert answer["cpu_us_per_event_by_part"] == {"edge": 10.1, "redis": 2.5, "worker": 15.0}
    assert answer["loaded_resident_mb"] == {
        "worker-1": 120, "worker-2": 130, "redis": 40, "total": 290,
    }  # fmt: skip


def test_answer_when_parts_cannot_be_seen_then_says_nothing_of_them() -> None:
    """A stack elsewhere has no processor time here: absent, not zero."""
    answer = answer_of(_run()._replace(used_us=None, idle_mb={}, loaded_mb={}))
    assert answer["cpu_us_per_event"] is None
    assert answer["worker_cpu_us_per_event"] is None
    assert answer["cpu_us_per_event_by_part"] == {}


def test_answer_when_nothing_was_accepted_then_divides_by_no_zero() -> None:
    """A run that took nothing is a rate of 0."""
    assert answer_of(_run()._replace(events=0, elapsed_ms=0))["events_per_s"] == 0


def test_show_when_printed_then_adds_workers_together() -> None:
    """A row a kind of part, dearest first, the sum below, the machine last."""
    console = Console(record=True, width=140, file=None, quiet=False, stderr=True)
    show(console, _run(), {"cores": 2})
    rows = [line.split() for line in console.export_text().splitlines() if "│" in line]
    figures = {row[1]: row for row in rows}
    assert "250" in figures["worker"]
    assert "181" in figures["worker"]
    assert [row[1] for row in rows][:3] == ["worker", "edge", "redis"]
    assert "27.6" in figures["all"]


def test_kept_when_there_is_a_folder_then_is_a_file_by_time(tmp_path: Path) -> None:
    """The same object that was printed; without the folder nothing is written."""
    answer = answer_of(_run()) | {"machine": {"measured_at": "2026-11-24T09:08:07Z"}}
    file = keep("pipeline", answer, tmp_path)
    assert file is not None
    assert file == tmp_path / "pipeline-20261124T090807Z.json"
    assert msgspec.json.decode(file.read_bytes()) == msgspec.to_builtins(answer)
    assert keep("pipeline", answer, tmp_path / "none") is None


def test_used_when_a_part_was_started_again_then_it_is_left_out() -> None:
    """Only one process's own counters are subtracted; numbered parts are one kind."""
    before = {"worker-1": Sample(1, 100, 0), "worker-2": Sample(2, 50, 0), "edge": Sample(3, 7, 0)}
    after = {
        "worker-1": Sample(1, 160, 0), "worker-2": Sample(2, 90, 0), "edge": Sample(9, 500, 0),
        "redis": Sample(4, 10, 0),
    }  # fmt: skip
    assert used_us(before, after) == {"worker": 100}
    assert restarted(before, after) == ["edge"]
    assert resident_mb({"redis": Sample(4, 0, 5_999_999)}) == {"redis": 5}


@pytest.mark.parametrize(
    ("part", "kind"),
    [("worker-1", "worker"), ("worker-12", "worker"), ("collect-kafka", "collect-kafka"),
     ("edge", "edge"), ("kafka", "kafka")],
)  # fmt: skip
def test_kind_when_a_part_has_a_number_then_it_is_left_away(part: str, kind: str) -> None:
    """A dash without a number behind it belongs to the name."""
    assert kind_of(part) == kind


def test_machine_when_described_then_every_figure_has_its_circumstances() -> None:
    """Processor, cores, memory, Python, load and date stand beside a figure."""
    found = machine()
    assert {
        "processor",
        "cores",
        "memory_mb",
        "kernel",
        "python",
        "load_before",
        "measured_at",
    } <= (found.keys())
    assert isinstance(found["cores"], int)
    assert found["cores"] >= 1
