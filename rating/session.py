"""One session: what its events merge to, whatever the order in which they arrive.

Invariant: start merges by minimum, last by maximum, running totals by maximum within one boot of
the sender and by sum over boots, increments by sum; so the same events give the same totals.
It does not own prices (``rating.price``) nor when silence ends a session (``shard.silence``).
"""

import copy
from collections.abc import Sequence

import msgspec

from rating.coverage import Stretch
from rating.parts import (
    parts_of,
    with_rest,
)
from rating.price import Part, Usage
from rating.shadow import Shadow
from rating.tariff import TariffTerms
from schemas.applied import Cause
from schemas.buckets import Parts
from schemas.errors import UNREADABLE, ShardStopped
from schemas.ids import SEPARATOR, domain_of, joined
from schemas.ledger import ChargeLine
from schemas.usage import EventType, UsageEvent

VERSION = 1
_PREFIX = bytes((VERSION,))
BOOTS_MAX = 64
# Names of a session's items, meters and boots, each with its number: some 1,100 short ones.
NAMES_CHARS_MAX = 16_384
NUMBER_CHARS = 9
# Before any time that text can say, so that no event's time is taken for it.
UNKNOWN_MS = -(2**62)
ENDINGS = frozenset({EventType.STOP, EventType.ERROR})

_CAUSES: dict[str, Cause] = {
    "": Cause.NORMAL,
    "member": Cause.NORMAL,
    "client_error": Cause.CLIENT_ERROR,
    "network": Cause.NETWORK,
    "server": Cause.SERVER,
}


class Boot(msgspec.Struct, array_like=True):
    """Running totals of one life of the sender's counters.

    Args:
        seq: Highest sequence number seen, or -1.
        meters: Largest total seen of each meter.
        marks: The same by segment, where it matters when: what events of the segment told, and
            at ``rating.parts.SEALED_MS`` those of before the segments that are kept.
    """

    seq: int
    meters: dict[str, int]
    marks: dict[int, dict[str, int]] = msgspec.field(default_factory=dict[int, dict[str, int]])


