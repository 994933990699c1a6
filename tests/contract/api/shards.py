"""Shards that step real records and keep their state in a real Redis; only the log is a list."""

import asyncio
from collections.abc import Sequence

import msgspec

from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import digest_of, document_from_json
from schemas.commands import Command
from schemas.errors import RecoverableError
from schemas.frames import CatalogueVersion, Record, UsageFrame, encode_record
from schemas.ids import ShardId, shard_of
from schemas.legs import Leg
from schemas.outputs import Stream, decode_output, legs_of
from schemas.usage import UsageEvent
from shard.emission import LogRecord
from shard.loading import load_for, load_state
from shard.redis_store import Client, RedisStore
from shard.state import ShardState
from shard.step import step
from tests.contract.api.rows import RowWarehouse
from tests.support.bench_shard import CATALOGUE

SHARDS = 3
LOG = "test/shard.log.v1"
NOW_MS = 1_800_000_000_000

_CLUB = {
    "id": "club",
    "components": [
        {"kind": "time", "price": "1", "per_s": 1},
        {"kind": "flat", "price": "50", "period": "day", "starts": "purchase", "rolling": True,
         "renews": True},
        {"kind": "flat", "price": "900", "period": "month", "starts": "purchase"},
    ],
}  # fmt: skip
_CHAT = {
    "id": "chat",
    "components": [{"kind": "time", "price": "10", "per_s": 1}],
    "earns": {"who": "payee", "ppm": 700_000},
}
_TV = {
    **CATALOGUE["tenants"][0],
    "members": [{"id": "rich", "credit_limit": "500"}],
    "tariffs": [*CATALOGUE["tenants"][0]["tariffs"], _CLUB, _CHAT],
    "contents": [
        *CATALOGUE["tenants"][0]["contents"],
        {"id": "club", "provider": "kbs", "tariff": "club", "title": "Film Club"},
        {"id": "talk", "provider": "kbs", "tariff": "chat", "title": "Talk"},
    ],
}
_FM = {
    "id": "fm",
    "currency": "USD",
    "tariffs": [{"id": "t", "components": [{"kind": "time", "price": "0.01", "per_s": 1}]}],
    "contents": [{"id": "news", "provider": "abc", "tariff": "t"}],
}
BODY = msgspec.json.encode({"tenants": [_TV, _FM]})


class OneBody:
    """The catalogue bodies of a topic with one version."""

    def __init__(self) -> None:
        self._catalogue = compile_catalogue(document_from_json(BODY))

    def in_force(self) -> Catalogue:
        """See ``api.catalogue.Bodies``."""
        return self._catalogue

    def latest(self) -> tuple[int, str, bytes]:
        """See ``api.catalogue.Bodies``."""
        return 1, digest_of(BODY), BODY


class SteppedClock:
    """Time that stands still; durations grow by ``step_ms`` each time they are asked."""

    def __init__(self, step_ms: int = 1) -> None:
        self.now_ms = NOW_MS
        self.step_ms = step_ms
        self._passed_ms = 0

    def wall_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        return self.now_ms

    def monotonic_ms(self) -> int:
        """See ``runtime.clock.Clock``."""
        self._passed_ms += self.step_ms
        return self._passed_ms


class LiveShards:
    """All shards of a small system, and the command log and lag of the API.

    Args:
        client: Of a Redis of its own.
        warehouse: Takes what they put out.
        clock: Stamps of the log.
    """

    def __init__(self, client: Client, warehouse: RowWarehouse, clock: SteppedClock) -> None:
        self.warehouse = warehouse
        self.behind = 0
        self.is_down = False
        self.is_deaf = False
        self.holds_legs = False
        self._legs: list[Leg] = []
        self.appended: list[Command] = []
        self._clock = clock
        self._stores = [RedisStore(client, ShardId(shard)) for shard in range(SHARDS)]
        self._states: dict[int, ShardState] = {}
        self._next = [0] * SHARDS
        self._lock = asyncio.Lock()
        self._catalogue = compile_catalogue(document_from_json(BODY))

    async def start(self) -> None:
        """Puts the catalogue into force in every shard."""
        for shard, store in enumerate(self._stores):
            self._states[shard] = await load_state(store, ShardId(shard), LOG, self._body)
            await self.feed(shard, CatalogueVersion(1, digest_of(BODY)))

    async def append(self, shard: int, command: Command) -> None:
        """See ``api.ports.CommandLog``: the shard takes it at once, unless it is deaf."""
        if self.is_down:
            raise RecoverableError("Kafka did not confirm")
        self.appended.append(command)
        if not self.is_deaf:
            await self.feed(shard, command)

    async def ping(self) -> None:
        """The probe of the log."""
        if self.is_down:
            raise RecoverableError("Kafka does not answer")

    async def records_behind(self, shard: int) -> int:
        """See ``api.ports.ShardLag``."""
        return self.behind

    async def use(self, *events: UsageEvent, path: str = "http") -> None:
        """Lets usage events through their members' shards."""
        for shard in range(SHARDS):
            own = [each for each in events if shard_of(each.tenant, each.subject, SHARDS) == shard]
            if own:
                await self.feed(shard, UsageFrame(path, own))

    async def everywhere(self, record: Record) -> None:
        """Puts one record into every shard's log."""
        for shard in range(SHARDS):
            await self.feed(shard, record)

    async def feed(self, shard: int, record: Record) -> None:
        """One record: load, step, publish, apply."""
        async with self._lock:
            state, store = self._states[shard], self._stores[shard]
            expected = state.cursor if state.cursor.offset >= 0 else None
            log = LogRecord(self._next[shard], self._clock.wall_ms(), encode_record(record))
            self._next[shard] += 1
            await load_for(state, store, self._only(record), self._body)
            outputs = step(state, log, record)
            while not state.cursor.is_done:
                outputs.extend(step(state, log, record))
            self.warehouse.take(outputs)
            await store.apply(expected, state.cursor, state.take_changes())
            state.trim()
        for output in outputs:
            if output.stream is Stream.LEGS:
                self._legs += legs_of(decode_output(output.value))
        if not self.holds_legs:
            await self.release_legs()

    async def release_legs(self) -> None:
        """Puts all legs that wait into their targets' logs."""
        while self._legs:
            leg = self._legs.pop(0)
            await self.feed(leg.target, leg)

    def _only(self, record: Record) -> Sequence[Record]:
        return [record]

    async def _body(self, digest: str) -> Catalogue:
        assert digest == digest_of(BODY)
        return self._catalogue
