"""Uses of one session id, apart in time: each event goes to the one it happened in."""

from collections.abc import Iterable

import pytest

from schemas.frames import Record
from schemas.ids import domain_of
from shard.lives import LIVES_BACK_MAX
from tests.support.bench_shard import WON, Bench, event, frame, tick, top_up
from tests.support.late_books import judged


def said(kind: str, at_s: float, name: str, **fields: object) -> Record:
    """An event of the one session, of a tariff under which use after an end begins anew."""
    fields = {"content": "again", "received_at_ms": int(at_s * 1_000)} | fields
    return frame(event(f"session.{kind}", at_s, id=name, **fields))


def lives(bench: Bench) -> list[tuple[int, int, int]]:
    """Start, end and won charged of each life as its last CDR tells it, in order of time."""
    last = {cdr.incarnation: cdr for cdr in bench.cdrs()}
    return sorted(
        (cdr.start_ms // 1_000, cdr.end_ms // 1_000, cdr.charged_micros // WON)
        for cdr in last.values()
    )


def paid(bench: Bench) -> int:
    """Won that left the member's wallet for use."""
    uses = [t for t in bench.transfers() if t.cause in ("charge", "correction")]
    entries = [entry for transfer in uses for entry in transfer.entries]
    return -sum(e.amount_micros for e in entries if e.account.startswith("member/")) // WON


def run(bench: Bench, records: Iterable[Record]) -> None:
    """Each record by itself, on a wallet that holds enough."""
    bench.feed(top_up(100_000), tick(0))
    for record in records:
        bench.feed(record)


THREE = [
    said("start", 0, "a"), said("stop", 100, "b"), tick(150),
    said("start", 200, "c"), said("stop", 210, "d"), tick(250),
    said("start", 300, "e"), said("stop", 310, "f"), tick(350),
]  # fmt: skip


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (said("heartbeat", 50, "z"), [(0, 100, 100), (200, 210, 10), (300, 310, 10)]),
        (said("heartbeat", 205, "z"), [(0, 100, 100), (200, 210, 10), (300, 310, 10)]),
        (said("stop", 215, "z"), [(0, 100, 100), (200, 215, 15), (300, 310, 10)]),
        (said("heartbeat", 195, "z"), [(0, 100, 100), (195, 210, 15), (300, 310, 10)]),
        (said("heartbeat", 292, "z"), [(0, 100, 100), (200, 210, 10), (292, 310, 18)]),
        (said("heartbeat", 150, "z"), [(0, 100, 100), (150, 152, 2), (200, 210, 10),
                                       (300, 310, 10)]),
        (said("heartbeat", 250, "z"), [(0, 100, 100), (200, 210, 10), (250, 252, 2),
                                       (300, 310, 10)]),
    ],
    ids=["in-first", "in-second", "after-second", "before-second", "before-third", "between-1",
         "between-2"],
)  # fmt: skip
def test_life_when_an_event_of_an_earlier_use_comes_last_then_no_gap_is_charged(
    bench: Bench, late: Record, expected: list[tuple[int, int, int]]
) -> None:
    """It counts where it happened: in a use, at its edge, or as a use of its own in between."""
    run(bench, [*THREE, late])
    assert lives(bench) == expected
    assert paid(bench) == sum(won for _, _, won in expected)
    assert all(not session.is_open for session in bench.closed())


def uses(count: int) -> list[Record]:
    """Uses of ten seconds, two seconds apart: nearer to each other than the timeout."""
    return [
        said(kind, 12 * number + second, f"{kind}{number}")
        for number in range(count)
        for kind, second in (("start", 0), ("stop", 10))
    ]


@pytest.mark.parametrize("count", [2, 3, 5, LIVES_BACK_MAX + 1, LIVES_BACK_MAX + 4])
@pytest.mark.parametrize("at_s", [3, 9, 15])
def test_life_when_others_follow_closely_then_an_event_inside_it_stays_there(
    bench: Bench, count: int, at_s: int
) -> None:
    """However many uses came since, and however near: none is stretched, no second paid twice."""
    run(bench, [*uses(count), said("heartbeat", at_s, "z"), said("heartbeat", at_s - 1, "y")])
    while verdicts := judged(bench):
        bench.feed(*verdicts)
    assert lives(bench) == [(12 * n, 12 * n + 10, 10) for n in range(count)]
    assert paid(bench) == 10 * count
    assert {usage.id for usage in bench.usage()} >= {"y", "z"}


