"""A money request from its key to its result.

Invariant: the first command of a key decides, in its shard; here nothing is decided, so two callers
with one key, or one who asks again, get the same answer. Whoever hears nothing may ask again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from api.limits import ANSWER_GRACE_MS, ApiLimits
from api.ports import CommandLog, ShardLag
from api.problems import Problem
from runtime.clock import Clock
from runtime.keys import ApiKey
from schemas.commands import Body, Command, Result, request_hash
from schemas.errors import RecoverableError
from schemas.legs import arrival_key
from schemas.moment import SECOND_MS

Pause = Callable[[float], Awaitable[None]]


class Results(Protocol):
    """The stored results; ``api.ports.LiveState`` is one."""

    def shard_of(self, tenant: str, member: str) -> int:
        """See ``api.ports.LiveState``."""
        ...

    async def result(
        self, tenant: str, member: str, key: str, *, shard: int | None = None
    ) -> Result | None:
        """See ``api.ports.LiveState``."""
        ...


class Desk(Protocol):
    """What asking needs of the parts behind the API; ``api.services.Services`` is one."""

    @property
    def live(self) -> Results:
        """Stored results."""
        ...

    @property
    def commands(self) -> CommandLog:
        """Where money requests go."""
        ...

    @property
    def lag(self) -> ShardLag:
        """How far shards are behind."""
        ...

    @property
    def clock(self) -> Clock:
        """Deadlines."""
        ...

    @property
    def limits(self) -> ApiLimits:
        """Bounds of waiting."""
        ...


_canonical = msgspec.msgpack.Encoder(order="deterministic")


def hash_of_request(method: str, path: str, tenant: str, body: dict[str, str | int]) -> bytes:
    """What tells a repeat of a request from another request under the same key.

    Args:
        method: Of HTTP.
        path: With ids in place.
        tenant: Of the key.
        body: As it was understood, so that "10" and "10.0" are the same request.
    """
    return request_hash(_canonical.encode((method, path, tenant, body)))


def command_of(  # noqa: PLR0917 -- the parts of a command, each of another type
    services: Desk, key: ApiKey, member: str, name: str, hashed: bytes, body: Body
) -> Command:
    """What a request asks for, as it goes into the log.

    Args:
        services: Deadline.
        key: Of the caller.
        member: Who decides.
        name: Idempotency-Key.
        hashed: Of the request.
        body: What is asked.
    """
    return Command(
        tenant=key.tenant,
        member=member,
        key=name,
        request_hash=hashed,
        deadline_ms=services.clock.wall_ms() + services.limits.command_timeout_ms,
        actor=key.id,
        body=body,
    )


async def ask(
    services: Desk,
    command: Command,
    *,
    shard: int | None = None,
    pause: Pause = asyncio.sleep,
) -> tuple[Result, bool]:
    """Get a command's result: the stored one, or that of appending it now.

    Args:
        services: Parts behind the API.
        command: To be decided by its member's shard.
        shard: Which decides in that one's place, of a command that is of no member.
        pause: Waits some seconds.

    Returns:
        The result, and whether it was there before.

    Raises:
        Problem: ``idempotency-key-reused``, ``shard-behind`` (nothing was appended) or
            ``outcome-unknown``.
        RecoverableError: A part could not be reached before anything was appended.
    """
    if shard is None:
        shard = services.live.shard_of(command.tenant, command.member)
    name = (command.tenant, command.member, command.key)
    stored = await services.live.result(*name, shard=shard)
    if stored is not None:
        return _same(stored, command), True
    behind = await services.lag.records_behind(shard)
    if behind > services.limits.shard_lag_max:
        raise Problem(
            "shard-behind",
            f"{behind} records wait before it; nothing was changed, ask again later",
            headers=_retry_after(services),
        )
    try:
        await services.commands.append(shard, command)
        result = await _awaited(services, name, pause, shard=shard)
    except RecoverableError as error:
        raise _unknown(services, str(error)) from error
    if result is None:
        raise _unknown(services, "no result came in time")
    return _same(result, command), False


async def await_arrival(
    services: Desk, tenant: str, receiver: str, name: str, *, pause: Pause = asyncio.sleep
) -> Result:
    """What became of money that is on its way to another member.

    Args:
        services: Parts behind the API.
        tenant: Of both members.
        receiver: Who is to have it.
        name: Of the transfer, as its legs have it.
        pause: Waits some seconds.

    Raises:
        Problem: ``outcome-unknown``: it has not arrived in time, and may still.
    """
    try:
        arrived = await _awaited(services, (tenant, receiver, arrival_key(name)), pause)
    except RecoverableError as error:
        raise _unknown(services, str(error)) from error
    if arrived is None:
        raise _unknown(services, "the money is on its way")
    return arrived


async def _awaited(
    services: Desk, name: tuple[str, str, str], pause: Pause, *, shard: int | None = None
) -> Result | None:
    limits, clock = services.limits, services.clock
    end_ms = clock.monotonic_ms() + limits.command_timeout_ms + ANSWER_GRACE_MS
    wait_ms = limits.poll_first_ms
    while True:
        result = await services.live.result(*name, shard=shard)
        if result is not None or clock.monotonic_ms() >= end_ms:
            return result
        await pause(wait_ms / SECOND_MS)
        wait_ms = min(2 * wait_ms, limits.poll_max_ms)


def _same(result: Result, command: Command) -> Result:
    if result.request_hash != command.request_hash:
        raise Problem(
            "idempotency-key-reused",
            "this member's key named another request before; use a new key for a new request",
        )
    return result


def _unknown(services: Desk, detail: str) -> Problem:
    return Problem(
        "outcome-unknown",
        f"{detail}; the request may still be done: ask again with the same key",
        headers=_retry_after(services),
    )


def _retry_after(services: Desk) -> dict[str, str]:
    return {"Retry-After": str(services.limits.retry_after_s)}
