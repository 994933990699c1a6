"""Merging an event into a session, whatever the order in which events arrive.

Invariant: start merges by minimum, last by maximum, running totals by maximum within one boot of
the sender, increments by sum; a merge that is refused leaves a session that is thrown away.
It does not own what a session is (``rating.session``) nor which one an event belongs to.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rating.parts import (
    SEALED_MS,
    Whole,
    add_count,
    counts_by,
    is_marked,
    marks_by,
    place_rest,
    raise_mark,
    seal,
    segment_for,
)
from rating.session import BOOTS_MAX, ENDINGS, NAMES_CHARS_MAX, NUMBER_CHARS, Boot, Session
from rating.tariff import TariffTerms
from schemas.errors import InvalidEvent
from schemas.money import AMOUNT_MAX
from schemas.usage import EventType, UsageEvent


class Added(NamedTuple):
    """What one event added to its session."""

    duration_ms: int
    meters: dict[str, int]
    flags: str
    is_later: bool


def merge(
    session: Session,
    event: UsageEvent,
    path: str,
    tariff: TariffTerms | None = None,
    cuts: Sequence[int] = (),
    *,
    sealed_ms: int = SEALED_MS,
) -> Added:
    """Merges an event into an editable session.

    Args:
        session: Changed in place.
        event: Of this session and content.
        path: Ingest path by which it came.
        tariff: By which it is priced, None while its content is unknown.
        cuts: Beginnings and ends of the member's passes on that tariff, sorted.
        sealed_ms: No event of an earlier moment is taken as in time any more.

    Returns:
        What it added; nothing at all when everything it says was known.

    Raises:
        InvalidEvent: The session would hold more names or a larger total than one may, or have
            another payee.
    """
    at_ms, kind = event.event_at_ms, event.type
    if tariff is not None and tariff.weeks:
        boots = [boot.marks for boot in session.boots.values()]
        seal(boots, session.counts, tariff, sealed_ms, cuts)
    grown_ms = 0
    is_later = at_ms > session.last_ms
    if is_later:
        grown_ms = at_ms - session.last_ms
        session.last_ms = at_ms
        session.last_event = event.id
        session.received_ms = max(session.received_ms, event.received_at_ms)
    elif at_ms < session.start_ms:
        grown_ms = session.start_ms - at_ms
        session.start_ms = at_ms
    if event.active is False:
        _merge_idle(session, event)
    elif at_ms > session.input_ms and (event.active or kind not in ENDINGS):
        # A stop that tells nothing of input undoes no limit that had been reached before it.
        session.input_ms = at_ms
    if event.payee is not None:
        _merge_payee(session, event.payee, event.payee_shard)
    if path not in session.paths:
        session.paths = tuple(sorted((*session.paths, path)))
    meters: dict[str, int] = {}
    flags = _merge_meters(session, event, meters, tariff, cuts) if event.meters else ""
    if kind == EventType.PAGE:
        direction = event.direction or "forward"
        session.pages[direction] = session.pages.get(direction, 0) + 1
        meters[f"page:{direction}"] = 1
        _count(session, tariff, cuts, at_ms, (f"page:{direction}", 1))
    elif kind == EventType.ITEM and event.item:
        _merge_item(session, event.item, event.quantity)
        meters[f"item:{event.item}"] = event.quantity
        _count(session, tariff, cuts, at_ms, (f"item:{event.item}", event.quantity))
    elif kind in ENDINGS:
        _merge_stop(session, event)
    return Added(grown_ms, meters, flags, is_later)


def _count(
    session: Session,
    tariff: TariffTerms | None,
    cuts: Sequence[int],
    at_ms: int,
    counted: tuple[str, int],
) -> None:
    segment = segment_for(session.counts, tariff, at_ms, cuts)
    if segment is not None:
        add_count(session.counts, segment, *counted)


def learn_tariff(session: Session, tariff: TariffTerms, cuts: Sequence[int] = ()) -> None:
    """Puts what was counted before its tariff was known into that tariff's segments."""
    session.counts = counts_by(session.counts, tariff, session.start_ms, cuts)
    for boot in session.boots.values():
        boot.marks = marks_by(boot.marks, tariff, session.start_ms, cuts)