class Session(msgspec.Struct, array_like=True):
    """State of one incarnation of a session; times in ms, amounts in micro-units.

    Args:
        tenant: Whose system.
        source: Service that reports it.
        session: The service's session id.
        incarnation: 1, or more when the id was used again after an end.
        member: Who uses.
        domain: Clock domain.
        content: Content id, or empty while only events without one have come.
        catalogue: Catalogue version that prices it, 0 while content is unknown.
        start_ms: Earliest event.
        last_ms: Latest event.
        last_event: Id of the latest event.
        received_ms: When the latest event was taken in; silence counts from here.
        paths: Ingest paths it used, sorted.
        boots: Running totals by boot.
        pages: Moves by direction.
        items: Quantities by item.
        stop_ms: Time of the latest stop or error, or ``UNKNOWN_MS``.
        stop_reason: Its reason.
        stop_is_error: Whether it was an error.
        is_open: Whether it goes on.
        cause: Why it ended, empty while open.
        supplement_ms: Provisional length that its silence added; below 0 what came behind the
            end that its input limit set.
        unpaid: Whether its end makes it free of charge.
        decided_at_ms: When its end was certain, or ``UNKNOWN_MS``.
        revision: CDRs written so far.
        lines: What transfers have told, cumulative.
        charged_micros: Sum of the lines.
        provider_micros: The provider's part of it.
        last_transfer: Ledger sequence of its last transfer, or -1.
        is_cut: Whether its server was told to cut it off.
        previous: The incarnation that it replaced while that was still held, or 0.
        closed_hour: Hour of its clock domain in which it last changed while closed.
        counts: Pages and items by segment, named as in rows, where it matters when; and what
            meters grew by in segments that were put together.
        scopes: What it has brought into periods, by rule and the period's beginning.
        scoped_micros: What its transfers have moved for periods, beside its own price.
        scoped_provider_micros: Providers' part of that.
        stop_event: Id of the stop or error at ``stop_ms``.
        input_ms: Time of the latest event that tells of the member's input, or ``UNKNOWN_MS``.
        idle_ms: Time of the latest event that tells of none, or ``UNKNOWN_MS``.
        idle_event: Its id.
        superseded_by: What took its place, for its CDRs; empty unless its cause is that.
        consent: Name of the consent that it began under, or empty.
        shadow: Of a content that has a shadow tariff: what that was told of it, else None.
        paid: What has paid for it, in the order of paying.
        payee: The other member who earns by it, or empty.
        payee_shard: Where that one's wallet is.
        earned_micros: What was earned by it.
        earned_lot: The lot of its member's wallet that has it, or 0.
    """

    tenant: str
    source: str
    session: str
    incarnation: int
    member: str
    domain: str
    content: str
    catalogue: int
    start_ms: int
    last_ms: int
    last_event: str
    received_ms: int
    paths: tuple[str, ...]
    boots: dict[str, Boot]
    pages: dict[str, int]
    items: dict[str, int]
    stop_ms: int = UNKNOWN_MS
    stop_reason: str = ""
    stop_is_error: bool = False
    is_open: bool = True
    cause: str = ""
    supplement_ms: int = 0
    unpaid: bool = False
    decided_at_ms: int = UNKNOWN_MS
    revision: int = 0
    lines: tuple[ChargeLine, ...] = ()
    charged_micros: int = 0
    provider_micros: int = 0
    last_transfer: int = -1
    is_cut: bool = False
    previous: int = 0
    closed_hour: int = 0
    counts: dict[int, dict[str, int]] = msgspec.field(default_factory=dict[int, dict[str, int]])
    scopes: dict[str, dict[int, int]] = msgspec.field(default_factory=dict[str, dict[int, int]])
    scoped_micros: int = 0
    scoped_provider_micros: int = 0
    stop_event: str = ""
    input_ms: int = UNKNOWN_MS
    idle_ms: int = UNKNOWN_MS
    idle_event: str = ""
    superseded_by: str = ""
    consent: str = ""
    shadow: Shadow | None = None
    paid: Parts = ()
    payee: str = ""
    payee_shard: int = 0
    earned_micros: int = 0
    earned_lot: int = 0

    @property
    def field(self) -> str:
        """Where the current incarnation is stored."""
        return session_field(self.tenant, self.member, self.source, self.session)

    @property
    def duration_ms(self) -> int:
        """Length from first to last event, without supplement."""
        return self.last_ms - self.start_ms

    @property
    def end_ms(self) -> int:
        """End of what is charged."""
        return self.last_ms + self.supplement_ms

    @property
    def moved_micros(self) -> int:
        """What its transfers have moved: its own price, and its changes of what periods cost."""
        return self.charged_micros + self.scoped_micros

    @property
    def reach_ms(self) -> int:
        """Where it surely reaches: its last event, or what its silence added."""
        return max(self.last_ms, self.end_ms)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Session)


def encode_session(session: Session) -> bytes:
    """Version byte and MessagePack."""
    return _PREFIX + _encoder.encode(session)


def decode_session(value: bytes) -> Session:
    """The session in a stored value.

    Raises:
        ShardStopped: Unknown version or unreadable.
    """
    if value[:1] != _PREFIX:
        raise ShardStopped(f"stored session of version {value[:1].hex()}; known: {VERSION}")
    try:
        return _decoder.decode(memoryview(value)[1:])
    except UNREADABLE as error:
        raise ShardStopped(f"stored session cannot be read: {error}") from error


def session_field(tenant: str, member: str, source: str, session: str) -> str:
    """Storage field of a session's current incarnation."""
    return f"{tenant}{SEPARATOR}{member}{SEPARATOR}{source}{SEPARATOR}{session}"


def past_field(field: str, incarnation: int) -> str:
    """Storage field of an incarnation that a later one replaced."""
    return joined(field, f"#{incarnation}")


