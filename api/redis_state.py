"""The shards' state as Redis holds it, read only.

Invariant: nothing is written and nothing decided here; a list goes on after the place where it
stopped, whatever was written in between, and leaves out nothing that was there all the while. What
is read of many tenants is read in slices, and takes turns. What bytes mean is said beside their
structs.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, cast

from redis.exceptions import RedisClusterException, RedisError

from api.limits import EARLIER_INCARNATIONS_MAX, SCAN_TURNS, ScanLimits
from api.ports import OpenSessions, Place, ScanPlace, SessionName
from api.turns import Turns
from rating.session import Session, decode_session, past_field, session_field
from schemas.commands import Result
from schemas.control import SessionRef
from schemas.errors import RecoverableError
from schemas.ids import SEPARATOR, ShardId, joined, member_field, shard_of
from schemas.passes import BoughtPass
from shard.orders import result_field
from shard.port import Field, Kind
from shard.redis_store import Client, RedisStore
from shard.stored import META_FIELD, Bought, Meta, Seen, decode_as
from wallet.consents import NONE, Consents, decode_consents
from wallet.wallet import Wallet, decode_wallet

SCAN_SLICE = 1_000
HASHES_PER_LOOK = 1_000


class _Commands(Protocol):
    def execute_command(self, *command: str | int) -> Awaitable[object]: ...


class RedisState:
    """See ``api.ports.LiveState``.

    Args:
        client: Shared by the process; this class never closes it.
        shards: Stored number of shards.
        scan: How much one page of live sessions looks at.
    """

    def __init__(self, client: Client, shards: int, scan: ScanLimits | None = None) -> None:
        self._client = client
        self._shards = shards
        self._scan_limits = scan or ScanLimits()
        self._turns = Turns(SCAN_TURNS)

    def shard_of(self, tenant: str, member: str) -> int:
        """See ``api.ports.LiveState``."""
        return shard_of(tenant, member, self._shards)

    async def ping(self) -> None:
        """Return when Redis answers.

        Raises:
            RecoverableError: It does not.
        """
        await self._call("PING")

    async def wallet(self, tenant: str, member: str) -> Wallet | None:
        """See ``api.ports.LiveState``."""
        value = await self._value(tenant, member, Kind.WALLETS, joined(tenant, member))
        return None if value is None else decode_wallet(value)

    async def wallets(
        self, tenant: str, *, after: Place | None, limit: int
    ) -> list[tuple[Place, Wallet]]:
        """See ``api.ports.LiveState``."""
        async with self._turns.turn(tenant):
            return await self._wallets(tenant, after, limit)

    async def every_wallet(self, tenant: str) -> AsyncIterator[Wallet]:
        """See ``api.ports.LiveState``."""
        async with self._turns.turn(tenant):
            for shard in range(self._shards):
                # Redis may show a field twice while it resizes a hash; a total counts it once.
                known: set[bytes] = set()
                async for field, value in self._scan(shard, Kind.WALLETS, tenant):
                    if field not in known:
                        known.add(field)
                        yield decode_wallet(value)

    async def result(
        self, tenant: str, member: str, key: str, *, shard: int | None = None
    ) -> Result | None:
        """See ``api.ports.LiveState``."""
        store = self._store(self.shard_of(tenant, member) if shard is None else shard)
        wanted: list[Field] = [result_field(tenant, member, key)]
        [value] = (await store.load({Kind.RESULTS: wanted}))[Kind.RESULTS]
        return None if value is None else decode_as(Result, value)

    async def passes(self, tenant: str, member: str) -> list[BoughtPass]:
        """See ``api.ports.LiveState``."""
        value = await self._value(tenant, member, Kind.BOUGHT, member_field(tenant, member))
        bought = {} if value is None else decode_as(Bought, value).by_tariff
        return [each for passes in bought.values() for each in passes]

    async def consents(self, tenant: str, member: str) -> Consents:
        """See ``api.ports.LiveState``."""
        value = await self._value(tenant, member, Kind.CONSENTS, joined(tenant, member))
        return NONE if value is None else decode_consents(value)

    async def session(self, tenant: str, name: SessionName) -> list[Session]:
        """See ``api.ports.LiveState``."""
        if name.subject is None:
            return []
        field = session_field(tenant, name.subject, name.source, name.session)
        store = self._store(self.shard_of(tenant, name.subject))
        found = await store.load({Kind.SESSIONS: [field], Kind.CLOSED: [field]})
        value = found[Kind.SESSIONS][0] or found[Kind.CLOSED][0]
        if value is None:
            return []
        lives = [decode_session(value)]
        while lives[-1].previous and len(lives) <= EARLIER_INCARNATIONS_MAX:
            place = past_field(field, lives[-1].previous)
            [value] = (await store.load({Kind.CLOSED: [place]}))[Kind.CLOSED]
            if value is None:
                break
            lives.append(decode_session(value))
        return lives

    async def held_sessions(
        self, tenant: str, names: Sequence[SessionRef]
    ) -> list[tuple[Session, Wallet]]:
        """See ``api.ports.LiveState``."""
        by_shard: dict[int, list[int]] = {}
        for place, name in enumerate(names):
            by_shard.setdefault(self.shard_of(tenant, name.subject), []).append(place)
        parts = await asyncio.gather(
            *(
                self._held(shard, tenant, [(place, names[place]) for place in places])
                for shard, places in by_shard.items()
            )
        )
        found = {place: held for part in parts for place, held in part.items()}
        return [found[place] for place in sorted(found)]

    async def _held(
        self, shard: int, tenant: str, names: Sequence[tuple[int, SessionRef]]
    ) -> dict[int, tuple[Session, Wallet]]:
        """The open ones of a shard, by their place in the question."""
        sessions: list[Field] = [
            session_field(tenant, name.subject, name.source, name.session) for _, name in names
        ]
        wallets: list[Field] = [joined(tenant, name.subject) for _, name in names]
        found = await self._store(shard).load({Kind.SESSIONS: sessions, Kind.WALLETS: wallets})
        pairs = zip(names, found[Kind.SESSIONS], found[Kind.WALLETS], strict=True)
        return {
            place: (decode_session(session), decode_wallet(wallet))
            for (place, _), session, wallet in pairs
            if session is not None and wallet is not None
        }

    async def open_sessions(
        self,
        tenant: str,
        *,
        after: ScanPlace | None,
        limit: int,
        accepts: Callable[[Session], bool],
    ) -> OpenSessions:
        """See ``api.ports.LiveState``."""
        place = after or ScanPlace(0, 0, "")
        found: list[Session] = []
        async with self._turns.turn(tenant):
            for _ in range(self._scan_limits.slices_max):
                position, part = await self._slice(
                    place.shard, place.position, Kind.SESSIONS, tenant,
                    self._scan_limits.slice_fields,
                )  # fmt: skip
                last = place.field
                for field, value in sorted((raw.decode(), value) for raw, value in part.items()):
                    session = decode_session(value)
                    if field <= place.field or not accepts(session):
                        continue
                    if len(found) == limit:
                        return OpenSessions(found, place._replace(field=last))
                    found.append(session)
                    last = field
                if position:
                    place = ScanPlace(place.shard, position, "")
                elif place.shard + 1 < self._shards:
                    place = ScanPlace(place.shard + 1, 0, "")
                else:
                    return OpenSessions(found, None)
        return OpenSessions(found, place)

    async def open_sessions_of(
        self,
        tenant: str,
        member: str,
        *,
        after: ScanPlace | None,
        limit: int,
        accepts: Callable[[Session], bool],
    ) -> OpenSessions:
        """See ``api.ports.LiveState``."""
        wallet = await self.wallet(tenant, member)
        if wallet is None or not wallet.open_sessions:
            return OpenSessions([], None)
        shard = self.shard_of(tenant, member)
        last = "" if after is None else after.field
        fields: list[Field] = [field for field in wallet.open_sessions if field > last]
        values = (await self._store(shard).load({Kind.SESSIONS: fields}))[Kind.SESSIONS]
        found = [
            (str(field), session)
            for field, value in zip(fields, values, strict=True)
            if value is not None and accepts(session := decode_session(value))
        ]
        rest = ScanPlace(shard, 0, found[limit - 1][0]) if len(found) > limit else None
        return OpenSessions([session for _, session in found[:limit]], rest)

    async def meta(self, shard: int) -> Meta | None:
        """See ``api.ports.LiveState``."""
        value = (await self._store(shard).load({Kind.META: [META_FIELD]}))[Kind.META][0]
        return None if value is None else decode_as(Meta, value)

    async def seen(self, shard: int, hashes: Sequence[str], key: bytes) -> Seen | None:
        """See ``api.ports.LiveState``."""
        for start in range(0, len(hashes), HASHES_PER_LOOK):
            part = hashes[start : start + HASHES_PER_LOOK]
            found = await self._store(shard).load({name: [key] for name in part})
            value = next((found[name][0] for name in part if found[name][0] is not None), None)
            if value is not None:
                return decode_as(Seen, value)
        return None

    async def _value(self, tenant: str, member: str, kind: Kind, field: str) -> bytes | None:
        store = self._store(self.shard_of(tenant, member))
        return (await store.load({kind: [field]}))[kind][0]

    async def _wallets(
        self, tenant: str, after: Place | None, limit: int
    ) -> list[tuple[Place, Wallet]]:
        """The next by shard and field; one pass over a shard's hash for each page."""
        found: list[tuple[Place, Wallet]] = []
        for shard in range(0 if after is None else after.shard, self._shards):
            last = after.field if after is not None and after.shard == shard else ""
            wanted = limit - len(found)
            least: dict[str, Wallet] = {}
            async for raw, value in self._scan(shard, Kind.WALLETS, tenant):
                field = raw.decode()
                if field <= last:
                    continue
                least[field] = decode_wallet(value)
                if len(least) >= wanted + SCAN_SLICE:
                    least = {name: least[name] for name in heapq.nsmallest(wanted, least)}
            found += [(Place(shard, name), least[name]) for name in heapq.nsmallest(wanted, least)]
            if len(found) >= limit:
                break
        return found

    async def _scan(
        self, shard: int, kind: Kind, tenant: str
    ) -> AsyncIterator[tuple[bytes, bytes]]:
        position = 0
        while True:
            position, part = await self._slice(shard, position, kind, tenant, SCAN_SLICE)
            for pair in part.items():
                yield pair
            if not position:
                return

    async def _slice(
        self, shard: int, position: int, kind: Kind, tenant: str, size: int
    ) -> tuple[int, dict[bytes, bytes]]:
        """The tenant's fields in one slice of a hash, and where the next slice is."""
        key, pattern = f"{{{shard}}}:{kind}", f"{_literal(tenant)}{SEPARATOR}*"
        answer = await self._call("HSCAN", key, str(position), "MATCH", pattern, "COUNT", size)
        return cast("tuple[int, dict[bytes, bytes]]", answer)

    def _store(self, shard: int) -> RedisStore:
        return RedisStore(self._client, ShardId(shard))

    async def _call(self, *command: str | int) -> object:
        # redis-py leaves open what a command by name answers, and types two clients apart.
        client = cast("_Commands", self._client)
        try:
            return await client.execute_command(*command)
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            raise RecoverableError(f"Redis cannot be reached: {error!r}") from error


def _literal(text: str) -> str:
    """The text as a pattern that only it matches."""
    return "".join(f"\\{sign}" if sign in r"\*?[]^-" else sign for sign in text)
