"""Known mistakes in rules, at the edges and in the sinks, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from api import asking
from ingest.collector import Collector
from ingest.raw_partition import RawPartition
from ingest.stamps import Stamps
from rating import merging
from rating.price import Usage
from rating.remaining import remaining_units
from rating.session import Boot, Session
from rating.tariff import TariffTerms
from schemas.buckets import Parts
from schemas.commands import Command, Outcome, Result
from schemas.control import RemainingUnits
from schemas.frames import LateVerdict, Tick, UsageFrame
from schemas.refusals import DeadLetter
from schemas.usage import EventType, UsageEvent
from shard import sessions as rating_of_lives
from shard import settling, signals, silence
from shard.counters import NOTHING_MOVED, Moved
from shard.domain import NEVER_MS, DomainClock
from shard.emission import Emission
from shard.expiry import expire_hours
from shard.port import ids_hash
from shard.posting import Charged, Posted, Scope, post
from shard.state import ShardState
from shard.usage import Frame, Gate
from shard.working import Working
from streams.late.judging import verdicts
from streams.sinks import sink as sinks
from streams.sinks.batch import Batch, Insert
from streams.sinks.source import SOURCES, Source
from streams.sinks.writer import Writer
from wallet.wallet import Wallet
from warehouse.contiguous import Reached, reached_by
from warehouse.landed import landed_from
from warehouse.late import AppliedName, LateItem, SealedLife
from warehouse.port import Reader

_apply_tick = silence.apply_tick
_now_ms: list[int] = []


def wall_clock_timeout(patch: pytest.MonkeyPatch) -> None:
    """Silence is measured by when a tick was appended, not by what it vouches for."""

    def noted(state: ShardState, tick: Tick, out: Emission, part: int) -> bool:
        _now_ms[:] = [out.record.stamp_ms]
        return _apply_tick(state, tick, out, part)

    def now(_: DomainClock, __: tuple[str, ...]) -> int:
        return _now_ms[0] if _now_ms else NEVER_MS

    patch.setattr("shard.step.apply_tick", noted)
    patch.setattr(silence, "watermark_of", now)


def one_tick_for_all_paths(patch: pytest.MonkeyPatch) -> None:
    """The furthest path speaks for all."""

    def furthest(domain: DomainClock, _: tuple[str, ...]) -> int:
        return max((path.watermark_ms for path in domain.paths.values()), default=NEVER_MS)

    patch.setattr(silence, "watermark_of", furthest)


def gap_ignored(patch: pytest.MonkeyPatch) -> None:
    """A stretch that nobody vouches for counts as silence."""

    def none(_: DomainClock, __: tuple[str, ...], ___: int, ____: int) -> int:
        return 0

    patch.setattr(silence, "uncovered_ms", none)


def gap_left_by_joining(patch: pytest.MonkeyPatch) -> None:
    """What a collector leaves open by beginning anew stays open, whoever goes on over it."""

    def nothing(_: list[tuple[int, int]], __: int, ___: int) -> None:
        """Covers nothing."""

    patch.setattr("shard.domain._cover", nothing)


def share_rounded_per_debit(patch: pytest.MonkeyPatch) -> None:
    """The provider's part is taken of each movement."""

    def rounded(
        wallet: Wallet,
        old: Charged,
        new: Charged,
        scope: Scope,
        *,
        last: int = -1,
        is_late: bool,
        beside: Moved = NOTHING_MOVED,
        **rest: Any,  # noqa: ANN401 -- handed on
    ) -> object:
        ppm = round(new.provider_micros * 1_000_000 / new.total_micros) if new.total_micros else 0
        part = (new.total_micros - old.total_micros) * ppm // 1_000_000
        wrong = new._replace(provider_micros=old.provider_micros + part)
        return post(wallet, old, wrong, scope, last=last, is_late=is_late, beside=beside, **rest)

    patch.setattr(settling, "post", rounded)


def negative_difference_dropped(patch: pytest.MonkeyPatch) -> None:
    """What was taken too much is kept."""

    def kept(
        wallet: Wallet,
        old: Charged,
        new: Charged,
        scope: Scope,
        *,
        last: int = -1,
        is_late: bool,
        beside: Moved = NOTHING_MOVED,
        paid: Parts = (),
        **rest: Any,  # noqa: ANN401 -- handed on
    ) -> object:
        if new.total_micros < old.total_micros:
            return Posted(wallet, None, paid)
        return post(
            wallet, old, new, scope, last=last, is_late=is_late, beside=beside, paid=paid, **rest
        )

    patch.setattr(settling, "post", kept)


