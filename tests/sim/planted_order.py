"""Known mistakes in the order of effects and in what an owner trusts, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from cli.sim import market
from cli.sim.senders import Senders
from rating.catalogue import Catalogue
from schemas.errors import RecoverableError, ShardStopped
from schemas.frames import Record
from schemas.ids import ShardId
from schemas.outputs import Stream
from schemas.usage import UsageEvent
from shard.cursor import Cursor
from shard.emission import LogRecord, Output
from shard.loading import Bodies, load_for, load_state
from shard.memory_store import MemoryStore
from shard.port import Changes, Field, Store
from shard.state import ShardState
from shard.usage import Frame, Scoped
from streams import owner as owning
from streams.batches import Item, batches
from streams.muted import Muted
from streams.owner import Place, ShardOwner

_scopes = Frame._scopes
_published: list[int] = []


async def _tell(
    owner: ShardOwner, state: ShardState, changes: Changes, expected: Cursor | None
) -> None:
    await owner._parts.store.apply(expected, state.cursor, changes)


def apply_before_publish(patch: pytest.MonkeyPatch) -> None:
    """The state moves first; a crash before the publish loses what was to be said."""

    async def commit(
        self: ShardOwner,
        state: ShardState,
        _: list[Item],
        outputs: list[Output],
        expected: Cursor | None,
        __: int,
    ) -> None:
        await _tell(self, state, state.take_changes(), expected)
        unsaid = self._muted.unsaid(outputs) if self._muted else outputs
        if unsaid:
            await self._parts.outlet.publish(self.shard, unsaid)

    patch.setattr(ShardOwner, "_commit", commit)


def signal_after_apply(patch: pytest.MonkeyPatch) -> None:
    """Signals go out as hints after the write; a crash between loses them."""

    async def commit(
        self: ShardOwner,
        state: ShardState,
        _: list[Item],
        outputs: list[Output],
        expected: Cursor | None,
        __: int,
    ) -> None:
        unsaid = list(self._muted.unsaid(outputs) if self._muted else outputs)
        signals = [each for each in unsaid if each.stream is Stream.CONTROL]
        others = [each for each in unsaid if each.stream is not Stream.CONTROL]
        if others:
            await self._parts.outlet.publish(self.shard, others)
        await _tell(self, state, state.take_changes(), expected)
        if signals:
            await self._parts.outlet.publish(self.shard, signals)

    patch.setattr(ShardOwner, "_commit", commit)


def mark_then_act(patch: pytest.MonkeyPatch) -> None:
    """Ids are stored before their events' outputs are published."""
    commit = ShardOwner._commit

    async def marked(  # noqa: PLR0917 -- as the method it stands for
        self: ShardOwner,
        state: ShardState,
        batch: list[Item],
        outputs: list[Output],
        expected: Cursor | None,
        started: int,
    ) -> None:
        ids = {name: state._encoded(name, fields) for name, fields in state._changed.items()
               if name.startswith("ids:")}  # fmt: skip
        if expected is not None and ids:
            await self._parts.store.apply(expected, expected, Changes(ids))
        await commit(self, state, batch, outputs, expected, started)

    patch.setattr(ShardOwner, "_commit", marked)


def cursor_apart(patch: pytest.MonkeyPatch) -> None:
    """After-images first, the cursor in a write of its own."""
    commit = ShardOwner._commit

    async def apart(  # noqa: PLR0917 -- likewise
        self: ShardOwner,
        state: ShardState,
        batch: list[Item],
        outputs: list[Output],
        expected: Cursor | None,
        started: int,
    ) -> None:
        if expected is not None:
            await self._parts.store.apply(expected, expected, state.take_changes())
        await commit(self, state, batch, outputs, expected, started)

    patch.setattr(ShardOwner, "_commit", apart)


def cache_kept(patch: pytest.MonkeyPatch) -> None:
    """After a failed comparison the owner goes on with what it has in memory."""

    async def take(self: ShardOwner, records: Sequence[LogRecord]) -> None:
        while not self.is_stopped:
            try:
                state = self._state or await self._recover(records[0].offset if records else None)
                await self._work(state, records)
            except ShardStopped as fault:
                self.is_stopped = True
                self._parts.watch.stopped(self.shard, fault)
            except RecoverableError as fault:
                self._parts.watch.reloading(self.shard, fault)
                await self._parts.patience.wait(0)
                if self._state is not None:
                    self._state.cursor = await stored(self) or self._state.cursor
            else:
                return

    async def stored(self: ShardOwner) -> Cursor | None:
        try:
            return await self._parts.store.cursor()
        except RecoverableError:
            return None

    patch.setattr(ShardOwner, "take", take)


