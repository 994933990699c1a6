"""What a member has agreed to be charged: mandates, tokens with limits, and what was revoked.

Invariant: every function is pure; what was spent under a consent is the sum of what moved while it
was the session's, corrections included. A member has one value of all of them, bounded in size.
It does not own which event needs a consent (``shard.consenting``) nor whether a token is genuine.
"""

import msgspec

from schemas.consent import Consent, ConsentKind, ConsentTerms, consent_name
from schemas.errors import UNREADABLE, BrokenInvariant, ShardStopped
from schemas.moment import DAY_MS
from schemas.money import checked

VERSION = 1
_PREFIX = bytes((VERSION,))
MANDATES_MAX = 100
TOKENS_MAX = 256
DAYS_KEPT = 8


class Held(msgspec.Struct, frozen=True, array_like=True):
    """One consent as its member's shard keeps it.

    Args:
        terms: What was agreed to.
        spent_micros: Moved under it in all.
        days: Of that, by UTC day since the epoch, ascending; the newest ``DAYS_KEPT``.
        is_revoked: Whether it was taken back.
    """

    terms: ConsentTerms
    spent_micros: int = 0
    days: tuple[tuple[int, int], ...] = ()
    is_revoked: bool = False

    def spent_on(self, at_ms: int) -> int:
        """What moved in the UTC day of a moment."""
        return dict(self.days).get(at_ms // DAY_MS, 0)


class Consents(msgspec.Struct, frozen=True, array_like=True):
    """All consents of one member of which anything must be known.

    Args:
        held: By name, in the order of coming: mandates, and tokens with a limit or revoked.
    """

    held: dict[str, Held] = {}


NONE = Consents()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Consents)


def encode_consents(consents: Consents) -> bytes:
    """Version byte and MessagePack."""
    return _PREFIX + _encoder.encode(consents)


def decode_consents(value: bytes) -> Consents:
    """The consents in a stored value.

    Raises:
        ShardStopped: Unknown version or unreadable.
    """
    if value[:1] != _PREFIX:
        raise ShardStopped(f"stored consents of version {value[:1].hex()}; known: {VERSION}")
    try:
        return _decoder.decode(memoryview(value)[1:])
    except UNREADABLE as error:
        raise ShardStopped(f"stored consents cannot be read: {error}") from error


def with_mandate(consents: Consents, mandate: str, terms: ConsentTerms) -> Consents:
    """The consents with a mandate granted: new, on new terms, or anew after it was revoked.

    What was spent counts on while a mandate lives; after a revocation it begins at nothing.

    Raises:
        BrokenInvariant: The member has ``MANDATES_MAX`` others, none of them revoked.
    """
    name = consent_name(ConsentKind.MANDATE, mandate)
    known = consents.held.get(name)
    if known is not None and not known.is_revoked:
        return _with(consents, name, msgspec.structs.replace(known, terms=terms))
    held = {other: each for other, each in consents.held.items() if other != name}
    if sum(other.startswith(ConsentKind.MANDATE) for other in held) >= MANDATES_MAX:
        revoked = [
            other
            for other, each in held.items()
            if each.is_revoked and other.startswith(ConsentKind.MANDATE)
        ]
        if not revoked:
            raise BrokenInvariant(f"a member has at most {MANDATES_MAX} mandates; revoke one first")
        del held[revoked[0]]
    return Consents({**held, name: Held(terms)})


def revoked(consents: Consents, name: str, *, until_ms: int, forget_before_ms: int) -> Consents:
    """The consents with one revoked, be it known or not.

    Args:
        consents: Before.
        name: Of the consent.
        until_ms: Until when a token that was never seen may yet come.
        forget_before_ms: Where there is no room, tokens that ended before it may go.

    Raises:
        BrokenInvariant: There is no room for a token more.
    """
    if name not in consents.held:
        consents = with_token(consents, name, ConsentTerms(until_ms=until_ms), forget_before_ms)
    return _with(consents, name, msgspec.structs.replace(consents.held[name], is_revoked=True))


