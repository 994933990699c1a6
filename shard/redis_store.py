"""A shard's state in Redis: bytes by hash and field, written by one compare-and-write script.

Invariant: all keys of a shard carry its hash tag, so they live in one slot; the cursor is written
last by the same script as the state that belongs to it, or nothing is written.
It does not own what the bytes mean (``shard.state``) nor when to try again (the owner).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, TypeVar, cast

import hiredis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from schemas.errors import CursorMoved, RecoverableError, ShardHeld, ShardStopped
from schemas.ids import ShardId
from shard.cursor import HELD, Cursor, decode_cursor, encode_cursor
from shard.port import HOLD_S, Changes, Field

SHARDS_KEY = "ncash:shards"
POLICY = "noeviction"
# What one script may do; the owner cuts its batches so that they stay below (design, "Traps").
SESSIONS_PER_SCRIPT_MAX = 500
FIELDS_PER_LOAD = 1_000
SCAN_SLICE = 500
KEYS_SLICE = 1_000
CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 10

Client = Redis | RedisCluster
T = TypeVar("T")


def open_redis(url: str, *, is_cluster: bool = False) -> Client:
    """A client that raises at once instead of trying again by itself; nothing is connected yet.

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``.
        is_cluster: Whether the address is a node of a Redis Cluster.
    """
    kind: Any = RedisCluster if is_cluster else Redis
    client: Client = kind.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        # A write whose answer was lost must come back to the owner, who reads the cursor.
        retry=Retry(NoBackoff(), 0),
    )
    if isinstance(client, Redis):
        pool = client.connection_pool
        pool.connection_class = _packed(pool.connection_class)
    return client


def _packed(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """The kind of connection with hiredis' packing of commands, as redis-py's blocking one has.

    The script's thousands of arguments cost eight times as much to pack in Python.
    """
    # Its stub says a tuple of one; it takes any.
    packed = cast("Callable[[tuple[str | int | bytes, ...]], bytes]", hiredis.pack_command)

    def pack_command(_: AbstractConnection, name: str, *words: str | int | bytes) -> list[bytes]:
        # redis-py writes a name of two words as one.
        return [packed((*name.split(), *words))]

    return type(f"Packed{kind.__name__}", (kind,), {"pack_command": pack_command})


async def check_redis(client: Client, shards: int) -> list[str]:
    """Refuses a Redis that could lose state by itself, or that belongs to another layout.

    Args:
        client: Of the server.
        shards: How many shards this program was told; stored by the first to come.

    Returns:
        Warnings for the log.

    Raises:
        RecoverableError: The server cannot be reached.
        ShardStopped: The server evicts keys, or holds another number of shards.
    """
    memory = await _guarded(_call(client, "INFO", "memory"))
    policy = _info(memory).get("maxmemory_policy", POLICY)
    if policy != POLICY:
        raise ShardStopped(
            f"Redis has maxmemory-policy {policy}, under which it drops wallets when memory is "
            f"short; set maxmemory-policy {POLICY}"
        )
    await _guarded(_call(client, "SET", SHARDS_KEY, str(shards), "NX"))
    stored = int(cast("bytes", await _guarded(_call(client, "GET", SHARDS_KEY))))
    if stored != shards:
        raise ShardStopped(
            f"Redis holds the state of {stored} shards, the settings say {shards}; the number of "
            f"shards cannot be changed: set it back to {stored}"
        )
    kept = _info(await _guarded(_call(client, "INFO", "persistence")))
    if kept.get("aof_enabled", "0") != "1":
        return ["Redis has no append-only file: after a restart its state is replayed from the log"]
    return []


class RedisStore:
    """State of one shard in Redis.

    Args:
        client: Shared by the process; this class never closes it.
        shard: Which shard.
    """

    def __init__(self, client: Client, shard: ShardId) -> None:
        self._client = client
        self._tag = f"{{{shard}}}"
        self._cursor_key = self._key("cursor")
        self._lease_key = self._key("held")

    async def cursor(self) -> Cursor | None:
        """See ``shard.port.Store``."""
        value = await _guarded(_call(self._client, "GET", self._cursor_key))
        return None if value is None else decode_cursor(cast("bytes", value))

    async def load(self, wanted: Mapping[str, list[Field]]) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        return (await self._load(wanted))[1]

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        cursor, loaded = await self._load(wanted)
        if cursor != (None if at is None else encode_cursor(at)):
            raise CursorMoved(f"shard {self._tag}: the stored cursor is not the one in memory")
        return loaded

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        found: dict[bytes, bytes] = {}
        async for _, part in self._slices(name):
            found.update(part)
        return found

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        found: dict[bytes, bytes] = {}
        async for cursor, part in self._slices(name):
            if cursor != encode_cursor(at):
                raise CursorMoved(f"shard {self._tag}: the cursor moved while its state was loaded")
            found.update(part)
        return found

    async def some_fields(self, name: str, count: int) -> list[bytes]:
        """See ``shard.port.Store``."""
        answer = await _guarded(_call(self._client, "HRANDFIELD", self._key(name), str(count)))
        return cast("list[bytes]", answer)

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        """See ``shard.port.Store``."""
        before = b"" if expected is None else encode_cursor(expected)
        keys, arguments = self._operations(changes)
        script = (len(keys) + 1, self._cursor_key, *keys, before, encode_cursor(new), *arguments)
        written = await _guarded(_evaluate(self._client, _APPLY_SCRIPT, script))
        if not written:
            raise CursorMoved(f"shard {self._tag}: the stored cursor is not the expected one")

    async def names(self) -> list[str]:
        """See ``shard.port.WholeStore``; goes through the names of all keys, of every shard."""
        keys: set[str] = set()
        scan: Any = cast("Any", self._client).scan_iter(match=f"{self._tag}:*", count=KEYS_SLICE)
        found = cast("AsyncIterator[bytes]", scan)
        while True:
            key = await _guarded(anext(found, None))
            if key is None:
                break
            keys.add(key.decode())
        return [key[len(self._tag) + 1 :] for key in sorted(keys - self._not_hashes())]

    async def slice_at(
        self, name: str, position: int, at: Cursor
    ) -> tuple[int, dict[bytes, bytes]]:
        """See ``shard.port.WholeStore``."""
        cursor, following, part = await self._slice(name, position)
        if cursor != encode_cursor(at):
            raise CursorMoved(f"shard {self._tag}: the cursor moved while its state was copied")
        return following, part

    async def hold(self, token: bytes) -> None:
        """See ``shard.port.WholeStore``."""
        if not await self._held("hold", token, (), HELD):
            raise ShardHeld(
                f"shard {self._tag} is being made again by somebody else; wait until that is done "
                f"or, if whoever did it was killed, {HOLD_S} s"
            )

    async def clear(self, token: bytes) -> None:
        """See ``shard.port.WholeStore``."""
        names = await self.names()
        # Once at least: that the token is there is asked even where there is nothing.
        for start in range(0, max(1, len(names)), KEYS_SLICE):
            await self._must_hold("clear", token, names[start : start + KEYS_SLICE])

    async def fill(self, token: bytes, name: str, values: Mapping[bytes, bytes]) -> None:
        """See ``shard.port.WholeStore``."""
        if values:
            flat = (part for pair in values.items() for part in pair)
            await self._must_hold("fill", token, (name,), *flat)

    async def release(self, token: bytes, cursor: Cursor | None) -> None:
        """See ``shard.port.WholeStore``."""
        value = b"" if cursor is None else encode_cursor(cursor)
        await self._must_hold("release", token, (), value)

    async def close(self) -> None:
        """See ``shard.port.Store``; the client is the process's and stays open."""

    def _key(self, name: str) -> str:
        return f"{self._tag}:{name}"

    def _not_hashes(self) -> set[str]:
        return {self._cursor_key, self._lease_key}

    async def _held(self, what: str, token: bytes, names: Sequence[str], *arguments: bytes) -> bool:
        keys = (self._cursor_key, self._lease_key, *(self._key(name) for name in names))
        lease_ms = str(HOLD_S * 1_000)
        words: tuple[Field, ...] = (*keys, what, token, lease_ms, *arguments)
        script = (len(keys), *words)
        return await _guarded(_evaluate(self._client, _HELD_SCRIPT, script))

    async def _must_hold(
        self, what: str, token: bytes, names: Sequence[str], *arguments: bytes
    ) -> None:
        if not await self._held(what, token, names, *arguments):
            raise CursorMoved(f"shard {self._tag}: somebody else makes it again now")

    async def _load(
        self, wanted: Mapping[str, list[Field]]
    ) -> tuple[bytes | None, dict[str, list[bytes | None]]]:
        """The cursor and the values, read at one moment."""
        parts = [
            (name, fields[start : start + FIELDS_PER_LOAD])
            for name, fields in wanted.items()
            for start in range(0, len(fields), FIELDS_PER_LOAD)
        ]
        pipeline = await _transaction(self._client)
        pipeline.get(self._cursor_key)
        for name, part in parts:
            pipeline.hmget(self._key(name), part)
        answers = cast("Awaitable[list[Any]]", pipeline.execute())
        cursor, *found = await _guarded(answers)
        loaded: dict[str, list[bytes | None]] = {name: [] for name in wanted}
        for (name, _), values in zip(parts, found, strict=True):
            loaded[name].extend(values)
        return cursor, loaded

    async def _slices(self, name: str) -> AsyncIterator[tuple[bytes | None, dict[bytes, bytes]]]:
        """A whole hash, slice by slice, each with the cursor at its moment."""
        position = 0
        while True:
            cursor, position, part = await self._slice(name, position)
            yield cursor, part
            if not position:
                return
            # A long load must not starve the timers that keep this process in its group.
            await asyncio.sleep(0)

    async def _slice(
        self, name: str, position: int
    ) -> tuple[bytes | None, int, dict[bytes, bytes]]:
        pipeline = await _transaction(self._client)
        pipeline.get(self._cursor_key)
        pipeline.hscan(self._key(name), position, count=SCAN_SLICE)
        cursor, answer = await _guarded(cast("Awaitable[list[Any]]", pipeline.execute()))
        following, part = cast("tuple[int, dict[bytes, bytes]]", answer)
        return cursor, following, part

    def _operations(self, changes: Changes) -> tuple[list[str], list[Field]]:
        keys: list[str] = []
        arguments: list[Field] = []
        for name in changes.dropped:
            keys.append(self._key(name))
            arguments += ("D", "0")
        for name, fields in changes.removed.items():
            if fields:
                keys.append(self._key(name))
                arguments += ("R", str(len(fields)), *fields)
        for name, values in changes.put.items():
            if values:
                keys.append(self._key(name))
                arguments += ("P", str(2 * len(values)))
                for pair in values.items():
                    arguments += pair
        return keys, arguments