def begin(event: UsageEvent, *, path: str, incarnation: int, previous: int = 0) -> Session:
    """A session as its first event to arrive makes it, before that event is merged.

    Args:
        event: The first to arrive.
        path: Ingest path by which it came.
        incarnation: Number of this life.
        previous: Of the life before it that is still held, or 0.
    """
    return Session(
        tenant=event.tenant,
        source=event.source,
        session=event.session or "",
        incarnation=incarnation,
        member=event.subject,
        domain=domain_of(event.tenant, recorded=event.recorded),
        content="",
        catalogue=0,
        start_ms=event.event_at_ms,
        last_ms=event.event_at_ms,
        last_event=event.id,
        received_ms=event.received_at_ms,
        paths=(path,),
        boots={},
        pages={},
        items={},
        previous=previous,
    )


def nearest(lives: Sequence[tuple[int, int]], at_ms: int) -> int:
    """Which of a session's lives an event belongs to.

    Args:
        lives: Start and end of each, in ms; not empty.
        at_ms: When the event happened.

    Returns:
        Index of the one that holds the event, else of the nearest earlier, else of the earliest.
    """
    earlier = [index for index, (start_ms, _) in enumerate(lives) if start_ms <= at_ms]
    if not earlier:
        return min(range(len(lives)), key=lambda index: lives[index])
    return max(earlier, key=lambda index: (lives[index][1] >= at_ms, lives[index]))


def editable(session: Session) -> Session:
    """A copy that may be merged into while the original stays as it is."""
    twin = copy.copy(session)
    twin.boots = {
        name: Boot(boot.seq, boot.meters.copy(), _copied(boot.marks))
        for name, boot in session.boots.items()
    }
    twin.pages = session.pages.copy()
    twin.items = session.items.copy()
    twin.counts = _copied(session.counts)
    if session.shadow is not None:
        twin.shadow = session.shadow.editable()
    return twin


def _copied(by_segment: dict[int, dict[str, int]]) -> dict[int, dict[str, int]]:
    return {at_ms: counts.copy() for at_ms, counts in by_segment.items()} if by_segment else {}


def is_stopped(session: Session) -> bool:
    """Whether the last thing known of the session is a stop or an error."""
    return session.stop_ms >= session.last_ms


def stop_cause(session: Session) -> Cause:
    """The cause of a session that was stopped; a cut-off that was obeyed is a cut-off."""
    obeyed = session.is_cut and not session.stop_is_error
    return Cause.CUT_OFF if obeyed else _CAUSES[session.stop_reason]


def totals(session: Session) -> dict[str, int]:
    """Total of each meter over all boots, by name; not to be changed."""
    if len(session.boots) == 1:
        return next(iter(session.boots.values())).meters
    sums: dict[str, int] = {}
    for boot in session.boots.values():
        for meter, total in boot.meters.items():
            sums[meter] = sums.get(meter, 0) + total
    return sums


def billable(
    session: Session, tariff: TariffTerms | None = None, passes: Sequence[Stretch] = ()
) -> Usage:
    """What the session is charged for.

    Args:
        session: Whose.
        tariff: By which it is priced; without it, all that is counted is told apart by when.
        passes: Stretches that the member's passes on its tariff cover.
    """
    if session.unpaid:
        return Usage(duration_ms=0, meters={}, items={}, pages={})
    length_ms = session.last_ms - session.start_ms + session.supplement_ms
    boots = session.boots.values()
    parts: tuple[Part, ...] = ()
    if session.counts or any(boot.marks for boot in boots):
        parts = parts_of([boot.marks for boot in boots], session.counts)
        whole = Part(session.start_ms, totals(session), session.items, session.pages)
        parts = with_rest(parts, whole, tariff)
    return Usage(
        duration_ms=length_ms,
        meters=totals(session),
        items=session.items,
        pages=session.pages,
        start_ms=session.start_ms,
        is_session=True,
        parts=parts,
        passes=passes,
    )