def with_token(
    consents: Consents, name: str, terms: ConsentTerms, forget_before_ms: int
) -> Consents:
    """The consents with a token more of which something must be known.

    Args:
        consents: Before, without it.
        name: Of the token's consent.
        terms: Its terms.
        forget_before_ms: Where there is no room, tokens that ended before it go.

    Raises:
        BrokenInvariant: ``TOKENS_MAX`` tokens with a limit, or revoked, may still be used.
    """
    held = consents.held
    tokens = [other for other in held if other.startswith(ConsentKind.TOKEN)]
    if len(tokens) >= TOKENS_MAX:
        gone = {other for other in tokens if _ended_before(held[other], forget_before_ms)}
        if not gone:
            raise BrokenInvariant(
                f"a member has at most {TOKENS_MAX} live tokens that have a limit or are revoked; "
                "use one for several sessions, or let them end sooner"
            )
        held = {other: each for other, each in held.items() if other not in gone}
    return Consents({**held, name: Held(terms)})


def spent(consents: Consents, name: str, amount_micros: int, at_ms: int) -> Consents:
    """The consents after money moved under one; the same where nothing is kept of it.

    Args:
        consents: Before.
        name: Of the consent.
        amount_micros: What moved, negative when it was given back.
        at_ms: When the use was that moved it.

    Raises:
        BrokenInvariant: The sum is beyond the largest amount.
    """
    known = consents.held.get(name)
    if known is None or not amount_micros:
        return consents
    days, day = dict(known.days), at_ms // DAY_MS
    days[day] = checked(days.get(day, 0) + amount_micros)
    after = Held(
        known.terms,
        checked(known.spent_micros + amount_micros),
        tuple(sorted(days.items())[-DAYS_KEPT:]),
        known.is_revoked,
    )
    return _with(consents, name, after)


def fault_of(
    held: Held | None, consent: Consent, *, content: str, provider: str, source: str, at_ms: int
) -> tuple[str, str] | None:
    """Why use may not begin under a consent: reason and detail; None where it may.

    Args:
        held: What is kept of it; None of a mandate that was never granted, or of a token without
            a limit.
        consent: As the event names it.
        content: What is to be used.
        provider: Who owns it.
        source: Who would charge.
        at_ms: When.
    """
    what = f"{consent.kind} {consent.id!r}"
    terms = consent.terms if held is None else held.terms
    if held is not None and held.is_revoked:
        return "consent-revoked", f"{what} was revoked; ask the member anew"
    if terms is None:
        return "consent-unknown", f"{what} was not granted by the member, or not in time"
    # Of a token that was revoked before it was seen nothing else is known; a live one has come.
    fault = _outside(terms, content=content, provider=provider, source=source, at_ms=at_ms)
    if fault is not None:
        return "consent-outside", f"{what} {fault}; ask the member for one that does"
    if _is_spent(held or Held(terms), at_ms):
        return "consent-exhausted", f"{what} allows no more; ask the member for another"
    return None


def is_over(held: Held | None, kind: str, *, session_micros: int, at_ms: int) -> bool:
    """Whether what runs under a consent is to be cut off.

    Args:
        held: What is kept of it.
        kind: Of the consent.
        session_micros: What the session was charged.
        at_ms: When it was last used.
    """
    if held is None:
        return kind == ConsentKind.MANDATE
    most = held.terms.session_max_micros
    is_session_over = most is not None and session_micros >= most
    return held.is_revoked or is_session_over or _is_spent(held, at_ms)


def _is_spent(held: Held, at_ms: int) -> bool:
    terms = held.terms
    if terms.max_micros is not None and held.spent_micros >= terms.max_micros:
        return True
    return terms.day_max_micros is not None and held.spent_on(at_ms) >= terms.day_max_micros


def _outside(
    terms: ConsentTerms, *, content: str, provider: str, source: str, at_ms: int
) -> str | None:
    for named, value, what in (
        (terms.contents, content, "content"),
        (terms.providers, provider, "provider"),
        (terms.sources, source, "source"),
    ):
        if named and value not in named:
            return f"does not cover {what} {value!r}"
    if terms.from_ms is not None and at_ms < terms.from_ms:
        return "does not yet cover the event's time"
    if terms.until_ms is not None and at_ms >= terms.until_ms:
        return "no longer covers the event's time"
    return None


def _ended_before(held: Held, at_ms: int) -> bool:
    until_ms = held.terms.until_ms
    return until_ms is not None and until_ms < at_ms


def _with(consents: Consents, name: str, held: Held) -> Consents:
    return Consents({**consents.held, name: held})
