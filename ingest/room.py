"""How many bytes of requests this process holds until Kafka has what was in them.

Invariant: never more than the limit, however many requests bring them and however slowly; a
request that is over gives back all that it held. It does not own what is made of the bytes.
"""

from collections.abc import Generator
from contextlib import contextmanager

from schemas.errors import RecoverableError


class NoRoom(RecoverableError):
    """Too many bytes are held already: the sender is asked to come again."""


class Held:
    """What one request holds."""

    def __init__(self, room: "Room") -> None:
        """Begin with nothing.

        Args:
            room: Where it is counted.
        """
        self._room = room
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            NoRoom: There is no room for them; what was held before is held still.
        """
        room = self._room
        if room.held + size > room.bytes_max:
            raise NoRoom(f"{room.held} bytes of requests wait for Kafka; send again later")
        room.held += size
        self.size += size


class Room:
    """The bytes of all requests in work."""

    def __init__(self, bytes_max: int) -> None:
        """Begin empty.

        Args:
            bytes_max: The limit.
        """
        self.bytes_max = bytes_max
        self.held = 0

    @contextmanager
    def taken(self) -> Generator[Held, None, None]:
        """Room for one request, given back when the block is left."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.size