def test_session_when_it_lives_by_another_clock_then_that_clock_alone_ends_it() -> None:
    """What a life by the live clock left in memory ends no life by the recorded one."""
    chains: list[object] = []
    for reload in (False, True):
        bench = Bench()
        bench.feed(top_up(100), tick(0))
        bench.feed(said("start", 1, "a"), said("stop", 3, "b"))
        bench.feed(said("start", 500, "c", recorded=True, received_at_ms=500_000))
        if reload:
            bench.reload()
        bench.feed(tick(900))
        assert [cdr.cause for cdr in bench.cdrs()] == ["normal"]
        bench.feed(tick(600, domain=domain_of("tv", recorded=True)))
        assert [cdr.cause for cdr in bench.cdrs()] == ["normal", "network"]
        chains.append(bench.chains())
        bench.close()
    assert chains[0] == chains[1]


def test_life_when_use_between_two_is_known_then_later_events_of_it_are_found(
    bench: Bench,
) -> None:
    """A use of its own in between is one like the others, and its number is never used again."""
    run(bench, [*THREE, said("heartbeat", 150, "y"), said("heartbeat", 155, "z")])
    bench.feed(said("start", 400, "g"), said("stop", 401, "h"))
    assert lives(bench) == [
        (0, 100, 100), (150, 157, 7), (200, 210, 10), (300, 310, 10), (400, 401, 1)
    ]  # fmt: skip
    names = [(cdr.incarnation, cdr.revision) for cdr in bench.cdrs()]
    assert len(set(names)) == len(names)


def test_life_when_the_stop_of_a_vanished_use_comes_late_then_ends_that_one(bench: Bench) -> None:
    """The server buffered the stop; meanwhile the id was used again."""
    run(
        bench,
        [
            said("start", 0, "a"),
            said("heartbeat", 100, "b"),
            tick(200),
            said("start", 1_000, "c"),
            said("stop", 1_010, "d"),
            said("stop", 105, "e"),
        ],
    )
    assert lives(bench) == [(0, 105, 105), (1_000, 1_010, 10)]
    assert paid(bench) == 115


def test_life_when_use_goes_on_within_the_timeout_then_it_is_the_same_one(bench: Bench) -> None:
    """What silence seemed to have ended went on: late truth mends it, no second is paid twice."""
    run(
        bench,
        [
            said("start", 0, "a"),
            said("heartbeat", 10, "b"),
            tick(60),
            said("heartbeat", 11, "c", received_at_ms=61_000),
            said("stop", 20, "d"),
        ],
    )
    assert lives(bench) == [(0, 20, 20)]
    assert paid(bench) == 20


def test_session_when_its_content_comes_after_its_end_then_a_cdr_says_what_it_costs(
    bench: Bench,
) -> None:
    """Silence ended it before anybody knew what it was: the start makes price, cause and CDR."""
    unknown = {"content": None}
    bench.feed(top_up(10_000), tick(0))
    bench.feed(said("heartbeat", 0, "a", **unknown), said("heartbeat", 60, "b", **unknown))
    bench.feed(tick(200), said("start", 0, "c", content="news", received_at_ms=200_000))
    told = [(cdr.revision, cdr.content, cdr.charged_micros // WON) for cdr in bench.cdrs()]
    assert told == [(1, "", 0), (2, "news", 1_800)]
    assert paid(bench) == 1_800


@pytest.mark.parametrize(("content", "won"), [("again", 62), ("lost", 0)])
def test_session_when_content_is_learned_after_silence_then_its_tariff_says_what_silence_pays(
    bench: Bench, content: str, won: int
) -> None:
    """Half an interval more, or nothing: as if the content had been known in time."""
    unknown = {"content": None}
    bench.feed(top_up(10_000), tick(0))
    bench.feed(said("heartbeat", 0, "a", **unknown), said("heartbeat", 60, "b", **unknown))
    bench.feed(tick(200), said("start", 0, "c", content=content, received_at_ms=200_000))
    assert bench.cdrs()[-1].charged_micros == won * WON
    assert paid(bench) == won


def test_session_when_reopened_after_a_cut_off_then_that_cut_off_is_over(bench: Bench) -> None:
    """A top-up later, a stop by the member is no cut-off, and a new lack of money is told."""
    news = {"content": "news"}
    bench.feed(top_up(100), said("start", 0, "a", **news), said("heartbeat", 5, "b", **news))
    bench.feed(said("stop", 6, "c", **news), top_up(10_000, "k2"))
    bench.feed(said("heartbeat", 8, "d", **news), said("stop", 9, "e", **news))
    assert [cdr.cause for cdr in bench.cdrs()] == ["cut_off", "normal"]


def test_life_when_corrected_beside_a_later_one_then_its_evidence_is_its_own(bench: Bench) -> None:
    """Events that came together with its own, but happened in another life, decided nothing."""
    run(bench, THREE[:3])
    ends = event("session.stop", 110, id="y", content="again")
    begins = event("session.start", 200, id="c", content="again")
    bench.feed(frame(ends, begins))
    assert [cdr.evidence for cdr in bench.cdrs()] == ["event b", "event y; corrected by event y"]
