"""How much of requests this process holds: bytes until Kafka has what was in them, and requests.

Invariant: never more bytes than the limit, and of one tenant never more than its share, however
many requests bring them and however slowly: a tenant that fills its share leaves room for others.
A request that is over gives back all that it held. It does not own what is made of the bytes.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from ingest.limits import IntakeLimits
from schemas.errors import RecoverableError


class NoRoom(RecoverableError):
    """Too much is held already: the sender is asked to come again."""


@dataclass(slots=True)
class _Share:
    """What the requests of one tenant hold."""

    requests: int = 0
    size: int = 0


class Held:
    """What one request holds."""

    def __init__(self, room: "Room", tenant: str, share: _Share) -> None:
        """Begin with nothing.

        Args:
            room: Where it is counted.
            tenant: Whose request it is.
            share: That tenant's in the room.
        """
        self._room = room
        self._tenant = tenant
        self._share = share
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            NoRoom: There is no room for them; what was held before is held still.
        """
        room, share = self._room, self._share
        if share.size + size > room.tenant_bytes_max:
            raise NoRoom(
                f"requests of tenant {self._tenant} hold {share.size} bytes of at most "
                f"{room.tenant_bytes_max}, being read or not in Kafka yet; send again later"
            )
        if room.size + size > room.bytes_max:
            raise NoRoom(
                f"requests of all tenants hold {room.size} bytes of at most {room.bytes_max}, "
                "being read or not in Kafka yet; send again later"
            )
        room.size += size
        share.size += size
        self.size += size


class Room:
    """The requests in work of all tenants."""

    def __init__(self, limits: IntakeLimits) -> None:
        """Begin empty.

        Args:
            limits: Of bytes and requests.
        """
        self.bytes_max = limits.pending_bytes_max
        self.tenant_bytes_max = limits.tenant_bytes_max
        self.size = 0
        self._requests_max = limits.tenant_requests_max
        # Only of those who hold something.
        self._shares: dict[str, _Share] = {}

    @contextmanager
    def taken(self, tenant: str) -> Generator[Held]:
        """Room for one request, given back when the block is left.

        Args:
            tenant: Whose request it is.

        Raises:
            NoRoom: As many of its requests as may be are in work.
        """
        share = self._shares.setdefault(tenant, _Share())
        if share.requests >= self._requests_max:
            raise NoRoom(
                f"{share.requests} requests of tenant {tenant} are in work here; send again later"
            )
        share.requests += 1
        held = Held(self, tenant, share)
        try:
            yield held
        finally:
            self.size -= held.size
            share.size -= held.size
            share.requests -= 1
            if not share.requests:
                del self._shares[tenant]
