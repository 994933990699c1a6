"""One member's wallet: cash, debt, open sessions, and what its servers have been told.

Invariant: cash and debt are at least 0, at most 2**53 - 1 and never both positive; posted is cash
less debt. It is a projection of ledger entries, changed only through ``wallet.moves``.
"""

from bisect import bisect_left

import msgspec

from schemas.errors import BrokenInvariant, ShardStopped
from schemas.money import AMOUNT_MAX

VERSION = 1
_PREFIX = bytes((VERSION,))
OPEN_SESSIONS_MAX = 10_000


class Wallet(msgspec.Struct, frozen=True, array_like=True):
    """A wallet in one currency.

    Args:
        tenant: Whose system.
        member: Whose money.
        currency: ISO 4217 code.
        cash_micros: What can be spent.
        debt_micros: What was used beyond the cash.
        open_sessions: Storage fields of the member's open sessions, sorted.
        low_signalled: Whether servers were told that the balance is low.
        cut: Whether servers were told to cut off.
    """

    tenant: str
    member: str
    currency: str
    cash_micros: int = 0
    debt_micros: int = 0
    open_sessions: tuple[str, ...] = ()
    low_signalled: bool = False
    cut: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Wallet)


def new_wallet(tenant: str, member: str, currency: str) -> Wallet:
    """The empty wallet of a member who was never seen."""
    return Wallet(tenant, member, currency)


def encode_wallet(wallet: Wallet) -> bytes:
    """Version byte and MessagePack."""
    return _PREFIX + _encoder.encode(wallet)


def decode_wallet(value: bytes) -> Wallet:
    """The wallet in a stored value.

    Raises:
        ShardStopped: Unknown version, unreadable, or a balance that no wallet can have.
    """
    if value[:1] != _PREFIX:
        raise ShardStopped(
            f"stored wallet of version {value[:1].hex() or 'none'}; known: {VERSION}"
        )
    try:
        wallet = _decoder.decode(memoryview(value)[1:])
    except msgspec.DecodeError as error:
        raise ShardStopped(f"stored wallet cannot be read: {error}") from error
    cash, debt = wallet.cash_micros, wallet.debt_micros
    if not (0 <= cash <= AMOUNT_MAX and 0 <= debt <= AMOUNT_MAX) or (cash and debt):
        raise ShardStopped(f"stored wallet of {wallet.member!r} has cash {cash} and debt {debt}")
    return wallet


def with_session(wallet: Wallet, field: str) -> Wallet:
    """The wallet with an open session; the same object when it has it already.

    Args:
        wallet: Before.
        field: The session's storage field.

    Raises:
        BrokenInvariant: The member has ``OPEN_SESSIONS_MAX`` open sessions.
    """
    fields = wallet.open_sessions
    place = bisect_left(fields, field)
    if place < len(fields) and fields[place] == field:
        return wallet
    if len(fields) >= OPEN_SESSIONS_MAX:
        raise BrokenInvariant(
            f"member {wallet.member!r} has {OPEN_SESSIONS_MAX} open sessions; end some first"
        )
    return msgspec.structs.replace(wallet, open_sessions=(*fields[:place], field, *fields[place:]))


def without_session(wallet: Wallet, field: str) -> Wallet:
    """The wallet without an open session; the same object when it has it not."""
    fields = wallet.open_sessions
    place = bisect_left(fields, field)
    if place == len(fields) or fields[place] != field:
        return wallet
    return msgspec.structs.replace(wallet, open_sessions=fields[:place] + fields[place + 1 :])


def with_flags(wallet: Wallet, *, low_signalled: bool, cut: bool) -> Wallet:
    """The wallet with what its servers have been told."""
    return msgspec.structs.replace(wallet, low_signalled=low_signalled, cut=cut)
