"""What strikes when, what a report says of it, and how a difference is told."""

from itertools import islice
from pathlib import Path

import pytest

from cli.chaos.checking import Check, differences
from cli.chaos.command import Wanted, faults_of, schedule
from cli.chaos.faults import FAULTS
from cli.chaos.report import BEGIN, END, Run, Strike, answer_of, by_fault, section_of, write_section
from schemas.errors import InvalidDocument

PLACE: dict[str, object] = {
    "cores": 2, "processor": "P", "python": "3", "measured_at": "T", "commit": "c",
}  # fmt: skip


def _run(*checks: Check) -> Run:
    strikes = [Strike("b", 3_000), Strike("a", 1_000), Strike("b", 1_000), Strike("b", 8_000)]
    return Run(7, 10, 13, 1, 2, 60, strikes, checks, "ncash chaos --seed 7")


def test_schedule_when_drawn_then_each_kind_comes_once_before_any_comes_again() -> None:
    """The same order from the same seed."""
    wanted = Wanted(1_000, 5, 1, 0, list(FAULTS))
    first, second = (list(islice(schedule(wanted), 2 * len(FAULTS))) for _ in range(2))
    assert first == second
    assert set(first[: len(FAULTS)]) == set(first[len(FAULTS) :]) == set(FAULTS)
    assert first != list(islice(schedule(wanted._replace(seed=6)), 2 * len(FAULTS)))


def test_wanted_when_told_then_names_the_command_that_plays_it_again() -> None:
    """What is as usual is left out."""
    wanted = Wanted(1_000, 5, 1.5, 3, faults_of("kill-edge, scale"))
    assert wanted.command == (
        "ncash chaos --events 1000 --seed 5 --minutes 1.5 --strikes 3 --faults kill-edge,scale"
    )
    assert Wanted(100, 1, 2, 0, faults_of("")).command == (
        "ncash chaos --events 100 --seed 1 --minutes 2"
    )


def test_faults_when_one_is_not_known_then_is_named() -> None:
    """With all that there are."""
    with pytest.raises(ValueError, match="flood is none of kill-worker"):
        faults_of("scale,flood")


def test_differences_when_a_wallet_is_missing_or_wrong_then_each_has_a_line() -> None:
    """A wallet that nobody has is worth nothing."""
    assert differences({"a": 5, "b": 0, "c": 2}, {"c": 2, "d": 1}) == [
        "a: 0 where the tally says 5",
        "d: 1 where the tally says 0",
    ]


def test_report_when_told_then_has_count_median_and_longest_of_each_fault() -> None:
    """A failed check is the run's failure."""
    run = _run(Check("lost", 0, 0))
    assert by_fault(run.strikes) == [("a", 1, 1_000, 1_000), ("b", 3, 3_000, 8_000)]
    assert run.is_good
    assert not _run(Check("lost", 0, 0), Check("drift", 1, 0)).is_good
    answer = answer_of(run, PLACE)
    assert (answer["is_good"], answer["repeat"]) == (True, "ncash chaos --seed 7")
    assert answer["checks"] == [{"name": "lost", "found": 0, "expected": 0}]
    assert "| b | 3 | 3.0 s | 8.0 s |" in section_of(run, PLACE)


def test_section_when_put_on_a_page_then_takes_the_place_of_the_last(tmp_path: Path) -> None:
    """A page without marks is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_section(page, "new\n")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(InvalidDocument, match="put the lines"):
        write_section(page, "new\n")