def running_totals_added_up(patch: pytest.MonkeyPatch) -> None:
    """A total that comes again is counted again."""

    def added(
        session: Session, event: UsageEvent, meters: dict[str, int], tariff: TariffTerms | None
    ) -> str:
        del tariff
        boot = session.boots.setdefault(event.boot or "", Boot(-1, {}))
        for meter, total in sorted((event.meters or {}).items()):
            known = boot.meters.get(meter, 0)
            if total >= known:
                meters[meter] = total - known or total
                boot.meters[meter] = known + meters[meter]
        return ""

    patch.setattr(merging, "_merge_meters", added)


def stop_by_arrival(patch: pytest.MonkeyPatch) -> None:
    """The stop that comes last is the last stop."""

    def arrived(session: Session, event: UsageEvent) -> None:
        is_error = event.type == EventType.ERROR
        session.stop_reason = event.reason or ("client_error" if is_error else "")
        session.stop_ms, session.stop_is_error = event.event_at_ms, is_error

    patch.setattr(merging, "_merge_stop", arrived)


def id_forgotten_inside_the_horizon(patch: pytest.MonkeyPatch) -> None:
    """A span of ids goes as soon as it is over."""

    def forget(state: ShardState, name: str, next_applied: int) -> None:
        expire_hours(state, name, next_applied)
        domain = state.domain(name)
        for first, after in domain.id_spans:
            if after <= domain.hour:
                state.drop_hash(ids_hash(name, first))
        domain.id_spans = [span for span in domain.id_spans if span[1] > domain.hour]

    patch.setattr(silence, "expire_hours", forget)


def verdict_by_anybody(patch: pytest.MonkeyPatch) -> None:
    """A verdict counts whenever it comes, also again."""

    def take(state: ShardState, verdict: LateVerdict, out: Emission) -> None:
        state.meta.late_done = max(state.meta.late_done, verdict.number + 1)
        state.touch_meta()
        Frame(state, UsageFrame(verdict.path, [verdict.event]), out, verdict=verdict).apply()

    patch.setattr("shard.step.take_verdict", take)


def late_event_never_looked_up(patch: pytest.MonkeyPatch) -> None:
    """The reader takes what is late for new."""

    def unknown(
        items: Sequence[LateItem],
        reached: Mapping[int, int],
        applied: Iterable[AppliedName],
        lives: Iterable[SealedLife],
    ) -> list[tuple[int, LateVerdict]]:
        del applied
        return verdicts(items, reached, (), lives)

    patch.setattr("streams.late.reader.verdicts", unknown)


def replaced_life_opens_again(patch: pytest.MonkeyPatch) -> None:
    """Use that comes for a life that another one followed makes it go on."""
    conclude = rating_of_lives._conclude

    def opens(state: ShardState, working: Working, *, is_late: bool) -> None:
        place, working.place = working.place, None
        conclude(state, working, is_late=is_late)
        working.place = place

    patch.setattr(rating_of_lives, "_conclude", opens)


def timeout_of_the_unknown_stays(patch: pytest.MonkeyPatch) -> None:
    """A session whose content is told late keeps its first deadline in memory."""
    patch.setattr(Working, "learned_content", property(lambda _: False))


def late_event_judged_by_the_shard(patch: pytest.MonkeyPatch) -> None:
    """What is older than the memory of ids is counted all the same."""
    gate = Frame._gate

    def open_gate(self: Frame, event: UsageEvent) -> Gate:
        return gate(self, event)._replace(late_before_ms=NEVER_MS)

    patch.setattr(Frame, "_gate", open_gate)


def refusal_not_stored(patch: pytest.MonkeyPatch) -> None:
    """A refused key may be tried again."""
    put_result = ShardState.put_result

    def put(self: ShardState, field: str, result: Result) -> None:
        if result.outcome == Outcome.POSTED:
            put_result(self, field, result)

    patch.setattr(ShardState, "put_result", put)


