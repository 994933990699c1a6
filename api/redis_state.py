"""The shards' state as Redis holds it, read only.

Invariant: nothing is written and nothing decided here; a list goes on exactly after the place
where it stopped, whatever was written in between. What bytes mean is said beside their structs.
"""

import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, cast

from redis.exceptions import RedisClusterException, RedisError

from api.limits import EARLIER_INCARNATIONS_MAX
from api.ports import Place, SessionName
from rating.session import Session, decode_session, past_field, session_field
from schemas.commands import Result
from schemas.errors import RecoverableError
from schemas.ids import SEPARATOR, ShardId, joined, shard_of
from shard.orders import result_field
from shard.port import Field, Kind
from shard.redis_store import Client, RedisStore
from shard.state import META_FIELD, Meta, Seen, decode_as
from wallet.wallet import Wallet, decode_wallet

SCAN_SLICE = 1_000
HASHES_PER_LOOK = 1_000
T = TypeVar("T")


class _Commands(Protocol):
    def execute_command(self, *command: str | int) -> Awaitable[object]: ...


class RedisState:
    """See ``api.ports.LiveState``.

    Args:
        client: Shared by the process; this class never closes it.
        shards: Stored number of shards.
    """

    def __init__(self, client: Client, shards: int) -> None:
        self._client = client
        self._shards = shards

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
        return await self._ordered(
            Kind.WALLETS, tenant, after, limit, decode_wallet, lambda _: True
        )

    async def every_wallet(self, tenant: str) -> AsyncIterator[Wallet]:
        """See ``api.ports.LiveState``."""
        for shard in range(self._shards):
            # Redis may show a field twice while it resizes a hash; a total counts it once.
            known: set[bytes] = set()
            async for field, value in self._scan(shard, Kind.WALLETS, tenant):
                if field not in known:
                    known.add(field)
                    yield decode_wallet(value)

    async def result(self, tenant: str, member: str, key: str) -> Result | None:
        """See ``api.ports.LiveState``."""
        field = result_field(tenant, member, key)
        value = await self._value(tenant, member, Kind.RESULTS, field)
        return None if value is None else decode_as(Result, value)

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

    async def open_sessions(
        self,
        tenant: str,
        *,
        after: Place | None,
        limit: int,
        accepts: Callable[[Session], bool],
    ) -> list[tuple[Place, Session]]:
        """See ``api.ports.LiveState``."""
        return await self._ordered(Kind.SESSIONS, tenant, after, limit, decode_session, accepts)

    async def open_sessions_of(self, tenant: str, member: str) -> list[tuple[Place, Session]]:
        """See ``api.ports.LiveState``."""
        wallet = await self.wallet(tenant, member)
        if wallet is None or not wallet.open_sessions:
            return []
        shard = self.shard_of(tenant, member)
        fields: list[Field] = list(wallet.open_sessions)
        values = (await self._store(shard).load({Kind.SESSIONS: fields}))[Kind.SESSIONS]
        pairs = zip(wallet.open_sessions, values, strict=True)
        return [
            (Place(shard, field), decode_session(value))
            for field, value in pairs
            if value is not None
        ]

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

    async def _ordered(  # noqa: PLR0917 -- each of another type
        self,
        kind: Kind,
        tenant: str,
        after: Place | None,
        limit: int,
        decoded: Callable[[bytes], T],
        accepts: Callable[[T], bool],
    ) -> list[tuple[Place, T]]:
        """The next items by shard and field; one pass over a shard's hash for each page."""
        found: list[tuple[Place, T]] = []
        for shard in range(0 if after is None else after.shard, self._shards):
            last = after.field if after is not None and after.shard == shard else ""
            wanted = limit - len(found)
            least: dict[str, T] = {}
            async for raw, value in self._scan(shard, kind, tenant):
                field = raw.decode()
                if field <= last:
                    continue
                item = decoded(value)
                if accepts(item):
                    least[field] = item
                if len(least) >= wanted + SCAN_SLICE:
                    least = {name: least[name] for name in heapq.nsmallest(wanted, least)}
            found += [(Place(shard, name), least[name]) for name in heapq.nsmallest(wanted, least)]
            if len(found) >= limit:
                break
        return found

    async def _scan(
        self, shard: int, kind: Kind, tenant: str
    ) -> AsyncIterator[tuple[bytes, bytes]]:
        key, pattern = f"{{{shard}}}:{kind}", f"{_literal(tenant)}{SEPARATOR}*"
        position = 0
        while True:
            answer = await self._call(
                "HSCAN", key, str(position), "MATCH", pattern, "COUNT", SCAN_SLICE
            )
            position, part = cast("tuple[int, dict[bytes, bytes]]", answer)
            for pair in part.items():
                yield pair
            if not position:
                return

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