async def load_everywhere(
    client: Client, shards: int, name: str, field: Field
) -> list[tuple[bytes | None, bytes | None]]:
    """Cursor and one field of the same hash of every shard, in one round trip.

    They are not of one moment: the field is as new as the cursor, or newer.

    Raises:
        RecoverableError: The server cannot be reached.
    """
    # As in ``_transaction``: the types of pipelines differ.
    pipeline: Any = cast("Any", client).pipeline(transaction=False)
    for shard in range(shards):
        pipeline.get(f"{{{shard}}}:cursor").hget(f"{{{shard}}}:{name}", field)
    answers = cast("list[bytes | None]", await _guarded(pipeline.execute()))
    return list(zip(answers[::2], answers[1::2], strict=True))


class _Script:
    """A script, by its text and by the name that Redis gives it."""

    def __init__(self, file: str) -> None:
        self.text = files("shard").joinpath(file).read_text("utf-8")
        # Nothing rests on its strength.
        self.digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_APPLY_SCRIPT = _Script("apply.lua")
_HELD_SCRIPT = _Script("held.lua")


async def _evaluate(client: Client, script: _Script, words: tuple[int | Field, ...]) -> bool:
    """Runs a script by its digest; sends its text where the server has forgotten it."""
    try:
        return bool(await _call(client, "EVALSHA", script.digest, *words))
    except NoScriptError:
        return bool(await _call(client, "EVAL", script.text, *words))


