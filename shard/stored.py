"""What a shard stores beside wallets and sessions, and how.

Invariant: a value is a version byte and MessagePack; an unknown version stops the shard.
"""

from typing import Any, TypeVar

import msgspec

from schemas.cards import CardTerms
from schemas.commands import Result
from schemas.errors import UNREADABLE, ShardStopped
from schemas.ledger import ChargeLine
from schemas.passes import BoughtPass
from shard.domain import DomainClock

VERSION = 1
_PREFIX = bytes((VERSION,))
META_FIELD = "meta"
TIMELINES_FIELD = "timelines"

S = TypeVar("S", bound=msgspec.Struct)


class PassSold(msgspec.Struct, frozen=True, array_like=True):
    """A pass that a member has for a period.

    Args:
        amount_micros: What it cost.
        ledger_sequence: Transfer that paid it.
        line: Its charge line.
    """

    amount_micros: int
    ledger_sequence: int
    line: ChargeLine


class Bought(msgspec.Struct, frozen=True, array_like=True):
    """Passes that a member bought.

    Args:
        by_tariff: Those on each tariff; the next begins at or after the end of the one before.
    """

    by_tariff: dict[str, tuple[BoughtPass, ...]]


class Renewal(msgspec.Struct, frozen=True, array_like=True):
    """When a member's last pass on a tariff is to be followed by another."""

    due_ms: int


class Wake(msgspec.Struct, frozen=True, array_like=True):
    """When something of a member's wallet is due: the expiry of a lot."""

    due_ms: int


class NextLeg(msgspec.Struct, frozen=True, array_like=True):
    """Number of the leg that goes to another shard next, or is taken from it next."""

    number: int


class Card(msgspec.Struct, frozen=True, array_like=True):
    """A prepaid card, under its PIN's hash.

    Args:
        batch: Name of its batch.
        serial: In it.
        member: Who redeemed it, or empty.
        at_ms: When, or 0.
    """

    batch: str
    serial: int
    member: str = ""
    at_ms: int = 0


# Stretches of serial numbers, first and last of each; in order, and none touches another.
Runs = tuple[tuple[int, int], ...]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """A batch of cards, as far as they are of this shard.

    Args:
        terms: Of all its cards.
        made: How many are of this shard.
        active: Which serials are on sale, of the whole batch.
        blocked: Which are blocked.
        activated: How many of this shard's are on sale.
        redeemed: How many of them were redeemed.
        closed_ms: When the rest was written off, or 0.
    """

    terms: CardTerms
    made: int
    active: Runs = ()
    blocked: Runs = ()
    activated: int = 0
    redeemed: int = 0
    closed_ms: int = 0


class Serials(msgspec.Struct, frozen=True, array_like=True):
    """Which serial numbers of a batch are of this shard, in order."""

    numbers: tuple[int, ...]


class Timelines(msgspec.Struct, array_like=True):
    """Which catalogue said what a tariff costs from when on, for use that was begun before.

    Args:
        by_tariff: Moment and catalogue version of each, by tenant and tariff, in order.
    """

    by_tariff: dict[str, list[tuple[int, int]]]


class Counter(msgspec.Struct, frozen=True, array_like=True):
    """What was brought into a calendar period, and what was posted for it.

    Args:
        catalogue: Version that prices the period.
        brought: By provider: micro-units, or units of a meter.
        lines: What the period costs beside its sessions.
        parts: Providers' parts of that.
        told: Of a cap, by how much a longer cap was told that it changes what each provider brings
            in, by that one's rule.
    """

    catalogue: int
    brought: dict[str, int]
    lines: tuple[ChargeLine, ...] = ()
    parts: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    told: dict[str, dict[str, int]] = msgspec.field(default_factory=dict[str, dict[str, int]])


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of an event's id.

    Args:
        digest: Of what it said.
        applied_sequence: Of its item in the applied stream.
        ledger_sequence: Transfer that its use moved, or -1.
    """

    digest: bytes
    applied_sequence: int
    ledger_sequence: int


class Meta(msgspec.Struct, array_like=True):
    """What a shard has one of.

    Args:
        catalogue: Number of the catalogue version in force, 0 before the first.
        digests: Digest of each catalogue version, by number.
        domains: Clock domains by name.
        lives_high: No incarnation that the shard has let go of has a higher number.
        late_next: Number of the next late event.
        late_done: Number of the late event whose verdict comes next.
        lives_floor: A verdict on a session's event counts only when looked up to here.
        life_floors: The same by session, for lives that only their CDRs lead to; oldest first.
        stamps: When each catalogue version came into force, by number.
    """

    catalogue: int
    digests: dict[int, str]
    domains: dict[str, DomainClock]
    lives_high: int = 0
    late_next: int = 0
    late_done: int = 0
    lives_floor: int = 0
    life_floors: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    stamps: dict[int, int] = msgspec.field(default_factory=dict[int, int])


_KEPT: tuple[type[msgspec.Struct], ...] = (
    *(Meta, Timelines, NextLeg, PassSold, Counter, Bought, Renewal, Wake, Seen, Result),
    *(Card, Batch, Serials),
)
_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind) for kind in _KEPT
}


def encode_stored(value: msgspec.Struct) -> bytes:
    """Version byte and MessagePack."""
    return _PREFIX + _encoder.encode(value)


def decode_as(kind: type[S], value: bytes) -> S:
    """A stored value of one of this room's structs.

    Raises:
        ShardStopped: Unknown version or unreadable.
    """
    if value[:1] != _PREFIX:
        raise ShardStopped(f"stored {kind.__name__} of version {value[:1].hex()}; known: {VERSION}")
    try:
        decoded: S = _decoders[kind].decode(memoryview(value)[1:])
    except UNREADABLE as error:
        raise ShardStopped(f"stored {kind.__name__} cannot be read: {error}") from error
    return decoded
