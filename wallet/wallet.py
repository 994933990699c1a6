"""One member's wallet: lots of money, debt, open sessions, and what its servers have been told.

Invariant: every lot and the debt are at least 0 and at most 2**53 - 1, and so is the sum of the
lots. It is a projection of ledger entries, changed only through ``wallet.moves``.
"""

from bisect import bisect_left

import msgspec

from schemas.buckets import Bucket
from schemas.errors import UNREADABLE, BrokenInvariant, ShardStopped
from schemas.holds import Hold
from schemas.money import AMOUNT_MAX
from schemas.withdrawals import Account, Withdrawal
from wallet.lots import Lot

VERSION = 2
_PREFIX = bytes((VERSION,))
OPEN_SESSIONS_MAX = 10_000
# No level of its balance was looked at yet.
UNJUDGED = -1
# Lots that are gone and might come back, of whose end somebody was told.
TOLD_MAX = 192


class Wallet(msgspec.Struct, frozen=True, array_like=True):
    """A wallet in one currency.

    Args:
        tenant: Whose system.
        member: Whose money.
        currency: ISO 4217 code.
        lots: What it holds, in the order in which it is spent.
        lots_made: Number of the latest lot.
        debt_micros: What was used beyond the lots.
        open_sessions: Storage fields of the member's open sessions, sorted.
        low_signalled: Whether servers were told that the balance is low.
        cut: Whether servers were told to cut off.
        holds: Money that is set aside, in the order of its coming.
        holds_made: Number of the latest hold.
        frozen: Why nothing of it may be spent, or empty.
        accounts: Where its money may go, by reference.
        withdrawals: Money that is to leave, and what became of the latest, in their order.
        withdrawals_made: Number of the latest.
        level_told: Down to which level of its balance somebody was told; see
            ``shard.wallet_events``.
        ends_told: Expiry and number of lots of whose end somebody was told, in order.
    """

    tenant: str
    member: str
    currency: str
    lots: tuple[Lot, ...] = ()
    lots_made: int = 0
    debt_micros: int = 0
    open_sessions: tuple[str, ...] = ()
    low_signalled: bool = False
    cut: bool = False
    holds: tuple[Hold, ...] = ()
    holds_made: int = 0
    frozen: str = ""
    accounts: tuple[Account, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    withdrawals_made: int = 0
    level_told: int = UNJUDGED
    ends_told: tuple[tuple[int, int], ...] = ()

    @property
    def held_micros(self) -> int:
        """What is set aside."""
        return sum(hold.held_micros for hold in self.holds)

    @property
    def aside_micros(self) -> int:
        """What is in no lot any more and has not left: withdrawals that go on."""
        return sum(each.amount_micros for each in self.withdrawals if each.is_aside)

    @property
    def cash_micros(self) -> int:
        """What it holds in cash."""
        return self.bucket_micros(Bucket.CASH)

    @property
    def lots_micros(self) -> int:
        """What all lots hold, be there conditions or not."""
        return sum(lot.amount_micros for lot in self.lots)

    @property
    def is_plain(self) -> bool:
        """Whether none of its lots has conditions, and no hold is for some kinds of money alone."""
        return all(lot.is_plain for lot in self.lots) and not any(
            hold.buckets for hold in self.holds
        )

    def bucket_micros(self, bucket: str) -> int:
        """What it holds of one kind of money."""
        return sum(lot.amount_micros for lot in self.lots if lot.bucket == bucket)


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
    except UNREADABLE as error:
        raise ShardStopped(f"stored wallet cannot be read: {error}") from error
    amounts = [wallet.debt_micros, wallet.lots_micros, *(lot.amount_micros for lot in wallet.lots)]
    amounts += (hold.left_micros for hold in wallet.holds)
    amounts += (each.amount_micros for each in wallet.withdrawals)
    if not all(0 <= amount <= AMOUNT_MAX for amount in amounts):
        raise ShardStopped(
            f"stored wallet of {wallet.member!r} has lots {wallet.lots} and debt "
            f"{wallet.debt_micros}"
        )
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


def with_ends_told(wallet: Wallet, mark_ms: int, notice_ms: int) -> Wallet:
    """The wallet once of all its lots is told that end within a notice.

    Args:
        wallet: Before; the same object where nothing is new.
        mark_ms: The moment that it is.
        notice_ms: How long before their end that is.
    """
    told = set(wallet.ends_told)
    fresh = {
        (lot.expires_ms, lot.id)
        for lot in wallet.lots
        if lot.expires_ms and lot.expires_ms - notice_ms <= mark_ms
    }
    if fresh <= told:
        return wallet
    there = {(lot.expires_ms, lot.id) for lot in wallet.lots}
    gone = sorted(each for each in told - there if each[0] > mark_ms)[-TOLD_MAX:]
    kept = sorted([*gone, *((told & there) | fresh)])
    return msgspec.structs.replace(wallet, ends_told=tuple(kept))
