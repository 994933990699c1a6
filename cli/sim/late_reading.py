"""The late path's reader: production's, on the simulated stores, vault and log.

Owns: its process and lives; the three ports that it asks.
It does not own what a verdict is (``streams.late``), nor when it counts (``shard.verdicts``).
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from cli.sim.broker import SimPublisher
from cli.sim.faults import Point
from cli.sim.stores import Shelves
from cli.sim.topics import Topics
from cli.sim.vault import SimWarehouse, Vault
from cli.sim.world import Killed, Process, World, chance_of
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from schemas.moment import SECOND_MS
from schemas.outputs import Stream
from schemas.usage import UsageEvent
from shard.cursor import START_OFFSET
from shard.port import Kind
from shard.stored import META_FIELD, Meta, decode_as
from streams.late.ports import Waiting
from streams.late.reader import LateReader
from streams.late.running import KafkaVerdicts
from warehouse.contiguous import reached_by
from warehouse.late import AppliedName, LateItem, SealedLife
from warehouse.port import Cell
from warehouse.rows import CDRS, LATE_USAGE, USAGE_EVENTS, Table

POLL_MS_MAX = 1_200
RESTART_MS_MAX = 3 * SECOND_MS
CLOCK_MS_MAX = 60 * SECOND_MS
_event = msgspec.msgpack.Decoder(UsageEvent)


class LateReading:
    """The reader's process, again and again.

    Args:
        world: Where it lives.
        topics: Where verdicts go.
        shelves: Of the shards' state.
        vault: The warehouse.
        shards: How many.
        metrics: Shared; nobody looks.
    """

    def __init__(
        self,
        world: World,
        topics: Topics,
        shelves: Shelves,
        vault: Vault,
        *,
        shards: int,
        metrics: Metrics,
    ) -> None:
        self._world = world
        self._topics = topics
        self._shelves = shelves
        self._vault = vault
        self._shards = shards
        self._metrics = metrics
        self._chance = chance_of(world.seed, "late")
        self._start()

    def _start(self) -> None:
        process = Process(self._world, "late", clock_ms_max=CLOCK_MS_MAX, on_death=self._died)
        self._world.spawn(self._live(process), "late")

    def _died(self) -> None:
        if not self._world.is_over:
            self._world.spawn(self._follow(), "next late reader")

    async def _follow(self) -> None:
        await self._world.sleep(self._chance.randint(1, RESTART_MS_MAX))
        self._start()

    async def _live(self, process: Process) -> None:
        reader = LateReader(
            shards=_Shards(self._shelves, process, self._shards),
            books=_Books(SimWarehouse(self._world, process, self._vault), self._vault),
            log=KafkaVerdicts(SimPublisher(self._world, process, self._topics)),
            clock=process,
            metrics=self._metrics,
        )
        while True:
            try:
                said = await reader.round()
            except RecoverableError as fault:
                said = 0
                self._world.trace(f"late events wait: {fault}")
            except Killed:
                return
            if not said:
                await self._world.sleep(self._chance.randint(1, POLL_MS_MAX))


class _Shards:
    """See ``streams.late.ports.LateShards``."""

    def __init__(self, shelves: Shelves, actor: Process, shards: int) -> None:
        self._stores = {shard: shelves.store(actor, ShardId(shard)) for shard in range(shards)}

    async def waiting(self) -> Mapping[int, Waiting]:
        found: dict[int, Waiting] = {}
        for shard, store in self._stores.items():
            cursor = await store.cursor()
            value = await store.result(Kind.META, META_FIELD)
            meta = None if value is None else decode_as(Meta, value)
            if meta is not None and meta.late_done < meta.late_next:
                offset = START_OFFSET if cursor is None else cursor.offset
                found[shard] = Waiting(meta.late_done, meta.late_next, offset)
        return found


class _Books:
    """See ``streams.late.ports.LateBooks``; the vault's rows, looked through by hand."""

    def __init__(self, reader: SimWarehouse, vault: Vault) -> None:
        self._reader = reader
        self._vault = vault

    def reached(self) -> Mapping[int, int]:
        found = reached_by(self._reader, Stream.APPLIED)
        return {shard: reached.next for shard, reached in found.items()}

    def late_items(self, wanted: Mapping[int, tuple[int, int]], limit: int) -> Sequence[LateItem]:
        names = ("shard", "number", "sequence", "path", "event")
        items: list[LateItem] = []
        for shard, number, sequence, path, event in self._cells(LATE_USAGE, names):
            place = (int(str(shard)), int(str(number)), int(str(sequence)))
            first, end = wanted.get(place[0], (0, 0))
            if place[1] >= first and place[2] < end:
                said = _event.decode(b64decode(str(event)))
                items.append(LateItem(*place, str(path), said))
        items.sort(key=lambda item: (item.shard, item.number))
        return [
            item
            for shard in wanted
            for item in [each for each in items if each.shard == shard][:limit]
        ]

    def applied_names(self, events: Sequence[UsageEvent]) -> Sequence[AppliedName]:
        wanted = {(each.tenant, each.source, each.id, each.subject) for each in events}
        names = (
            "tenant", "source", "id", "subject", "type", "event_at_ms", "session", "content",
            "outcome",
        )  # fmt: skip
        found: list[AppliedName] = []
        for *cells, outcome in self._cells(USAGE_EVENTS, names):
            tenant, source, name, subject, kind, at, session, content = map(str, cells)
            if outcome == "applied" and (tenant, source, name, subject) in wanted:
                found.append(
                    AppliedName(tenant, source, name, subject, kind, int(at), session, content)
                )
        return list(dict.fromkeys(found))

    def sealed_lives(self, events: Sequence[UsageEvent]) -> Sequence[SealedLife]:
        wanted = {(each.tenant, each.subject, each.source, each.session or "") for each in events}
        names = (
            "tenant", "subject", "source", "session", "incarnation", "revision", "start_ms",
            "end_ms", "sealed",
        )  # fmt: skip
        last: dict[tuple[str, ...], tuple[int, SealedLife]] = {}
        for cells in self._cells(CDRS, names):
            tenant, subject, source, session, number, revision, start, end, sealed = map(str, cells)
            name = (tenant, subject, source, session)
            life = SealedLife(*name, int(number), int(start), int(end), b64decode(sealed))
            known = last.get((*name, number))
            if name in wanted and (known is None or int(revision) > known[0]):
                last[*name, number] = (int(revision), life)
        return [life for _, life in last.values()]

    def _cells(self, table: Table, names: Sequence[str]) -> list[tuple[Cell, ...]]:
        """Some columns of all rows, as one question sees them."""
        pick = itemgetter(*(table.columns.index(name) for name in names))
        return self._reader.look(
            Point.QUERY, lambda: [pick(row) for row in self._vault.rows[table.name]]
        )
