"""The reader of the late path on lists: what it asks, what it says, and that it never says harm."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from runtime.metrics import Metrics
from schemas.applied import Applied, AppliedUsage, Cdr, LateUsage
from schemas.errors import RecoverableError
from schemas.frames import LateVerdict
from schemas.usage import UsageEvent
from streams.late.judging import NAME_CHARS_MAX, in_turn
from streams.late.ports import Waiting
from streams.late.reader import ITEMS_PER_SHARD_MIN, LateReader
from streams.late.told import ANSWER_MS_MAX
from tests.support.bench_shard import SHARD, Bench, event, frame, tick, top_up
from tests.support.late_books import ListBooks
from warehouse.late import LateItem

GONE_S = 60 * 3_600


class Shards:
    """Shards of which only the numbers are there, a log, and a clock that a test sets."""

    def __init__(self, **waiting: Waiting) -> None:
        self.waits = {int(name[1:]): each for name, each in waiting.items()}
        self.said: list[tuple[int, LateVerdict]] = []
        self.now_ms = 0
        self.faults: list[str] = []
        self.said_enough = asyncio.Event()
        self.enough = 0

    async def waiting(self) -> Mapping[int, Waiting]:
        """See ``streams.late.ports.LateShards``."""
        self._fail("shards")
        return {shard: each for shard, each in self.waits.items() if each.next < each.end}

    async def append(self, verdicts: Sequence[tuple[int, LateVerdict]]) -> Sequence[int]:
        """See ``streams.late.ports.VerdictLog``."""
        offsets = range(len(self.said), len(self.said) + len(verdicts))
        self.said += verdicts
        if len(self.said) >= self.enough:
            self.said_enough.set()
        self._fail("log")
        return offsets

    def wall_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        return self.now_ms

    def monotonic_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        return self.now_ms

    def numbers(self) -> list[tuple[int, int]]:
        """Shard and number of all that was said."""
        return [(shard, verdict.number) for shard, verdict in self.said]

    def _fail(self, what: str) -> None:
        if self.faults[:1] == [what]:
            raise RecoverableError(self.faults.pop(0))


def reader(shards: Shards, books: ListBooks) -> LateReader:
    """A reader between these."""
    return LateReader(shards=shards, books=books, log=shards, clock=shards, metrics=Metrics())


def late(number: int, **fields: object) -> LateUsage:
    """A late report."""
    said = event("usage.report", 10, id=f"r{number}", session=None, content="web", **fields)
    return LateUsage(said, "http", number)


async def test_reader_when_nothing_is_late_then_it_asks_the_warehouse_nothing() -> None:
    """An idle round looks at the shards alone."""
    shards, books = Shards(s0=Waiting(4, 4)), ListBooks({0: []})
    assert await reader(shards, books).round() == 0
    assert books.questions == 0


async def test_reader_when_events_wait_then_each_gets_its_verdict_in_order() -> None:
    """Several shards in one round, from the number that each waits for."""
    streams: dict[int, list[Applied]] = {0: [late(n) for n in range(4)], 3: [late(0)]}
    shards = Shards(s0=Waiting(1, 4), s3=Waiting(0, 1))
    assert await reader(shards, ListBooks(streams)).round() == 4
    assert shards.numbers() == [(0, 1), (0, 2), (0, 3), (3, 0)]
    assert {verdict.looked_up_to for shard, verdict in shards.said if shard == 0} == {4}


async def test_reader_when_the_warehouse_is_behind_then_it_waits_for_it() -> None:
    """Nothing is said of what is not there without a hole."""
    books = ListBooks({0: [late(0), late(1)]}, cut=1)
    shards = Shards(s0=Waiting(0, 2), s9=Waiting(0, 1))
    tested = reader(shards, books)
    assert (await tested.round(), await tested.round()) == (1, 0)
    books.cut = None
    assert await tested.round() == 1
    assert shards.numbers() == [(0, 0), (0, 1)]


async def test_reader_when_a_shard_has_not_answered_then_it_says_it_again_only_later() -> None:
    """What is on its way is not said twice, until the time for it is over."""
    shards = Shards(s0=Waiting(0, 2))
    tested = reader(shards, ListBooks({0: [late(0), late(1)]}))
    assert await tested.round() == 2
    shards.now_ms = ANSWER_MS_MAX - 1
    assert await tested.round() == 0
    shards.now_ms = ANSWER_MS_MAX
    assert await tested.round() == 2
    shards.waits[0] = Waiting(2, 2)
    assert await tested.round() == 0


async def test_reader_when_a_shard_takes_none_then_more_of_it_does_not_put_off_the_retry() -> None:
    """A steady stream of late events cannot hide that the first one was not taken."""
    stream: list[Applied] = [late(0)]
    shards = Shards(s0=Waiting(0, 1))
    tested = reader(shards, ListBooks({0: stream}))
    for number in range(1, 5):
        await tested.round()
        shards.now_ms += ANSWER_MS_MAX // 4
        stream.append(late(number))
        shards.waits[0] = Waiting(0, number + 1)
    await tested.round()
    assert shards.numbers() == [(0, n) for n in (0, 1, 2, 3, 0, 1, 2, 3, 4)]


async def test_reader_when_a_shard_went_back_then_it_is_told_from_there() -> None:
    """A Redis that lost its last second, or was wiped, waits for older numbers again."""
    shards = Shards(s0=Waiting(1, 2))
    tested = reader(shards, ListBooks({0: [late(0), late(1)]}))
    await tested.round()
    shards.waits[0] = Waiting(0, 2)
    await tested.round()
    assert shards.numbers() == [(0, 1), (0, 0), (0, 1)]


async def test_reader_when_one_shard_has_many_then_the_others_have_their_turn() -> None:
    """A round takes some of each shard."""
    many: list[Applied] = [late(number) for number in range(1_000)]
    streams = dict.fromkeys(range(50), many)
    shards = Shards(**{f"s{shard}": Waiting(0, 1_000) for shard in range(50)})
    await reader(shards, ListBooks(streams)).round()
    assert {shard for shard, _ in shards.numbers()} == set(range(50))
    assert len(shards.said) == 50 * ITEMS_PER_SHARD_MIN


@pytest.mark.parametrize("part", ["shards", "log"])
async def test_reader_when_a_part_is_away_then_it_goes_on_when_it_is_back(part: str) -> None:
    """A fault costs a round; what may have been said is said again."""
    shards = Shards(s0=Waiting(0, 1))
    shards.faults = [part, part]
    shards.enough = 3 if part == "log" else 1
    tested = reader(shards, ListBooks({0: [late(0)]}))
    stop = asyncio.Event()
    running = asyncio.create_task(tested.run(stop, poll_ms=10))
    async with asyncio.timeout(20):
        await shards.said_enough.wait()
    stop.set()
    await running
    assert {verdict.number for _, verdict in shards.said} == {0}


def test_items_when_there_is_a_gap_then_only_those_before_it_are_in_turn() -> None:
    """Repeats are left out, and nothing is jumped over."""
    said = event("usage.report", 10, session=None)
    items = [LateItem(0, number, 50 + number, "http", said) for number in (3, 3, 4, 6)]
    assert [item.number for item in in_turn(items, {0: (3, 99)})] == [3, 4]
    assert [item.number for item in in_turn(items, {0: (3, 54)})] == [3]
    assert in_turn(items, {1: (3, 99)}) == []


def test_items_when_their_names_are_long_then_fewer_make_a_round() -> None:
    """A statement stays below what a server reads; the first is always taken."""
    said = event("usage.report", 10, session=None, id="x" * (NAME_CHARS_MAX // 2))
    items = [LateItem(0, number, number, "http", said) for number in range(9)]
    assert len(in_turn(items, {0: (0, 99)})) == 1


def _applied(said: UsageEvent, **fields: object) -> AppliedUsage:
    said = msgspec.structs.replace(said, event_at_ms=fields.pop("at_ms", said.event_at_ms))
    names = {"type": "session.heartbeat", "session": "s1", "content": "news"} | fields
    return AppliedUsage(
        said.tenant, said.source, said.id, str(names["type"]), said.subject,
        str(names["session"]), 1, str(names["content"]), said.event_at_ms, said.received_at_ms,
        "http", "applied", 0, {}, -1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "is_same"),
    [({}, True), ({"type": "session.stop"}, False), ({"session": "s2"}, False),
     ({"content": "web"}, False), ({"at_ms": 4 * 10**6}, False)],
)  # fmt: skip
async def test_verdict_when_the_name_was_applied_then_says_whether_it_said_the_same(
    other: dict[str, object], *, is_same: bool
) -> None:
    """Type, time, session and content are compared."""
    beat = event("session.heartbeat", 10)
    stream: list[Applied] = [_applied(beat, **other), LateUsage(beat, "http", 0)]
    shards = Shards(s0=Waiting(0, 1))
    await reader(shards, ListBooks({0: stream})).round()
    [(_, verdict)] = shards.said
    assert (verdict.is_known, verdict.is_same, verdict.life) == (True, is_same, 0)


@pytest.mark.parametrize(("at_s", "life"), [(1, 1), (15, 1), (25, 1), (31, 2), (40, 2), (99, 2)])
async def test_verdict_when_its_session_had_lives_then_it_names_the_nearest(
    at_s: int, life: int
) -> None:
    """The life that holds it, else the nearest earlier, else the earliest; by its last CDR."""
    lives = [_cdr(1, 1, 10, 19), _cdr(2, 1, 31, 40), _cdr(1, 2, 10, 20)]
    beat = event("session.heartbeat", at_s)
    stream: list[Applied] = [*lives, LateUsage(beat, "http", 0)]
    shards = Shards(s0=Waiting(0, 1))
    await reader(shards, ListBooks({0: stream})).round()
    [(_, verdict)] = shards.said
    sealed = {1: b"1/2", 2: b"2/1"}
    assert (verdict.life, verdict.sealed) == (life, sealed[life])


def _cdr(incarnation: int, revision: int, start_s: int, end_s: int) -> Cdr:
    start_ms, end_ms = start_s * 1_000, end_s * 1_000
    return Cdr(
        "tv", "vod", "s1", incarnation, revision, "ann", "news", "second", "normal", start_ms,
        end_ms, end_ms, end_ms, end_ms - start_ms, {}, 0, 0, "KRW", "",
        f"{incarnation}/{revision}".encode(),
    )  # fmt: skip


class BenchShards(Shards):
    """A real shard behind the reader's ports."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self.taken = 0

    def take(self) -> None:
        """Lets the shard take what was said to it."""
        self._bench.feed(*(verdict for _, verdict in self.said[self.taken :]))
        self.taken = len(self.said)
        meta = self._bench.meta()
        self.waits = {SHARD: Waiting(meta.late_done, meta.late_next, self.taken - 1)}


