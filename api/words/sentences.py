"""An entry in words, as its member reads it.

Owns: which sentence fits a transfer. Invariant: pure; made from the entry, its charge lines and the
names of what they name, so an entry that no catalogue explains any more has a sentence too.
It does not own what a language says (``english``, ``korean``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

from api.words.forms import UTC_ZONE, Clock, money_from_micros
from api.words.lines import Context, part
from api.words.names import TEXT_CHARS_MAX, Name, name_of
from api.words.tongue import Tongue
from schemas.buckets import DEBT
from schemas.ledger import Cause, ChargeLine

PARTS_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a member's transfer says of itself.

    Args:
        cause: A ``schemas.ledger.Cause``.
        currency: Of all amounts.
        buckets: What each of the member's buckets gained, ``debt`` with them.
        lines: What was priced.
        content: The content's title, or its id, or empty.
        zone: Whose clock its hours follow.
        event_at_ms: When the use happened.
        reference: As on the transfer.
        peer: The other member of a transfer between two.
    """

    cause: str
    currency: str
    buckets: Mapping[str, int] = field(default_factory=dict[str, int])
    lines: Sequence[ChargeLine] = ()
    content: str = ""
    zone: ZoneInfo = UTC_ZONE
    event_at_ms: int = 0
    reference: str = ""
    peer: str = ""


def entry_in_words(told: Told, tongue: Tongue) -> str:
    """The sentence of an entry.

    Args:
        told: The entry.
        tongue: The language.
    """
    if told.cause == Cause.CORRECTION:
        said = _correction(told, tongue)
    elif told.cause in {Cause.CHARGE, Cause.PASS, Cause.CAPTURE}:
        said = _charge(told, tongue)
    else:
        said = _moved(told, tongue)
    return said + _beside(told, tongue) + _debt(told, tongue)


def charges_in_words(told: Told, tongue: Tongue, *, is_open: bool) -> str:
    """The sentence of all that a session was charged.

    Args:
        told: Its lines; nothing is said of buckets.
        tongue: The language.
        is_open: Whether more may come.
    """
    # What was charged and given back again is no part of what it comes to.
    lines = [line for line in told.lines if line.quantity or line.amount_micros]
    said = _parts(replace(told, lines=lines), tongue)
    if not said:
        return tongue.sentences["nothing"]
    return tongue.sentences["so_far" if is_open else "charge"].format(parts=said)


def _charge(told: Told, tongue: Tongue) -> str:
    said = _parts(told, tongue)
    if said:
        return tongue.sentences["charge"].format(parts=said)
    key = "charge.empty" if told.content else "charge.empty.next"
    return tongue.sentences[key].format(content=name_of(told.content))


def _correction(told: Told, tongue: Tongue) -> str:
    gained = sum(told.buckets.values())
    key = "correction.same"
    if gained:
        key = "correction.less" if gained > 0 else "correction.more"
    return tongue.sentences[key].format(
        amount=money_from_micros(tongue, gained, told.currency),
        parts=_charge(told, tongue),
        note=_note(told, tongue, "correction.note"),
    )


def _parts(told: Told, tongue: Tongue) -> str:
    said: list[str] = []
    content = name_of(told.content)
    for line in told.lines[:PARTS_MAX]:
        context = Context(
            tongue=tongue,
            currency=told.currency,
            clock=Clock(told.zone, told.event_at_ms),
            content=Name() if said else content,
            is_alone=len(told.lines) == 1,
            is_renewal=told.cause == Cause.PASS and bool(told.reference),
            note=_note(told, tongue) if told.cause == Cause.CAPTURE else "",
        )
        said.append(part(line, context))
    more = len(told.lines) - len(said)
    tail = tongue.sentences["more"].format(count=f"{more:,}") if more else ""
    return tongue.parts.join(said) + tail


def _moved(told: Told, tongue: Tongue) -> str:
    reason = tongue.things.get(f"reason:{told.reference}")
    note = _note(told, tongue)
    if told.cause == Cause.RETURNED and reason:
        note = tongue.sentences["note"].format(text=reason)
    key = told.cause if told.cause in _MOVED else "unknown"
    if key == Cause.EARNED and sum(told.buckets.values()) < 0:
        key = "earned.less"
    clock = Clock(told.zone)
    return tongue.sentences[key].format(
        note=note,
        peer=name_of(told.peer),
        bucket=_bucket(told, tongue),
        end=clock.told(tongue, told.event_at_ms),
        zone=clock.suffix(tongue),
        cause=name_of(told.cause),
        content=name_of(told.content),
    )


_MOVED: Final = frozenset(
    {
        Cause.TOP_UP, Cause.CREDIT, Cause.EXPIRY, Cause.SENT, Cause.RECEIVED, Cause.TURNED_BACK,
        Cause.RETURNED, Cause.EARNED, Cause.CARD_REDEEMED, Cause.WITHDRAWAL_REQUESTED,
        Cause.WITHDRAWAL_PAID, Cause.WITHDRAWAL_REJECTED, Cause.WITHDRAWAL_FAILED,
        Cause.WITHDRAWAL_RETURNED,
    }
)  # fmt: skip


def _bucket(told: Told, tongue: Tongue) -> str:
    return _named(next((name for name in told.buckets if name != DEBT), ""), tongue)


def _named(bucket: str, tongue: Tongue) -> str:
    return tongue.things.get(f"bucket:{bucket}") or tongue.things["bucket:"]


def _note(told: Told, tongue: Tongue, key: str = "note") -> str:
    text = name_of(told.reference, TEXT_CHARS_MAX)
    return tongue.sentences[key].format(text=text) if text else ""


def _beside(told: Told, tongue: Tongue) -> str:
    """Who paid a charge, where its member did not, and what that one earned by it."""
    if told.cause != Cause.CHARGE or sum(line.amount_micros for line in told.lines) <= 0:
        return ""
    is_sponsored = all(amount >= 0 for amount in told.buckets.values())
    said = tongue.sentences["sponsored"] if is_sponsored else ""
    for name, amount in told.buckets.items():
        if amount > 0 and name != DEBT:
            said += tongue.sentences["gained"].format(
                amount=money_from_micros(tongue, amount, told.currency),
                bucket=_named(name, tongue),
            )
    return said


def _debt(told: Told, tongue: Tongue) -> str:
    owed = told.buckets.get(DEBT, 0)
    if not owed:
        return ""
    amount = money_from_micros(tongue, owed, told.currency)
    return tongue.sentences["debt.grew" if owed < 0 else "debt.shrank"].format(amount=amount)