def learn_prices(session: Session, tariff: TariffTerms, cuts: Sequence[int] = ()) -> None:
    """Goes on by other prices, with all that was counted until now in their segments for good."""
    learn_tariff(session, tariff, cuts)
    marks = {name: boot.marks for name, boot in session.boots.items()}
    place_rest(marks, session.counts, whole_of(session), tariff, cuts)


def whole_of(session: Session) -> Whole:
    """All that a session counted."""
    boots = {name: boot.meters for name, boot in session.boots.items()}
    return Whole(session.start_ms, boots, session.items, session.pages)


def _merge_meters(
    session: Session,
    event: UsageEvent,
    added: dict[str, int],
    tariff: TariffTerms | None,
    cuts: Sequence[int],
) -> str:
    name = event.boot or ""
    boot = session.boots.get(name)
    if boot is None:
        if len(session.boots) >= BOOTS_MAX:
            raise InvalidEvent(
                "session-too-large",
                f"session {session.session!r} has had {BOOTS_MAX} boots; begin a new session",
            )
        _make_room(session, name)
        boot = session.boots[name] = Boot(-1, {})
    flags = ""
    segment = segment_for(boot.marks, tariff, event.event_at_ms, cuts)
    for meter, total in sorted((event.meters or {}).items()):
        known = boot.meters.get(meter, 0)
        if tariff is None or meter in tariff.meters:
            if known and segment is not None and not is_marked(boot.marks, meter):
                # Counted before it mattered when: all of it belongs to the first moment.
                begun = segment_for(boot.marks, tariff, session.start_ms, cuts)
                raise_mark(boot.marks, begun, meter, known)
            raise_mark(boot.marks, segment, meter, total)
        if total > known:
            if not known:
                _make_room(session, meter)
            boot.meters[meter] = total
            added[meter] = total - known
        elif total < known and event.seq is not None and event.seq > boot.seq >= 0:
            flags = "meter-fell"
    if event.seq is not None:
        boot.seq = max(boot.seq, event.seq)
    return flags


def _merge_payee(session: Session, payee: str, shard: int) -> None:
    if session.payee not in {"", payee}:
        raise InvalidEvent(
            "payee-changed",
            f"session {session.session!r} pays {session.payee!r}, the event says {payee!r}; begin "
            "a new session for another payee",
        )
    session.payee, session.payee_shard = payee, shard


def _merge_item(session: Session, item: str, quantity: int) -> None:
    known = session.items.get(item, 0)
    if not known:
        _make_room(session, item)
    if known + quantity > AMOUNT_MAX:
        raise InvalidEvent("amount-too-large", f"more than {AMOUNT_MAX} of item {item!r}")
    session.items[item] = known + quantity


def _make_room(session: Session, name: str) -> None:
    """Refuses a name more than a session may hold: all of them are stored with each event."""
    names = [name, *session.items, *session.boots]
    for boot in session.boots.values():
        names.extend(boot.meters)
    if sum(map(len, names)) + NUMBER_CHARS * len(names) > NAMES_CHARS_MAX:
        raise InvalidEvent(
            "session-too-large",
            f"session {session.session!r} names too many items and meters to take {name[:80]!r} "
            "too; begin a new session",
        )


def _merge_idle(session: Session, event: UsageEvent) -> None:
    # Of simultaneous ones the choice must not be the arrival.
    known = (session.idle_ms, session.idle_event)
    session.idle_ms, session.idle_event = max(known, (event.event_at_ms, event.id))


def _merge_stop(session: Session, event: UsageEvent) -> None:
    is_error = event.type == EventType.ERROR
    reason = event.reason or ("client_error" if is_error else "")
    known = (session.stop_ms, session.stop_reason, session.stop_is_error, session.stop_event)
    # Of several stops the latest counts; of simultaneous ones the choice must not be the arrival.
    session.stop_ms, session.stop_reason, session.stop_is_error, session.stop_event = max(
        known, (event.event_at_ms, reason, is_error, event.id)
    )
