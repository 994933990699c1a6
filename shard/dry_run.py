"""A shard that moves nobody's money: real records through the real step, on a store in memory.

Invariant: prices are those of production, since nothing here prices; only wallets differ, which are
so full that nobody is cut off. It does not own where the records come from, nor what is made of the
outputs: a command reads a file or the warehouse, a shadow tariff may read a live shard's log.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rating.catalogue import Catalogue
from schemas.applied import Applied
from schemas.commands import Command, TopUp
from schemas.frames import CatalogueVersion, Record, Tick, UsageFrame
from schemas.ids import ShardId
from schemas.ledger import Transfer
from schemas.money import AMOUNT_MAX
from schemas.outputs import Stream, applied_of, dead_letters_of, decode_output, transfers_of
from schemas.refusals import DeadLetter
from shard.cursor import Cursor
from shard.emission import LogRecord, Output
from shard.expiry import collect
from shard.loading import load_for
from shard.memory_store import MemoryStore
from shard.state import ShardState
from shard.step import step

# Half of the largest balance: room for use, and as much for what is given back.
FULL_MICROS = AMOUNT_MAX // 2
KEY = "dry-run"


class Priced(NamedTuple):
    """What records came to.

    Args:
        transfers: Charges, corrections, passes; never the top-ups that filled the wallets.
        applied: Events and CDRs.
        dead: Events that were refused.
    """

    transfers: list[Transfer]
    applied: list[Applied]
    dead: list[DeadLetter]


class DryRun:
    """One shard in memory; ``open`` it first.

    Args:
        catalogues: Versions 1, 2, … as they were in force; the last is in force at the beginning.
    """

    def __init__(self, catalogues: Sequence[Catalogue]) -> None:
        self._versions = {str(number): each for number, each in enumerate(catalogues, 1)}
        self._store = MemoryStore()
        self._state = ShardState(ShardId(0), Cursor(KEY))
        self._known: set[tuple[str, str]] = set()
        self._offset = 0

    async def open(self) -> None:
        """Puts the catalogues into force, one after the other; call once."""
        for number, digest in enumerate(self._versions, 1):
            await self._take([CatalogueVersion(number, digest)], 0)

    async def use(
        self, frames: Iterable[UsageFrame], *, stamp_ms: int, version: int | None = None
    ) -> Priced:
        """Takes frames of usage.

        Args:
            frames: In log order.
            stamp_ms: When the log had them; says when what they do was posted.
            version: Catalogue that is in force for them; None leaves the one that is.

        Raises:
            ShardStopped: The state is not what it must be: a fault of ours.
        """
        if version is not None:
            # What no log does: an older version may come into force again, since recorded use of
            # many shards is taken in the order in which it happened.
            self._state.meta.catalogue = version
        frames = list(frames)
        records: list[Record] = [*self._top_ups(frames, stamp_ms), *frames]
        return await self._take(records, stamp_ms)

    async def tick(self, tick: Tick) -> Priced:
        """Moves a clock domain on; sessions that it proves silent end.

        Raises:
            ShardStopped: As above.
        """
        return await self._take([tick], tick.to_ms)

    async def stored(self, name: str, field: str) -> bytes | None:
        """A field of the store, as it is after what was taken so far."""
        return (await self._store.load({name: [field]}))[name][0]

    async def _catalogue(self, digest: str) -> Catalogue:
        return self._versions[digest]

    def _top_ups(self, frames: list[UsageFrame], stamp_ms: int) -> list[Command]:
        """A full wallet for each member who was not seen yet, who thereby is registered too."""
        new: dict[tuple[str, str], None] = {}
        for frame in frames:
            for event in frame.events:
                if (event.tenant, event.subject) not in self._known:
                    new[event.tenant, event.subject] = None
        self._known.update(new)
        found = [(self._currency(tenant), tenant, member) for tenant, member in new]
        return [
            Command(tenant, member, KEY, b"", stamp_ms, KEY, TopUp(FULL_MICROS, currency))
            for currency, tenant, member in found
            if currency
        ]

    def _currency(self, tenant: str) -> str:
        terms = self._versions[str(self._state.meta.catalogue)].tenant(tenant)
        return "" if terms is None else terms.currency

    async def _take(self, records: list[Record], stamp_ms: int) -> Priced:
        """What ``streams.owner`` does with a batch, but for publishing."""
        state, priced = self._state, Priced([], [], [])
        await collect(state, self._store)
        await load_for(state, self._store, records, self._catalogue)
        for record in records:
            log = LogRecord(self._offset, stamp_ms, b"%d" % self._offset)
            self._offset += 1
            _add(priced, step(state, log, record))
            while not state.cursor.is_done:
                _add(priced, step(state, log, record))
        await self._store.apply(await self._store.cursor(), state.cursor, state.take_changes())
        state.trim()
        return priced


def _add(priced: Priced, outputs: Iterable[Output]) -> None:
    for output in outputs:
        match output.stream:
            case Stream.LEDGER:
                moved = transfers_of(decode_output(output.value))
                priced.transfers.extend(each for each in moved if each.key != KEY)
            case Stream.APPLIED:
                priced.applied.extend(applied_of(decode_output(output.value)))
            case Stream.DEAD:
                priced.dead.extend(dead_letters_of(decode_output(output.value)))
            case Stream.CONTROL | Stream.LEGS | Stream.WALLETS:
                pass
