"""Without the member's input for too long a session ends there, whatever goes on."""

from itertools import permutations

import pytest

from tests.support.bench_shard import Bench, top_up
from tests.support.limits import LIMITED, ends, play, records, told


def run(line: str, content: str) -> Bench:
    """A shard that was told all of it, one record a word, on a wallet that holds enough."""
    bench = Bench(LIMITED)
    bench.feed(top_up(10**6))
    play(bench, f"t0 {line}", content)
    return bench


TABLE = """
idle | S0 i30 i59 | | still within the limit
idle | S0 i30 i60 | s1 idle 0-60 60 | the heartbeat at the limit shows it
idle | S0 i30 i75 | s1 idle 0-60 60 | charged to the limit, not to the event that shows it
idle | S0 h30 i60 i90 | s1 idle 0-90 90 | counted from the last input
idle | S0 i60 i90 i120 | s1 idle 0-60 60 | a server that goes on is paid nothing more
idle | S0 i60 p65 | s1 idle 0-60 60 | a stop that obeys undoes nothing
idle | S0 i60 e65 | s1 idle 0-60 60 | nor does an error
idle | S0 i60 P65 | s1 normal 0-65 65 | a stop with input does
idle | S0 i50 p70 | s1 normal 0-70 70 | a stop alone shows nothing
idle | S0 i50 q70 | s1 idle 0-60 60 | unless it says that there was no input
idle | S0 p100 | s1 normal 0-100 100 | who says nothing of input had some
idle | S0 h200 p210 | s1 normal 0-210 210 | a long gap between inputs is no end
idle | S0 i60 h70 p80 | s1 normal 0-80 80 | later input: it goes on after all
idle | S0 i60 i90 h40 t130 t180 | s1 network 0-90 90 | late input: it goes on, then is silent
idle | S0 i60 i110 h40 | s1 idle 0-100 100 | late input: it ended later
idle | S20 i60 i70 S0 t200 | s1 network 0-70 70 | an early part comes last
idle | i60 S0 | s1 idle 0-60 60 | where it began is known only now
idle | i60 i100 i120 | s1 idle 60-120 60 | a session begins with an input, told or not
idle | i61 h61 i120 t151 t211 | s1 network 61-120 59 | of one moment the input counts
idle-again | S0 i60 i90 i200 p210 | s1 idle 0-60 60 | no input: no new use
idle-again | S0 i60 h70 p80 | s1 idle 0-60 60, s1 normal 70-80 10 | later input is another use
idle-again | S0 i60 i70 h65 p80 | s1 normal 0-80 80 | late input in the gap: the same use
idle-again | S0 i60+h70 p80 | s1 idle 0-60 60, s1 normal 70-80 10 | in one frame too
idle-again | S0 h10 i70 h100 h40 t190 | s1 network 0-70 70, s1 network 100-100 0 | in an earlier use
idle-again | S0 i60+h70+h40 t190 | s1 network 0-60 60, s1 network 70-70 0 | it had not ended there
idle-half | S0 i55 t145 | s1 network 0-60 60 | what silence adds ends at the limit
idle-half | S0 i30 t120 | s1 network 0-45 45 | within it nothing changes
kind | S0 i60 e70 | s1 idle 0-60 60 | an error behind the end makes nothing free
kind | S0 e70 | s1 server 0-70 0 | one that ended it does
quiet | S0 h20 t79 | | not heard of: not for long enough
quiet | S0 h20 t80 | s1 idle 0-20 20 | silence is lack of input where it is allowed for longer
quiet | S0 i50 t80 | | no shorter for what was told before
rare | S0 t119 | | two heartbeats are waited for
rare | S0 t120 | s1 idle 0-0 0 | and no more
"""


