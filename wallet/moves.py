"""Movements of a wallet: each returns the wallet after it and the ledger entries that say so.

Invariant: a movement's entries sum to the change of the posted balance, each names its lot, and
what is left of its bucket. Use takes lots in their order before it makes debt; money that somebody
paid, and that may be spent on anything, pays debt before it becomes a lot.
It does not own the entries' counterparts (provider, platform, world).
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from schemas.buckets import DEBT, PAID, PRIORITIES, Bucket, Part, Parts
from schemas.errors import BrokenInvariant
from schemas.ledger import Entry, member_account
from schemas.money import checked
from wallet.available import left_to_holds
from wallet.lots import ANYTHING, Lot, Use, fits, order_of, plain_lot
from wallet.paid import taken_back, with_part, with_parts
from wallet.wallet import Wallet

LOTS_MAX = 64


class LotsTooMany(BrokenInvariant):
    """A wallet cannot keep apart what comes in."""


class Moved(NamedTuple):
    """What a movement came to.

    Args:
        wallet: After it.
        entries: None of them of zero.
        paid: What has paid for the use in all, after it.
    """

    wallet: Wallet
    entries: tuple[Entry, ...]
    paid: Parts = ()


def debit(wallet: Wallet, amount_micros: int, use: Use = ANYTHING, paid: Parts = ()) -> Moved:
    """Books use: lots that may pay for it first, the rest as debt. Use is never refused here.

    What holds need is taken last, though its lot may be earlier in the order.

    Args:
        wallet: Before; without the hold that is captured, or what of it is.
        amount_micros: At least 0.
        use: What it was, and when.
        paid: What has paid for it so far.

    Raises:
        BrokenInvariant: A negative amount, or an amount or debt beyond the largest.
    """
    left = _positive(amount_micros)
    kept = left_to_holds(wallet, use)
    for place, lot in enumerate(() if kept else wallet.lots):
        if lot.amount_micros and fits(lot, use):
            if left and lot.amount_micros >= left and (lot.only is None or not lot.only.kinds):
                return _from_one(wallet, place, left, paid)
            break
    kinds = dict(use.kinds) if use.kinds else {}
    taken: dict[int, int] = {}
    for spared in (kept, {}) if kept else ({},):
        for lot in wallet.lots:
            known = taken.get(lot.id, 0)
            free = lot.amount_micros - known - spared.get(lot.id, 0)
            if left and free > 0 and fits(lot, use):
                most = _payable(lot, free, kinds, left)
                left -= most
                taken[lot.id] = known + most
    books, parts = _Books(wallet), list[Part]()
    for lot in wallet.lots:
        amount = taken.get(lot.id, 0)
        if amount:
            books.change(lot, -amount)
            parts.append(Part(lot.id, lot.bucket, amount, lot.expires_ms))
    if left:
        books.owe(left)
        parts.append(Part(0, DEBT, left))
    return books.moved(with_parts(paid, parts) if parts else paid)


def give_back(wallet: Wallet, amount_micros: int, paid: Parts = ()) -> Moved:
    """Returns what was taken too much: debt shrinks first, the rest goes where it came from.

    What had been owed and was paid since comes back as cash.

    Args:
        wallet: Before.
        amount_micros: At least 0.
        paid: What has paid for the use so far.

    Raises:
        BrokenInvariant: A negative amount, or an amount or balance beyond the largest.
    """
    amount = _positive(amount_micros)
    still_paid, back = taken_back(paid, amount)
    books = _Books(wallet)
    to_debt = min(amount, wallet.debt_micros)
    books.owe(-to_debt)
    # What was owed for it is what is owed less; of the rest, what was paid last.
    for part in sorted(back, key=lambda each: each.bucket != DEBT):
        settled = min(part.amount_micros, to_debt)
        to_debt -= settled
        if part.amount_micros > settled:
            books.put_back(part, part.amount_micros - settled)
    return books.moved(still_paid)


def top_up(wallet: Wallet, amount_micros: int) -> Moved:
    """Books cash from outside: debt is collected first, the rest is a lot of its own.

    Args:
        wallet: Before.
        amount_micros: At least 0.

    Raises:
        BrokenInvariant: A negative amount, or an amount or balance beyond the largest.
    """
    return bring_in(wallet, plain_lot(0, Bucket.CASH, amount_micros))


def bring_in(wallet: Wallet, lot: Lot) -> Moved:
    """Books money that comes in, with its conditions.

    Args:
        wallet: Before.
        lot: What comes; its number is given here.

    Raises:
        BrokenInvariant: A negative amount, an amount or balance beyond the largest, or,
            as ``LotsTooMany``, more lots than a wallet may hold, each with other conditions.
    """
    amount = _positive(lot.amount_micros)
    books = _Books(wallet)
    to_debt = 0
    if lot.bucket in PAID and lot.only is None:
        to_debt = min(amount, wallet.debt_micros)
        books.owe(-to_debt)
    if amount > to_debt:
        books.add(msgspec.structs.replace(lot, amount_micros=amount - to_debt))
    return books.moved(())


def earn(wallet: Wallet, amount_micros: int, lot: Lot) -> tuple[Moved, int]:
    """Books what a member earned, or less of it again: then its bucket pays, else it is owed.

    Args:
        wallet: Before.
        amount_micros: Below 0 for less.
        lot: Which it goes to; of number 0 for a new one. Its amount is of no matter.

    Returns:
        The movement, and the number of the lot; 0 where no lot has it.
    """
    if amount_micros < 0:
        use = Use(0, buckets=frozenset({lot.bucket}))
        return debit(wallet, -amount_micros, use), lot.id
    books = _Books(wallet)
    part = Part(lot.id, lot.bucket, amount_micros, lot.expires_ms)
    number = books.put_back(part, _positive(amount_micros)) if amount_micros else lot.id
    return books.moved(()), number


def pay_out(wallet: Wallet, amount_micros: int, lots: Sequence[Lot]) -> Moved:
    """Takes money out of the wallet, whatever it may be spent on.

    Args:
        wallet: Before.
        amount_micros: At least 0 and at most what these lots hold.
        lots: Of it, in the order in which they are taken from.

    Returns:
        What each lot gave is ``paid``, all of it, so that it can go back where it came from.

    Raises:
        BrokenInvariant: Any other amount.
    """
    left = _positive(amount_micros)
    books, parts = _Books(wallet), list[Part]()
    for lot in lots:
        part = min(left, lot.amount_micros)
        if part:
            books.change(lot, -part)
            parts.append(Part(lot.id, lot.bucket, part, lot.expires_ms))
            left -= part
    if left:
        raise BrokenInvariant(f"{left} micro-units more than there is in these lots")
    return books.moved(tuple(parts))


def take_expired(wallet: Wallet, lot: Lot) -> Moved:
    """Takes what is left of a lot out of the wallet, and the lot with it."""
    books = _Books(wallet)
    if lot.amount_micros:
        books.change(lot, -lot.amount_micros)
    moved = books.moved(())
    lots = tuple(each for each in moved.wallet.lots if each.id != lot.id)
    return Moved(msgspec.structs.replace(moved.wallet, lots=lots), moved.entries)


def _from_one(wallet: Wallet, place: int, amount: int, paid: Parts) -> Moved:
    """What nearly all use comes to: the first lot that fits pays all of it."""
    lots = wallet.lots
    lot = lots[place]
    left = lot.amount_micros - amount
    kept: tuple[Lot, ...] = ()
    if left or not lot.is_plain:
        kept = (Lot(lot.id, lot.bucket, left, lot.priority, lot.expires_ms, lot.only),)
    lots = (*lots[:place], *kept, *lots[place + 1 :])
    after = sum([each.amount_micros for each in lots if each.bucket == lot.bucket])
    entry = Entry(member_account(wallet.member, lot.bucket), -amount, after, lot.id)
    part = Part(lot.id, lot.bucket, amount, lot.expires_ms)
    moved = msgspec.structs.replace(wallet, lots=lots)
    return Moved(moved, (entry,), with_part(paid, part))


class _Books:
    """A wallet in work, and the entries that its changes make."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self._lots: dict[int, Lot] | None = None
        self._debt, self._made = wallet.debt_micros, wallet.lots_made
        self._entries: list[Entry] = []

    def change(self, lot: Lot, amount_micros: int) -> None:
        """Adds to a lot of the wallet, or takes from it."""
        self._set(lot, lot.amount_micros + amount_micros)
        self._enter(lot.bucket, amount_micros, lot.id)

    def owe(self, amount_micros: int) -> None:
        """Adds to the debt, or takes from it."""
        if amount_micros:
            self._debt = checked(self._debt + amount_micros)
            account = member_account(self._wallet.member, DEBT)
            self._entries.append(Entry(account, -amount_micros, -self._debt))

    def put_back(self, part: Part, amount_micros: int) -> int:
        """Gives back to the lot that paid, which is made anew where it is gone; the lot's number.

        Where there is no room for it, to the one of its bucket that is spent last, else as cash.
        """
        bucket = Bucket.CASH if part.bucket == DEBT else part.bucket
        number, ends_ms = part.lot, part.expires_ms
        known = self._known().get(number)
        if known is None and not self._has_room():
            known = self._last_of(bucket) or self._last_of(Bucket.CASH)
            bucket, number, ends_ms = Bucket.CASH, 0, 0
        if known is not None:
            self.change(known, amount_micros)
            return known.id
        number = number or self._next()
        # One that has ended comes back as that, and goes again.
        lot = Lot(number, bucket, 0, PRIORITIES[bucket], ends_ms)
        self._set(lot, amount_micros)
        self._enter(bucket, amount_micros, number)
        return number

    def add(self, lot: Lot) -> None:
        """Adds a new lot."""
        if not self._has_room():
            raise LotsTooMany(
                f"member {self._wallet.member!r} holds {LOTS_MAX} amounts, each with conditions of "
                "its own; spend some first, or bring in money that shares the conditions of others"
            )
        number = self._next()
        self._set(msgspec.structs.replace(lot, id=number), lot.amount_micros)
        self._enter(lot.bucket, lot.amount_micros, number)

    def moved(self, paid: Parts) -> Moved:
        """All of it."""
        wallet = self._wallet
        if not self._entries:
            return Moved(wallet, (), paid)
        lots = wallet.lots
        if self._lots is not None:
            lots = tuple(sorted(self._lots.values(), key=order_of))
        after = msgspec.structs.replace(
            wallet, lots=lots, lots_made=self._made, debt_micros=self._debt
        )
        checked(after.lots_micros)
        return Moved(after, tuple(self._entries), paid)

    def _known(self) -> dict[int, Lot]:
        if self._lots is None:
            self._lots = {lot.id: lot for lot in self._wallet.lots}
        return self._lots

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _set(self, lot: Lot, amount_micros: int) -> None:
        lots = self._known()
        if amount_micros or not lot.is_plain:
            # An empty one with conditions stays: what it has paid may come back to it.
            lots[lot.id] = msgspec.structs.replace(lot, amount_micros=checked(amount_micros))
        else:
            lots.pop(lot.id, None)

    def _enter(self, bucket: str, amount_micros: int, number: int) -> None:
        after = sum(lot.amount_micros for lot in self._known().values() if lot.bucket == bucket)
        account = member_account(self._wallet.member, bucket)
        self._entries.append(Entry(account, amount_micros, checked(after), number))

    def _last_of(self, bucket: str) -> Lot | None:
        of_it = (lot for lot in self._known().values() if lot.bucket == bucket)
        return max(of_it, key=order_of, default=None)

    def _has_room(self) -> bool:
        """Whether there is, perhaps since an empty lot goes, or two of the same conditions meet."""
        lots = self._known()
        if len(lots) < LOTS_MAX:
            return True
        by_age = sorted(lots.values(), key=lambda lot: lot.id)
        empty = next((lot for lot in by_age if not lot.amount_micros), None)
        if empty is not None:
            del lots[empty.id]
            return True
        pair = _alike(by_age)
        if pair is None:
            return False
        old, new = pair
        self.change(old, -old.amount_micros)
        lots.pop(old.id, None)
        self.change(new, old.amount_micros)
        return True


def _alike(by_age: Sequence[Lot]) -> tuple[Lot, Lot] | None:
    """The two oldest lots of the same conditions."""
    seen: dict[tuple[object, ...], Lot] = {}
    for lot in by_age:
        conditions = (lot.bucket, lot.priority, lot.expires_ms, lot.only)
        if conditions in seen:
            return seen[conditions], lot
        seen[conditions] = lot
    return None


def _payable(lot: Lot, free: int, kinds: dict[str, int], left: int) -> int:
    """What a lot pays of what is left; takes it off what is to be paid by kind."""
    if lot.only is None or not lot.only.kinds:
        return min(free, left)
    paid = 0
    for kind in lot.only.kinds:
        part = min(kinds.get(kind, 0), free - paid, left - paid)
        if part > 0:
            kinds[kind] -= part
            paid += part
    return paid


def _positive(amount_micros: int) -> int:
    if amount_micros < 0:
        raise BrokenInvariant(f"amount {amount_micros} to move is negative")
    return checked(amount_micros)