def loads_unguarded(patch: pytest.MonkeyPatch) -> None:
    """What is loaded may belong to another cursor than the owner's."""

    async def load_at(
        self: MemoryStore, wanted: Mapping[str, list[Field]], _: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        return await self.load(wanted)

    patch.setattr(MemoryStore, "load_at", load_at)


def two_loaders_of_one_wiped_shard(patch: pytest.MonkeyPatch) -> None:
    """An empty store takes the after-images of an owner that remembers more."""
    check = MemoryStore._compare

    def lenient(self: MemoryStore, expected: Cursor | None) -> None:
        if self._cursor is not None:
            check(self, expected)

    patch.setattr(MemoryStore, "_compare", lenient)


def heals_from_entries_only(patch: pytest.MonkeyPatch) -> None:
    """A recovery has wallets and cursor, as entries give them, but no open sessions."""

    async def load(store: Store, shard: int, log: str, bodies: Bodies) -> ShardState:
        state = await load_state(store, ShardId(shard), log, bodies)
        state.sessions.clear()
        return state

    patch.setattr(owning, "load_state", load)


def timeouts_lost_on_reload(patch: pytest.MonkeyPatch) -> None:
    """Deadlines live in memory only."""

    async def load(store: Store, shard: int, log: str, bodies: Bodies) -> ShardState:
        state = await load_state(store, ShardId(shard), log, bodies)
        state.deadlines.clear()
        return state

    patch.setattr(owning, "load_state", load)


def next_offset_is_plus_one(patch: pytest.MonkeyPatch) -> None:
    """The next record has the next offset, or is none."""

    def fresh(self: Place, records: Sequence[LogRecord], state: ShardState) -> list[LogRecord]:
        found: list[LogRecord] = []
        for log in records:
            if self._is_sought:
                if self._is_anchor(log, state):
                    found.append(log)
            elif log.offset == self._last + 1:
                self._last = log.offset
                found.append(log)
        return found

    patch.setattr(Place, "fresh", fresh)


def any_later_offset_is_next(patch: pytest.MonkeyPatch) -> None:
    """A hole between two offsets is always believed."""

    def fresh(self: Place, records: Sequence[LogRecord], state: ShardState) -> list[LogRecord]:
        found: list[LogRecord] = []
        for log in records:
            if self._is_sought:
                if self._is_anchor(log, state):
                    found.append(log)
            elif log.offset > self._last:
                self._last = log.offset
                found.append(log)
        return found

    patch.setattr(Place, "fresh", fresh)


def muted_for_one_too_many(patch: pytest.MonkeyPatch) -> None:
    """A replay leaves out the first output that was not published yet."""

    def is_said(self: Muted, output: Output) -> bool:
        end = self._ends.get(output.stream)
        if end is None:
            return False
        if output.first >= end.next:
            del self._ends[output.stream]
        return True

    patch.setattr(Muted, "_is_said", is_said)


def stamp_of_the_batch(patch: pytest.MonkeyPatch) -> None:
    """All that a batch puts out bears the stamp of its first record."""

    def stamped(records: Sequence[LogRecord]) -> list[list[Item]]:
        return [
            [item._replace(log=item.log._replace(stamp_ms=batch[0].log.stamp_ms)) for item in batch]
            for batch in batches(records)
        ]

    patch.setattr(owning, "batches", stamped)


def order_of_memory(patch: pytest.MonkeyPatch) -> None:
    """Scopes are settled as they lie in memory, not as their events came."""

    def scopes(self: Frame, events: Iterable[tuple[int, UsageEvent]]) -> list[Scoped]:
        return sorted(_scopes(self, events), key=lambda scope: id(scope.events) // 16 % 97)

    patch.setattr(Frame, "_scopes", scopes)


def catalogue_by_query(patch: pytest.MonkeyPatch) -> None:
    """What is in force is asked of whoever publishes it, when a batch begins."""
    publish = Senders.publish
    _published.clear()

    async def noted(self: Senders, number: int) -> None:
        _published.append(number)
        await publish(self, number)

    async def load(
        state: ShardState, store: Store, records: Sequence[Record], bodies: Bodies
    ) -> None:
        await load_for(state, store, records, bodies)
        latest = max(_published, default=0)
        if state.meta.catalogue and latest > state.meta.catalogue:
            compiled: Catalogue = await bodies(market.digest(latest))
            state.catalogues[latest] = compiled
            state.meta.digests[latest] = market.digest(latest)
            state.meta.catalogue = latest

    patch.setattr(Senders, "publish", noted)
    patch.setattr(owning, "load_for", load)


MISTAKES = (
    apply_before_publish, signal_after_apply, mark_then_act, cursor_apart, cache_kept,
    loads_unguarded, two_loaders_of_one_wiped_shard, heals_from_entries_only,
    timeouts_lost_on_reload, next_offset_is_plus_one, any_later_offset_is_next,
    muted_for_one_too_many, stamp_of_the_batch, order_of_memory, catalogue_by_query,
)  # fmt: skip