def key_without_its_request(patch: pytest.MonkeyPatch) -> None:
    """Whoever brings a known key gets its result, whatever is asked."""

    def same(result: Result, _: Command) -> Result:
        return result

    patch.setattr(asking, "_same", same)


def accepted_before_kafka_has_it(patch: pytest.MonkeyPatch) -> None:
    """A request is answered as soon as its events are gathered."""
    accept = Collector.accept

    async def at_once(
        self: Collector,
        path: str,
        events: Sequence[UsageEvent],
        letters: Sequence[DeadLetter] = (),
    ) -> None:
        task = asyncio.get_running_loop().create_task(accept(self, path, events, letters))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    patch.setattr(Collector, "accept", at_once)


def vouches_for_what_is_under_way(patch: pytest.MonkeyPatch) -> None:
    """A tick says that all is in, while a request is still open."""

    def now(self: Stamps) -> int:
        self._vouched_ms = max(self._now_ms(), self._last_ms, self._vouched_ms)
        return self._vouched_ms

    patch.setattr(Stamps, "vouched", now)


def raw_partition_vouches_unread(patch: pytest.MonkeyPatch) -> None:
    """A raw partition vouches for its end without having been read to it."""

    def vouched(self: RawPartition) -> int | None:
        to_ms = None if self._target is None else self._target[1]
        self._target = None
        is_new = to_ms is not None and (self.told_ms is None or to_ms > self.told_ms)
        return to_ms if is_new else None

    patch.setattr(RawPartition, "vouched", vouched)


def sink_vouches_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    """Ranges are written before the rows that they vouch for."""

    def write(self: Writer, batch: Batch) -> None:
        for insert in (batch.ranges(), *batch.inserts()):
            self._write_once(self._without_landed(insert))

    patch.setattr(Writer, "write", write)


def sink_forgets_what_landed(patch: pytest.MonkeyPatch) -> None:
    """A restart does not look for rows that nobody vouched for."""

    def recover(self: Writer, source: Source, bounds: Mapping[int, int]) -> None:
        del self, source, bounds

    patch.setattr(Writer, "recover", recover)


def sink_sends_again_blindly(patch: pytest.MonkeyPatch) -> None:
    """After a lost answer all rows are sent again."""

    def missing(self: Writer, insert: Insert) -> Insert:
        del self
        return insert

    patch.setattr(Writer, "_still_missing", missing)


def sink_goes_on_from_the_maximum(patch: pytest.MonkeyPatch) -> None:
    """Where the sink goes on is behind the highest row of any table, not behind what is whole."""

    def highest(reader: Reader, stream: str) -> dict[int, Reached]:
        found = reached_by(reader, stream)
        tables = [table for source in SOURCES if source.topic == stream for table in source.tables]
        for table in tables:
            for shard, sequence in landed_from(reader, table, dict.fromkeys(found, 0)):
                known = found[shard]
                if sequence >= known.next:
                    offset = known.resume_offset
                    found[shard] = Reached(sequence + 1, known.chain, offset)
        return found

    patch.setattr(sinks, "reached_by", highest)


def remaining_of_what_is_there(patch: pytest.MonkeyPatch) -> None:
    """What a low balance still buys is told as if nothing had been used."""

    def fresh(tariff: TariffTerms, _: Usage, left_micros: int) -> tuple[RemainingUnits, ...]:
        return remaining_units(tariff, Usage(0, {}, {}, {}), left_micros)

    patch.setattr(signals, "remaining_units", fresh)


MISTAKES = (
    wall_clock_timeout, one_tick_for_all_paths, gap_ignored, gap_left_by_joining,
    share_rounded_per_debit,
    negative_difference_dropped, running_totals_added_up, stop_by_arrival,
    id_forgotten_inside_the_horizon, verdict_by_anybody, late_event_never_looked_up,
 replaced_life_opens_again, timeout_of_the_unknown_stays,
    late_event_judged_by_the_shard, refusal_not_stored,
    key_without_its_request, accepted_before_kafka_has_it, vouches_for_what_is_under_way,
    raw_partition_vouches_unread, sink_vouches_before_it_writes, sink_forgets_what_landed,
    sink_sends_again_blindly, sink_goes_on_from_the_maximum, remaining_of_what_is_there,
)  # fmt: skip
