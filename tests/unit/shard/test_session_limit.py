"""How many sessions a member may hold at once on a tariff, and what one more does."""

import copy
from typing import Any

import pytest

from tests.support.bench_shard import Bench, event, frame, tick, top_up
from tests.support.limits import LIMITED, ends, play, said, told


def run(line: str, content: str) -> Bench:
    """A shard that was told all of it, one record a word, on a wallet that holds enough."""
    bench = Bench(LIMITED)
    bench.feed(top_up(10**6))
    play(bench, f"t0 {line}", content)
    return bench


def opened(bench: Bench) -> list[str]:
    """The member's open sessions by name, as the wallet knows them."""
    wallet = bench.wallet()
    return [] if wallet is None else [each.split("\x1f")[-1] for each in wallet.open_sessions]


# Tariff, what happens | open sessions | ends | events refused | sessions told.
REFUSED = """
one  | a:S0 b:S1             | a   |                  | b-S1        | b@1
one  | a:S0 b:S1+b:h2+b:h3   | a   |                  | b-S1 b-h2 b-h3 | b@3
one  | a:S0 b:S1 a:p2 b:h3   | b   | a normal 0-2 2   | b-S1        | b@1
one  | a:S0 b:S1 b:p2 a:h3   | a   |                  | b-S1 b-p2   | b@1 b@2
one  | a:S0+a:p1 b:S1        | b   | a normal 0-1 1   |             |
one  | a:S0 a:h9 a:h20       | a   |                  |             |
one  | a:S0 b:S1+a:p2        |     | a normal 0-2 2   | b-S1        | b@1
one  | a:S0 a:p2 b:S3 a:h4   | b   | a normal 0-2 2   | a-h4        | a@4
one  | a:S0 a:p2 b:S3 a:h1   | b   | a normal 0-2 2   |             |
one  | a:S0 a:p2 b:S3 a:h1+a:h4 | b | a normal 0-2 2  | a-h4        | a@4
one  | a:S0 a:p5 b:S3 a:p9   | b   | a normal 0-5 5   | a-p9        | a@9
one  | a:S0 t55 b:S60 a:p59  | b   | a normal 0-59 59 |             |
two  | a:S0 b:S1 c:S2        | a b |                  | c-S2        | c@2
two  | a:S0 b:S1 t55 c:S55 d:S55 | b c | a network 0-0 0  | d-S55       | d@55
one-again | a:S0+a:p5 a:S9 b:S10 | a | a normal 0-5 5  | b-S10       | b@10
one-again | a:S0 a:p5+a:S9 b:S10 | a | a normal 0-5 5  | b-S10       | b@10
one-again | a:S0+a:p5 b:S6 a:S9+a:p11 | b | a normal 0-5 5 | a-S9 a-p11 | a@11
idle-one | a:S0 a:i60 b:S61 a:h40 a:i70 | b | a network 0-60 60 | a-i70 | a@60 a@70
idle-one | a:S0 a:i60 b:S61 a:i70 a:h75 | b | a idle 0-60 60 | a-h75   | a@60 a@70 a@75
idle-one | a:S0 a:i60 a:h40 b:S61 | a | a idle 0-60 60 | b-S61       | a@60 b@61
"""
NEWEST = """
newest | a:S0 a:h3 b:S5      | b   | a superseded 0-3 3 |           | a@3
newest | a:S0 b:S5 a:h9 b:h9 | b   | a superseded 0-9 9 |           | a@0 a@9
newest | a:S0 b:S5 a:h9 a:p11 | b  | a superseded 0-11 11 |         | a@0 a@9
newest | a:S0 b:S5 a:p4      | b   | a normal 0-4 4   |             | a@0
newest | a:S0 b:S5 a:p4 a:h9 | a   | a normal 0-4 4, b superseded 5-5 0 | | a@0 b@5
newest | a:S0 b:S5 a:S8 b:h9 | a   | a superseded 0-0 0, b superseded 5-9 4 | | a@0 b@5 b@9
newest | a:S0 b:S5 a:S8 a:p9 b:h10 | | a normal 0-9 9, b superseded 5-10 5 | | a@0 b@5 b@10
newest | a:S0 b:S5 c:S6      | c   | a superseded 0-0 0, b superseded 5-5 0 | | a@0 b@5
newest | a:S0 b:S5+b:p6      | a   | b normal 5-6 1   |             |
newest | a:S0 b:S5+a:h7      | b   | a superseded 0-7 7 |           | a@7
newest-two | a:S1 b:S0 c:S5  | a c | b superseded 0-0 0 |           | b@0
newest-two | b:S0 a:S0 c:S5  | b c | a superseded 0-0 0 |           | a@0
newest-again | a:S0 b:S5 a:h9 a:h99 | b | a superseded 0-99 99 |    | a@0 a@9 a@99
newest-again | a:S0 b:S5 a:h9 a:S11 | a | a superseded 0-9 9, b superseded 5-5 0 | | a@0 a@9 b@5
newest-again | a:S0 b:S5 a:p9 a:h10 | b | a superseded 0-10 10 |    | a@0 a@10
idle-newest | a:S0 b:S5 a:i60 a:i90 | b | a superseded 0-60 60 |    | a@0 a@60 a@90
idle-newest | a:S0 a:i60 b:S65 a:h40 a:i70|a|a network 0-60 60, b superseded 65-65 0||a@60 b@65
any | a:S0 b:S5 b:h6         | a b |                  |             | b@5
any | a:S0 b:S5 b:h6 c:S9    | a b c |                |             | b@5 c@9
"""


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


