"""Holds of a wallet: set aside, captured, released, expired; and those behind grants of sessions.

Invariant: every function is pure and moves no money; what is held is the sum of what live holds
have left. One that has expired is kept a while, so that what was used in time can still be booked;
not so a session's, whose use is booked by itself. A session has at most one.
"""

import msgspec

from schemas.errors import BrokenInvariant
from schemas.holds import Hold
from schemas.money import checked
from wallet.wallet import Wallet

HOLDS_MAX = 64


class HoldsTooMany(BrokenInvariant):
    """A wallet cannot keep another hold."""


def hold_of(wallet: Wallet, number: int) -> Hold | None:
    """A hold that is live or has expired lately; none that stands behind a session's grant."""
    found = (each for each in wallet.holds if each.id == number and not each.session)
    return next(found, None)


def granted_for(wallet: Wallet, session: str) -> Hold | None:
    """What stands behind a session's grant, or None."""
    return next((each for each in wallet.holds if each.session == session), None)


def with_hold(wallet: Wallet, hold: Hold) -> Wallet:
    """The wallet with one hold more, under the next number.

    Where there is no room, the one that expired first makes it.

    Args:
        wallet: Before.
        hold: What is set aside; its number is given here.

    Raises:
        HoldsTooMany: The wallet has ``HOLDS_MAX`` live ones.
    """
    kept = wallet.holds
    if len(kept) >= HOLDS_MAX:
        gone = min((each for each in kept if each.is_expired), key=_end, default=None)
        if gone is None:
            raise HoldsTooMany(
                f"member {wallet.member!r} has {HOLDS_MAX} holds; capture or release some first"
            )
        kept = tuple(each for each in kept if each.id != gone.id)
    number = wallet.holds_made + 1
    made = msgspec.structs.replace(hold, id=number)
    return msgspec.structs.replace(wallet, holds=(*kept, made), holds_made=number)


def with_grant(wallet: Wallet, hold: Hold) -> Wallet:
    """The wallet with money set aside for a session, in place of what was.

    Args:
        wallet: Before.
        hold: What is set aside; nothing where it has nothing left.

    Raises:
        HoldsTooMany: The wallet has ``HOLDS_MAX`` live holds beside it.
    """
    cleared = without_grant(wallet, hold.session)
    return with_hold(cleared, hold) if hold.left_micros else cleared


def without_grant(wallet: Wallet, session: str) -> Wallet:
    """The wallet without what was set aside for a session; the same object where nothing was."""
    known = granted_for(wallet, session)
    return wallet if known is None else without_hold(wallet, known)


def with_used(wallet: Wallet, session: str, amount_micros: int) -> Wallet:
    """The wallet after a session was charged: so much less need be set aside for it.

    Args:
        wallet: After the charge.
        session: Its storage field.
        amount_micros: Charged, at least 0.
    """
    known = granted_for(wallet, session)
    if known is None:
        return wallet
    left = known.left_micros - amount_micros
    if left <= 0:
        return without_hold(wallet, known)
    return _with(wallet, msgspec.structs.replace(known, left_micros=left))


def heard_of(wallet: Wallet, session: str, at_ms: int) -> Wallet:
    """The wallet after a session was heard of: what is set aside for it holds on from then.

    Args:
        wallet: Before.
        session: Its storage field.
        at_ms: When its latest event was taken in.
    """
    known = granted_for(wallet, session)
    if known is None or at_ms + known.valid_ms <= known.expires_ms:
        return wallet
    return _with(wallet, msgspec.structs.replace(known, expires_ms=at_ms + known.valid_ms))


def with_captured(
    wallet: Wallet, hold: Hold, amount_micros: int, *, is_final: bool
) -> tuple[Wallet, Hold]:
    """The wallet, and the hold, without a part of it that is to be taken.

    Args:
        wallet: Before the debit.
        hold: Before.
        amount_micros: Taken now, at most what it has left.
        is_final: Whether the rest is free; it is where nothing is left.
    """
    after = msgspec.structs.replace(
        hold,
        left_micros=hold.left_micros - amount_micros,
        captured_micros=checked(hold.captured_micros + amount_micros),
    )
    if is_final or not after.left_micros:
        return without_hold(wallet, hold), msgspec.structs.replace(after, left_micros=0)
    return _with(wallet, after), after


def without_hold(wallet: Wallet, hold: Hold) -> Wallet:
    """The wallet after a hold was released, or forgotten."""
    holds = tuple(each for each in wallet.holds if each.id != hold.id)
    return msgspec.structs.replace(wallet, holds=holds)


def with_expired(wallet: Wallet, hold: Hold) -> Wallet:
    """The wallet after a hold's time was over: the rest is free, and remembered."""
    return _with(wallet, msgspec.structs.replace(hold, is_expired=True))


def _end(hold: Hold) -> tuple[int, int]:
    return hold.expires_ms, hold.id


def _with(wallet: Wallet, hold: Hold) -> Wallet:
    holds = tuple(hold if each.id == hold.id else each for each in wallet.holds)
    return msgspec.structs.replace(wallet, holds=holds)