def test_readers_when_two_of_them_run_then_every_event_counts_once() -> None:
    """They know nothing of each other; the shard takes each number once."""
    bench = Bench()
    bench.feed(top_up(1_000), tick(GONE_S))
    reports = [
        event("usage.report", 5 + n, id=f"r{n}", session=None, content="web",
              meters={"bytes": 10**6})
        for n in range(20)
    ]  # fmt: skip
    bench.feed(frame(*reports, *reports[:7]))
    shards = BenchShards(bench)
    shards.take()
    books = ListBooks({SHARD: bench.applied()})
    one, two = reader(shards, books), reader(shards, books)

    async def both() -> None:
        await one.round()
        await two.round()

    asyncio.run(both())
    shards.take()
    assert len(shards.said) == 2 * len(bench.usage()) == 54
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 980 * 10**6
    assert bench.meta().late_done == 27
    bench.close()


def test_reader_when_each_verdict_makes_the_next_void_then_no_time_and_few_look_ups_are_lost() -> (
    None
):
    """Uses of one session, each a life that only its CDR leads to: 40 of them, in no time."""
    bench = Bench()
    again = {"content": "again", "session": "a"}
    bench.feed(top_up(1_000), tick(GONE_S), frame(event("session.start", GONE_S, **again)))
    bench.feed(frame(*(event("session.heartbeat", 100 * n, **again) for n in range(40))))
    shards, streams = BenchShards(bench), dict[int, Sequence[Applied]]()
    tested = reader(shards, ListBooks(streams))
    for _ in range(2 * 40):
        shards.take()
        streams[SHARD] = bench.applied()
        asyncio.run(tested.round())
    assert bench.meta().late_done == 40
    assert len({cdr.incarnation for cdr in bench.cdrs()}) == 40
    assert len(shards.said) < 4 * 40
    bench.close()
