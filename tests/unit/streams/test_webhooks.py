"""One endpoint's signals against a table of answers: what is delivered, when, and what is not."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from runtime.faults import TransportFault
from runtime.metrics import Metrics
from runtime.webhooks import Endpoint
from streams.webhooks.ports import Failed, Pushed, PushLimits
from streams.webhooks.pushing import Pusher
from streams.webhooks.rounds import Rounds, newest_only
from tests.support.receiver import SECRET

NOW_MS = 1_800_000_000_000
LIMITS = PushLimits(
    batch_max=6, sessions_at_once=2, attempts=2, backoff_ms=1, backoff_ms_max=1, failures_max=2,
    pause_ms=1, pause_ms_max=1, give_up_ms=1_000,
)  # fmt: skip
DOWN = Failed("connect", "refused")
NO = Failed("rejected", "answered 400")


def signal(
    number: int, session: str | None = None, *, tenant: str = "tv", age_ms: int = 0
) -> Pushed:
    """The signal at an offset, by default of a session of its own."""
    return Pushed(
        partition=0, offset=number, tenant=tenant, source="vod", session=session or f"s{number}",
        subject="ann", name=f"0-{number}", posted_at_ms=NOW_MS - age_ms, body=b"{}",
    )  # fmt: skip


class Clock:
    """Stands still."""

    def wall_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        return NOW_MS

    def monotonic_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        return 0


class Log:
    """A topic and what its group committed; a feed that is opened again goes on from there."""

    def __init__(self, signals: Sequence[Pushed], *, batch_max: int = LIMITS.batch_max) -> None:
        self.committed = 0
        self.opened = 0
        self.is_broken = False
        self.done = asyncio.Event()
        self._signals = signals
        self._batch_max = batch_max
        self._next = 0

    def feed(self) -> "Log":
        """A new reader."""
        return self

    async def open(self) -> None:
        """See the port."""
        self.opened += 1
        self._next = self.committed
        if self.is_broken:
            self.is_broken = False
            raise TransportFault("Kafka is away")

    async def poll(self) -> Sequence[Pushed]:
        """See the port."""
        found = self._signals[self._next : self._next + self._batch_max]
        self._next += len(found)
        if not found:
            self.done.set()
            await asyncio.Event().wait()
        return found

    async def commit(self, signals: Sequence[Pushed]) -> None:
        """See the port."""
        self.committed = max(each.offset for each in signals) + 1

    async def close(self) -> None:
        """See the port."""


class Table:
    """Answers by a function of the signal and how often it was sent."""

    def __init__(self, answer: Callable[[Pushed, int], Failed | None]) -> None:
        self.sent: list[int] = []
        self.taken: list[int] = []
        self._answer = answer

    async def post(self, signal: Pushed) -> Failed | None:
        """See the port."""
        await asyncio.sleep(0)
        answer = self._answer(signal, self.sent.count(signal.offset))
        self.sent.append(signal.offset)
        if answer is None:
            self.taken.append(signal.offset)
        return answer

    async def close(self) -> None:
        """See the port."""


async def pushed(log: Log, table: Table) -> Metrics:
    """Pushes until the log is empty."""
    metrics = Metrics()
    endpoint = Endpoint("hooks", "tv", ("vod",), "http://localhost/", (SECRET,))
    pusher = Pusher(
        endpoint,
        feed=log.feed,
        rounds=Rounds(endpoint.id, table, metrics, LIMITS),
        clock=Clock(),
        metrics=metrics,
        limits=LIMITS,
    )
    running = asyncio.create_task(pusher.run())
    async with asyncio.timeout(20):
        await log.done.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert pusher.has_begun
    return metrics


def counted(metrics: Metrics, name: str) -> int:
    """A metric of the endpoint."""
    lines = metrics.render().decode().splitlines()
    found = [line for line in lines if line.startswith(f'{name}{{endpoint="hooks"')]
    return sum(int(float(line.split()[-1])) for line in found)


async def test_signals_when_they_are_taken_then_each_is_sent_once_and_committed() -> None:
    """Those of another tenant are passed over and committed with the others."""
    log = Log([signal(0), signal(1, tenant="fm"), signal(2), signal(3)])
    table = Table(lambda _, __: None)
    metrics = await pushed(log, table)
    assert (sorted(table.sent), log.committed) == ([0, 2, 3], 4)
    assert counted(metrics, "ncash_webhooks_delivered_total") == 3


async def test_session_when_a_signal_fails_then_the_next_waits_for_it() -> None:
    """Within a session order is kept over retries and rounds."""
    log = Log([signal(0, "s"), signal(1, "s"), signal(2, "t")])
    table = Table(lambda each, before: DOWN if each.offset == 0 and before < 1 else None)
    await pushed(log, table)
    assert [each for each in table.taken if each != 2] == [0, 1]


async def test_endpoint_when_it_is_away_for_rounds_then_is_down_and_comes_back() -> None:
    """Nothing is committed before it was taken; the metric says down, then up."""
    log = Log([signal(each) for each in range(4)])
    table = Table(lambda _, __: DOWN if len(table.sent) < 20 else None)
    metrics = await pushed(log, table)
    assert sorted(table.taken) == [0, 1, 2, 3]
    assert log.committed == 4
    assert log.opened > LIMITS.failures_max
    assert counted(metrics, "ncash_webhook_endpoint_down") == 0
    assert counted(metrics, "ncash_webhooks_failed_total") == 20


async def test_batch_when_some_fail_then_those_that_were_taken_are_not_sent_again() -> None:
    """A batch that is read again is sent only as far as it was not taken."""
    log = Log([signal(each) for each in range(5)])
    table = Table(lambda each, before: DOWN if each.offset == 3 and before < 3 else None)
    await pushed(log, table)
    assert sorted(table.taken) == [0, 1, 2, 3, 4]
    assert table.sent.count(3) == 4


async def test_signal_when_it_alone_is_rejected_then_is_given_up() -> None:
    """What an endpoint refuses while it takes others would hold up everything for ever."""
    log = Log([signal(0, "s"), signal(1, "s"), signal(2)])
    table = Table(lambda each, _: NO if each.offset == 0 else None)
    metrics = await pushed(log, table)
    assert (sorted(table.taken), log.committed) == ([1, 2], 3)
    assert counted(metrics, "ncash_webhooks_given_up_total") == 1


async def test_endpoint_when_it_rejects_everything_then_nothing_is_given_up() -> None:
    """A wrong secret at the receiver is mended there, and what waited is delivered."""
    log = Log([signal(0), signal(1)])
    table = Table(lambda _, __: NO if len(table.sent) < 12 else None)
    metrics = await pushed(log, table)
    assert sorted(table.taken) == [0, 1]
    assert counted(metrics, "ncash_webhooks_given_up_total") == 0


async def test_signal_when_too_old_and_not_taken_then_is_given_up() -> None:
    """A dead endpoint does not keep what nobody needs any more; a live one still gets it."""
    log = Log([signal(each, age_ms=LIMITS.give_up_ms + 1) for each in range(4)])
    table = Table(lambda each, _: None if each.offset == 2 else DOWN)
    metrics = await pushed(log, table)
    assert (table.taken, log.committed) == ([2], 4)
    assert counted(metrics, "ncash_webhooks_given_up_total") == 3


async def test_endpoint_when_behind_then_only_the_newest_of_each_session_is_sent() -> None:
    """A full batch is sent as what it comes to."""
    full = [signal(each, "st"[each % 2]) for each in range(LIMITS.batch_max)]
    log = Log([*full, signal(6, "s"), signal(7, "s")])
    table = Table(lambda _, __: None)
    metrics = await pushed(log, table)
    assert sorted(table.taken) == [4, 5, 6, 7]
    assert log.committed == 8
    assert counted(metrics, "ncash_webhooks_superseded_total") == LIMITS.batch_max - 2


async def test_round_when_the_endpoint_is_away_then_the_rest_is_not_tried() -> None:
    """A dead endpoint costs a few requests a round, however much waits."""
    signals = [signal(each) for each in range(LIMITS.batch_max)]
    table = Table(lambda _, __: DOWN)
    failed = await Rounds("hooks", table, Metrics(), LIMITS).deliver(signals)
    assert len(failed) == len(signals)
    assert len(set(table.sent)) < len(signals)
    assert {each.why for each in failed.values()} == {"connect", "skipped"}


async def test_endpoint_when_gone_then_is_not_tried_again_in_the_round() -> None:
    """410 says it for all: no retry, down at once."""
    log = Log([signal(0)])
    table = Table(lambda _, before: Failed("gone", "answered 410") if before < 2 else None)
    await pushed(log, table)
    assert table.sent == [0, 0, 0]
    assert log.opened == 3


async def test_feed_when_kafka_is_away_then_is_opened_again() -> None:
    """A fault of Kafka is nobody's failure and loses nothing."""
    log = Log([signal(0)])
    log.is_broken = True
    table = Table(lambda _, __: None)
    await pushed(log, table)
    assert (table.taken, log.opened) == ([0], 2)


@pytest.mark.parametrize(
    ("sessions", "kept"), [("", []), ("a", [0]), ("aba", [1, 2]), ("aabbc", [1, 3, 4])]
)
def test_newest_when_sessions_repeat_then_the_last_of_each_stays(
    sessions: str, kept: list[int]
) -> None:
    """In the order in which they came."""
    signals = [signal(place, name) for place, name in enumerate(sessions)]
    assert [each.offset for each in newest_only(signals)] == kept