async def _transaction(client: Client) -> Any:  # noqa: ANN401 -- redis-py's types differ
    """A pipeline whose commands are done at one moment.

    A cluster's runs each of its commands in an event loop of another thread. A client that does not
    yet know the cluster would get to know it there, by connections that are of no use here.
    """
    if isinstance(client, RedisCluster):
        await _guarded(cast("Awaitable[object]", client.initialize()))
    return cast("Any", client).pipeline(transaction=True)


def _call(client: Client, *command: object) -> Awaitable[object]:
    return cast("Callable[..., Awaitable[object]]", client.execute_command)(*command)


async def _guarded(answer: Awaitable[T]) -> T:
    """An answer of Redis, with its failures told as what the caller is to do."""
    try:
        return await answer
    except ResponseError as error:
        text = str(error)
        if "WRONGTYPE" in text:
            raise ShardStopped(f"Redis holds something else under our keys: {text}") from error
        if "OOM" in text:
            raise RecoverableError(
                f"Redis is out of memory, nothing was written: {text}"
            ) from error
        raise RecoverableError(f"Redis refused: {text}") from error
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise RecoverableError(f"Redis cannot be reached: {error!r}") from error


def _info(answer: object) -> dict[str, str]:
    """INFO of one server, or of the first node of a cluster, which all are set alike."""
    fields = cast("dict[str, object]", answer)
    first = next(iter(fields.values()), None)
    if isinstance(first, dict):
        fields = cast("dict[str, object]", first)
    return {name: str(value) for name, value in fields.items()}
