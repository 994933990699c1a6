"""Marks and figures: what counts as found, late, missed, a false alarm."""

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from cli.ends.command import tell
from cli.ends.corpus.plan import HTTP, KAFKA, Label, Scene, Silence, Window
from cli.ends.found import End, Findings
from cli.ends.report import (
    BEGIN,
    END,
    Run,
    answer_of,
    delays,
    precision,
    recall,
    section_of,
    write_section,
)  # fmt: skip
from cli.ends.score import Row, Score, score_of
from schemas.errors import InvalidDocument

KEY = ("tv", "vod", "m", "s")
MACHINE: dict[str, object] = {
    "cores": 2, "processor": "a processor", "python": "3.11", "measured_at": "today", "commit": "c",
}  # fmt: skip
DEAD = Silence(
    last_event_ms=10, received_ms=1_000, due_ms=31_000, known_ms=31_000, is_required=True
)


def _end(told_ms: int = 31_200, *, last_event_ms: int = 10, published_ms: int = 0) -> End:
    return End(
        is_silent=True,
        cause="network",
        decided_ms=31_000,
        told_ms=told_ms,
        stamp_ms=told_ms + 5,
        published_ms=published_ms or told_ms + 10,
        last_event_ms=last_event_ms,
        incarnation=1,
    )


def _score(
    state: str, ends: list[End], *silences: Silence, path: str = HTTP, goes_on: bool = False
) -> Score:
    label = Label(
        *KEY[:2], "m", "s", "lost_stop", "silent", path, "live", state,
        "" if state == "open" else "network", 10, "e1", silences,
    )  # fmt: skip
    backlog = Window(20_000, 100_000)
    scene = Scene("test", 0, 200_000, 1, {}, (), (), [], [], (), (backlog,), (), [label])
    return score_of(scene, Findings({KEY: ends}, {KEY} if goes_on else set(), 0))


def test_score_when_a_dead_session_is_found_then_counts_its_delay() -> None:
    """The delay runs to what the tick told, and to the record's stamp."""
    score = _score("dead", [_end()], DEAD)
    assert (score.all.found, score.delays_ms, score.stamp_delays_ms) == (1, [200], [205])
    assert score.is_met


@pytest.mark.parametrize(
    ("ends", "counted"),
    [
        ([], {"missed": 1}),
        ([_end(33_001)], {"found": 1, "late": 1}),
        ([_end(30_900)], {"missed": 1, "otherwise": 1}),
        ([_end(last_event_ms=9), _end()], {"found": 1, "otherwise": 1}),
        ([_end(last_event_ms=9, published_ms=900_000), _end()], {"found": 1, "by_lag": 1}),
    ],
)
def test_score_when_a_target_is_missed_then_says_which(
    ends: list[End], counted: dict[str, int]
) -> None:
    """Too late, not at all, too early, for another event, or because an owner lagged."""
    score = _score("dead", ends, DEAD)
    total = score.all
    names = ("found", "late", "missed", "by_lag", "otherwise")
    assert {n: getattr(total, n) for n in names if getattr(total, n)} == counted
    assert not score.is_met
    assert score.faults


def test_score_when_a_healthy_session_was_ended_then_is_a_false_alarm_though_taken_back() -> None:
    """It goes on, and was ended once: of one that uses a raw topic in backlog, by lag."""
    assert _score("open", [_end()], path=HTTP, goes_on=True).all.otherwise == 1
    assert _score("open", [_end()], path=KAFKA, goes_on=True).all.by_lag == 1


def test_score_when_both_answers_are_right_then_neither_counts() -> None:
    """A silence that need not be found is neither found nor a false alarm."""
    either = DEAD._replace(is_required=False)
    for ends in ([], [_end()]):
        total = _score("open", ends, either, goes_on=True).all
        assert (total.silences, total.found, total.by_lag + total.otherwise) == (0, 0, 0)


def test_score_when_state_or_cause_differ_then_is_not_right() -> None:
    """The last word on a session is compared whole."""
    assert _score("dead", [_end()], DEAD, goes_on=True).all.right == 0
    assert _score("dead", [_end()._replace(cause="idle")], DEAD).all.right == 0
    assert _score("open", [], goes_on=False).all.right == 0


def test_figures_when_counted_then_are_parts_of_what_they_say() -> None:
    """Precision is of what was ended, recall of what was to be found; of nothing both are 1."""
    row = Row(silences=4, found=3, missed=1, by_lag=1, otherwise=2)
    assert (precision(row), recall(row)) == (0.5, 0.75)
    assert (precision(Row()), recall(Row())) == (1.0, 1.0)
    assert delays([]) == {}
    assert delays(range(101)) == {"p50": 50, "p99": 99, "max": 100}


def test_report_when_written_to_a_page_then_replaces_its_section_only(tmp_path: Path) -> None:
    """What stands around the marks stays, and writing again changes nothing."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    section = section_of(Run(1, _score("dead", [_end()], DEAD), 1_000), MACHINE)
    for _ in range(2):
        write_section(page, section)
    text = page.read_text(encoding="utf-8")
    assert text == f"before\n{BEGIN}\n{section}{END}\nafter\n"
    assert "| lost stop | 1 | 1 | 1 | 0 | 0 | 0 | 0 | 1 |" in text


def test_report_when_a_page_has_no_marks_then_says_what_to_put_there(tmp_path: Path) -> None:
    """Nothing is written to it."""
    page = tmp_path / "page.md"
    page.write_text("text\n", encoding="utf-8")
    with pytest.raises(InvalidDocument, match="put the lines"):
        write_section(page, "new")
    assert page.read_text(encoding="utf-8") == "text\n"


def test_answer_when_scores_are_added_then_holds_all_of_them() -> None:
    """One object tells every row, and whether the targets are met."""
    total = _score("dead", [_end()], DEAD)
    total.add(_score("dead", [], DEAD))
    answer = answer_of(Run(3, total, 10))
    assert (answer["sessions"], answer["silences"], answer["found"], answer["scenes"]) == (
        2, 2, 1, 2,
    )  # fmt: skip
    assert answer["targets_met"] is False
    assert (answer["precision"], answer["recall"]) == (1.0, 0.5)


@pytest.mark.parametrize(("ends", "status"), [([_end()], 0), ([], 1)])
def test_command_when_a_target_is_missed_then_its_status_is_1(
    ends: list[End], status: int, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The last line of standard output is one object, and what is wrong is said in words."""
    console = Console(stderr=True, width=120)
    run = Run(1, _score("dead", ends, DEAD), 10)
    assert tell(console, run, MACHINE, page=None, as_json=True) == status
    out, err = capsysbinary.readouterr()
    assert msgspec.json.decode(out)["targets_met"] is not bool(status)
    assert (b"was not found" in err) is bool(status)
    assert (b"targets MISSED" in err) is bool(status)