@pytest.mark.parametrize(
    ("content", "line", "open_", "ended", "refused", "limited"), _rows(REFUSED) + _rows(NEWEST)
)
def test_session_when_there_is_no_room_then_the_tariff_says_what_happens(  # noqa: PLR0917 -- a row
    content: str, line: str, open_: str, ended: str, refused: str, limited: str
) -> None:
    """Who is open, who ended how, what was refused and whose server was told."""
    bench = run(line, content)
    assert " ".join(opened(bench)) == open_
    assert ", ".join(ends(bench)) == ended
    assert " ".join(letter.id for letter in bench.dead()) == refused
    assert {letter.reason for letter in bench.dead()} <= {"session-limit"}
    assert " ".join(told(bench)) == limited
    bench.close()


def test_letter_when_a_session_is_refused_then_says_how_to_mend_it() -> None:
    """Who holds how many on what, and what to do."""
    bench = run("a:S0 b:S1", "one")
    assert bench.dead()[0].detail == (
        "member 'ann' holds 1 open sessions on tariff 'one', which allows no more; end one of "
        "them, then go on with session 'b'"
    )
    bench.close()


def test_signal_when_a_session_may_not_open_again_then_names_its_content() -> None:
    """Also where the refused event leaves it out."""
    bench = run("a:S0 a:p2 b:S3", "one")
    bench.feed(frame(said("h4", None, "a")))
    (signal,) = bench.signals()
    assert (signal.signal, signal.session, signal.content) == ("limit_reached", "a", "one")
    assert signal.event_at_ms == 4_000
    bench.close()


def test_refused_event_when_sent_again_with_room_then_counts() -> None:
    """A refusal is no memory of its id."""
    bench = run("a:S0 b:S1 a:p2 b:S1 b:p4", "one")
    assert ends(bench) == ["a normal 0-2 2", "b normal 1-4 3"]
    bench.close()


def test_limit_when_members_and_tariffs_differ_then_each_has_its_own() -> None:
    """What one member holds on one tariff is nobody else's."""
    bench = run("a:S0", "one")
    bench.feed(frame(event("session.start", 1, session="b", content="two")))
    bench.feed(frame(event("session.start", 1, session="c", content="one", subject="bob")))
    assert bench.dead() == []
    assert opened(bench) == ["a", "b"]
    bench.close()


def test_session_when_its_content_is_told_late_then_is_refused_from_there_on() -> None:
    """Without a content it is of no tariff; naming it is what would make one more."""
    bench = run("a:S0", "one")
    bench.feed(frame(said("h1", None, "b")))
    bench.feed(frame(said("h2", "one", "b"), said("h3", None, "b")))
    assert [letter.id for letter in bench.dead()] == ["b-h2"]
    play(bench, "a:p5 b:h6 b:p7", "one")
    assert ends(bench) == ["a normal 0-5 5", "b normal 1-7 6"]
    bench.close()


def test_limit_when_lowered_then_one_more_ends_as_many_as_are_too_many() -> None:
    """Open ones stay until somebody wants their place; the oldest go first."""
    bench = run("a:S0 b:S1", "newest-two")
    lower: dict[str, Any] = copy.deepcopy(LIMITED)
    for tariff in lower["tenants"][0]["tariffs"]:
        if tariff["id"] == "newest-two":
            tariff["limits"]["sessions"] = 1
    bench.publish(lower)
    play(bench, "a:h5 b:h5", "newest-two")
    assert opened(bench) == ["a", "b"]
    play(bench, "c:S6", "newest-two")
    assert opened(bench) == ["c"]
    assert [cdr.cause for cdr in bench.cdrs()] == ["superseded", "superseded"]
    bench.close()


def test_cdr_when_superseded_then_names_the_session_that_took_its_place() -> None:
    """With its life, its source and the event that did it; corrections keep that."""
    bench = run("a:S0 b:S5 a:h9", "newest")
    taken = "superseded by session b #1 of vod, event b-S5"
    assert [(cdr.evidence, cdr.decided_at_ms) for cdr in bench.cdrs()] == [
        (taken, 5_000),
        (f"{taken}; corrected by event a-h9", 5_000),
    ]
    bench.close()


def test_late_event_when_it_would_open_a_session_then_opens_none() -> None:
    """What is older than the horizon never takes anybody's place."""
    bench = run("a:S0", "newest")
    bench.feed(tick(49 * 3600))
    bench.feed(frame(event("session.start", 49 * 3600, session="b", content="newest")))
    assert opened(bench) == ["b"]
    bench.feed(frame(said("h5", "newest", "a")))
    assert opened(bench) == ["b"]
    bench.close()