def _rows(table: str) -> list[tuple[str, str, str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [(row[0], row[1], row[2]) for row in rows]


@pytest.mark.parametrize(("content", "line", "expected"), _rows(TABLE))
def test_session_when_its_member_does_nothing_then_it_ends_at_the_limit(
    content: str, line: str, expected: str
) -> None:
    """Cause, span and price follow from what was told of input, late truth included."""
    bench = run(line, content)
    assert ends(bench) == ([each.strip() for each in expected.split(",")] if expected else [])
    bench.close()


@pytest.mark.parametrize("words", ["S0 i60 h45 i100", "S0 i60 p65 i90", "S0 i70 P80 i75"])
def test_session_when_the_same_is_told_in_any_order_then_it_costs_the_same(words: str) -> None:
    """Every order of arrival comes to one end and one price."""
    found: set[str] = set()
    for order in permutations(words.split()):
        bench = run(" ".join([*order, "t5000"]), "idle")
        found.add(" ".join(ends(bench)))
        bench.close()
    assert len(found) == 1


def test_server_when_it_goes_on_then_is_told_again_with_each_event() -> None:
    """As for a cut-off; a stop needs no answer."""
    bench = run("S0 i30 i60 i75+i80 p85 t500", "idle")
    assert told(bench) == ["s1@60", "s1@80"]
    bench.close()


def test_server_when_silence_is_lack_of_input_then_is_told_once() -> None:
    """It may still serve, though it says nothing."""
    bench = run("S0 t60", "quiet")
    assert told(bench) == ["s1@0"]
    signal = bench.signals()[0]
    assert (signal.available_micros, signal.currency) == (10**12, "KRW")
    assert (signal.source, signal.subject, signal.content) == ("vod", "ann", "quiet")
    bench.close()


def test_cdr_when_corrected_then_names_what_decided_and_what_corrected() -> None:
    """Each revision has its evidence."""
    bench = run("S0 i30 i60 i110 h45 t0 h112 t202", "idle")
    assert [cdr.evidence for cdr in bench.cdrs()] == [
        "no input up to event s1-i60",
        "no input up to event s1-i110; corrected by event s1-i110",
        "no input up to event s1-i110; corrected by event s1-h45",
        "silence after event s1-h112, tick of record 10",
    ]
    bench.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("S0 p10", ["event s1-p10"]),
        ("S0 p10 h5", ["event s1-p10"]),
        ("S0 p10 p12 h11", ["event s1-p10", "event s1-p12; corrected by event s1-p12"]),
        ("S0 t90", ["silence after event s1-S0, tick of record 4"]),
    ],
)
def test_cdr_when_written_then_names_the_event_that_decided(line: str, expected: list[str]) -> None:
    """A stop, or the tick and what it was silent after."""
    bench = run(line, "idle")
    assert [cdr.evidence for cdr in bench.cdrs()] == expected
    bench.close()


@pytest.mark.parametrize(
    ("line", "won"),
    [
        ("S0 h10", 3), ("S0 h90000", 6), ("S0 i90000", 3), ("i90000 S0", 3), ("i90000 h90001", 3),
        ("i90000", 0), ("S86390 i86440", 6), ("S86390 i86500", 6), ("S86300 i86440", 3),
    ],
)  # fmt: skip
def test_pass_when_input_ends_before_its_period_then_is_not_bought(line: str, won: int) -> None:
    """Days behind the end need none, in any order; without any known input nothing is sure."""
    bench = run(line, "day")
    passes = [transfer for transfer in bench.transfers() if transfer.cause == "pass"]
    assert 3 * len(passes) == won
    bench.close()


def test_session_when_it_ended_for_lack_of_input_then_outlives_a_reload() -> None:
    """What decides is stored: the same end with and without memory."""
    chains: list[object] = []
    for reload in (False, True):
        bench = run("", "idle")
        for record in records("S0 i30 h20 i60 i80 i90 h85 t300", "idle"):
            bench.feed(record)
            if reload:
                bench.reload()
        chains.append(bench.chains())
        bench.close()
    assert chains[0] == chains[1]
