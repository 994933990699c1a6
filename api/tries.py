"""How many PINs may be guessed wrong, by member, API key and address.

Invariant: a try is taken before the PIN is looked for and counts as wrong until it is known to be
right, so any number of guesses at once is bounded too; it is settled once, by its name, whoever
asks again. It is held in Redis, and outlives the API; nothing of money rests on it. Names are kept
as digests, for as long as a window.
"""

from collections.abc import Awaitable, Sequence
from hashlib import sha256
from importlib.resources import files
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple, Protocol, cast

from redis.exceptions import RedisClusterException, RedisError

from api.limits import TryLimits
from schemas.errors import RecoverableError
from schemas.ids import joined
from schemas.moment import SECOND_MS
from shard.redis_store import Client

_SCRIPT = files("api").joinpath("tries.lua").read_text("utf-8")
_IPV6_PREFIX = 64
_NAME_CHARS = 32
# Longer than any request waits for its answer.
FLIGHT_MS = 60 * SECOND_MS

Said = Literal["take", "wrong", "right"]


class Guesser(NamedTuple):
    """Who tries a PIN.

    Args:
        tenant: Whose card it would be.
        member: Who would have the money.
        key_id: Of the API key that asks.
        address: Where it comes from; empty where that is not known.
        name: Of the request: the member's Idempotency-Key.
    """

    tenant: str
    member: str
    key_id: str
    address: str
    name: str


class Throttle(Protocol):
    """See ``Tries``; every method raises ``RecoverableError``."""

    async def take(self, who: Guesser) -> int:
        """Takes a try.

        Returns:
            0 when taken, else how many milliseconds to wait; then nothing was taken.
        """
        ...

    async def settle(self, who: Guesser, *, was_wrong: bool) -> None:
        """Says what a try came to; one that is settled, or was never taken, is left as it is.

        One that nobody settles counts for ``FLIGHT_MS``.
        """
        ...


class _Commands(Protocol):
    def execute_command(self, *command: str | int) -> Awaitable[object]: ...


class Tries:
    """See ``Throttle``, in Redis.

    Args:
        client: Shared by the process; this class never closes it.
        limits: How many.
    """

    def __init__(self, client: Client, limits: TryLimits) -> None:
        # redis-py leaves open what a command by name answers, and types two clients apart.
        self._client = cast("_Commands", client)
        self._limits = limits

    async def take(self, who: Guesser) -> int:
        """See ``Throttle``."""
        taken: list[tuple[str, int]] = []
        for name, limit in self._counted(who):
            wait_ms = await self._said(who, name, "take", limit)
            if wait_ms:
                await self._settle(who, taken, "right")
                return wait_ms
            taken.append((name, limit))
        return 0

    async def settle(self, who: Guesser, *, was_wrong: bool) -> None:
        """See ``Throttle``."""
        await self._settle(who, self._counted(who), "wrong" if was_wrong else "right")

    def _counted(self, who: Guesser) -> list[tuple[str, int]]:
        """What a try counts against, and how many of each there may be."""
        limits = self._limits
        names = [
            ("key", who.key_id, limits.key),
            ("address", network_of(who.address), limits.address),
            ("member", who.member, limits.member),
        ]
        return [(_digest(who.tenant, kind, name), limit) for kind, name, limit in names if name]

    async def _settle(self, who: Guesser, taken: Sequence[tuple[str, int]], said: Said) -> None:
        for name, limit in taken:
            await self._said(who, name, said, limit)

    async def _said(self, who: Guesser, name: str, said: Said, limit: int) -> int:
        guess, window_ms = _digest(who.tenant, who.member, who.name), self._limits.window_ms
        keys = (f"ncash:tries:{{{name}}}:wrong", f"ncash:tries:{{{name}}}:flying")
        words = ("EVAL", _SCRIPT, 2, *keys, said, guess, limit, window_ms, FLIGHT_MS)
        try:
            return int(cast("int", await self._client.execute_command(*words)))
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            raise RecoverableError(f"Redis cannot be reached: {error!r}") from error


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the network that a household has.

    Args:
        address: An IP address, or anything else, which is taken as it is.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found.packed, _IPV6_PREFIX), strict=False))


def _digest(*names: str) -> str:
    return sha256(joined(*names).encode()).hexdigest()[:_NAME_CHARS]
