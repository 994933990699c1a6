"""From a new price to ledger entries: the debit is the price less what was taken.

Invariant: every transfer's entries sum to zero, and the provider's and the platform's parts are
cumulative over the same scope as the price, so no share drifts by rounding.
"""

from typing import NamedTuple

from rating.difference import difference
from rating.session import session_field
from rating.share import provider_part
from rating.tariff import TariffTerms
from schemas.buckets import Bucket, Parts
from schemas.ids import joined
from schemas.ledger import (
    PLATFORM,
    TRANSIT,
    Cause,
    ChargeLine,
    Entry,
    Transfer,
    member_account,
    provider_account,
    sponsor_account,
)
from schemas.money import checked
from shard.counters import NOTHING_MOVED, Moved
from shard.earned import NOTHING_EARNED, Earned, take_own
from wallet.holds import with_used
from wallet.lots import Use
from wallet.moves import Moved as WalletMoved
from wallet.moves import debit, give_back
from wallet.wallet import Wallet


class Charged(NamedTuple):
    """What a scope had been charged, or is now.

    Args:
        lines: Cumulative lines.
        total_micros: Their sum.
        provider_micros: The provider's part.
    """

    lines: tuple[ChargeLine, ...]
    total_micros: int
    provider_micros: int


NOTHING = Charged((), 0, 0)


class Scope(NamedTuple):
    """What a price is cumulative over, as it stands on the transfer.

    ``spent_at_ms`` does not: it says which money may pay, where that is not ``event_at_ms``; nor
    do ``paid_from`` and ``sponsor``, its tariff's.
    """

    name: str
    source: str = ""
    session: str = ""
    incarnation: int = 0
    content: str = ""
    provider: str = ""
    tariff: str = ""
    catalogue: int = 0
    event_at_ms: int = 0
    spent_at_ms: int = 0
    paid_from: frozenset[str] = frozenset()
    sponsor: str = ""


def charged_for(lines: tuple[ChargeLine, ...], tariff: TariffTerms) -> Charged:
    """The new cumulative charge of a scope.

    Raises:
        BrokenInvariant: The total is beyond the largest amount.
    """
    total = checked(sum(line.amount_micros for line in lines))
    return Charged(lines, total, provider_part(tariff, lines, total))


class Change(NamedTuple):
    """The difference between two cumulative charges of one scope.

    Args:
        lines: Changes of lines, with those of periods.
        delta_micros: What they come to.
        parts: Changes of providers' parts, by provider.
    """

    lines: tuple[ChargeLine, ...]
    delta_micros: int
    parts: dict[str, int]


def changed(
    old: Charged, new: Charged, provider: str, beside: Moved, earned_micros: int = 0
) -> Change | None:
    """What is to be told of a scope; None where nothing costs anything else.

    Args:
        old: Charged so far.
        new: To be charged in all.
        provider: Of the content.
        beside: What moves with it for calendar periods.
        earned_micros: What a member earns more by it.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    lines = (*difference(old.lines, new.lines), *beside.lines)
    delta = checked(new.total_micros - old.total_micros + beside.total_micros)
    parts = {provider: new.provider_micros - old.provider_micros}
    for name, part in beside.providers.items():
        parts[name] = parts.get(name, 0) + part
    # What a cap takes back at once moves nothing, but is told: lines are what a member reads.
    moves = any(parts.values()) or earned_micros
    if not moves and not any(line.amount_micros for line in lines):
        return None
    return Change(lines, delta, parts)


class Posted(NamedTuple):
    """What posting came to.

    Args:
        wallet: After it.
        transfer: None where nothing costs anything else.
        paid: What has paid for the scope in all.
        earned: What a member earns by it; its lot has what the member who uses earned.
    """

    wallet: Wallet
    transfer: Transfer | None
    paid: Parts
    earned: Earned = NOTHING_EARNED


def post(
    wallet: Wallet,
    old: Charged,
    new: Charged,
    scope: Scope,
    *,
    last: int = -1,
    is_late: bool,
    beside: Moved = NOTHING_MOVED,
    paid: Parts = (),
    earned: Earned = NOTHING_EARNED,
) -> Posted:
    """Moves the difference between two cumulative charges of one scope.

    Args:
        wallet: Of the member who pays, before.
        old: Charged so far.
        new: To be charged in all.
        scope: What it is for.
        last: Ledger sequence of the scope's last transfer, or -1; a correction names it.
        is_late: Whether the scope had been closed, so that any change is a correction.
        beside: What moves with it for calendar periods.
        paid: What has paid for the scope so far.
        earned: What a member earns by it.

    Raises:
        BrokenInvariant: An amount or a balance would be beyond the largest.
    """
    change = changed(old, new, scope.provider, beside, earned.delta_micros)
    if change is None:
        return Posted(wallet, None, paid, earned)
    lines, delta, parts = change
    moved = _paid(wallet, delta, scope, lines, paid)
    earned = earned.after(moved.paid)
    after, gained, lot = take_own(moved.wallet, earned)
    entries = [*moved.entries, *gained]
    if not entries:
        entries.append(Entry(member_account(wallet.member, Bucket.CASH), 0, wallet.cash_micros))
    if scope.sponsor and delta:
        entries.append(Entry(sponsor_account(scope.sponsor), -delta))
    entries.extend(Entry(provider_account(name), part) for name, part in parts.items() if part)
    if earned.delta_micros and not earned.is_own:
        entries.append(Entry(TRANSIT, earned.delta_micros))
    left = delta - sum(parts.values()) - earned.delta_micros
    if left:
        entries.append(Entry(PLATFORM, left))
    if after.holds and delta > 0 and not scope.sponsor:
        after = with_used(after, session_of(scope, wallet), delta)
    corrects = last if is_late or delta < 0 else -1
    transfer = Transfer(
        tenant=wallet.tenant,
        member=wallet.member,
        cause=Cause.CHARGE if corrects < 0 else Cause.CORRECTION,
        currency=wallet.currency,
        entries=entries,
        lines=list(lines),
        source=scope.source,
        session=scope.session,
        incarnation=scope.incarnation,
        content=scope.content,
        tariff=scope.tariff,
        catalogue=scope.catalogue,
        scope=scope.name,
        event_at_ms=scope.event_at_ms,
        corrects=corrects,
    )
    return Posted(after, transfer, moved.paid, earned._replace(lot=lot))


def _paid(
    wallet: Wallet, delta: int, scope: Scope, lines: tuple[ChargeLine, ...], paid: Parts
) -> WalletMoved:
    """The member's wallet after it paid the difference, or had it back; a sponsor pays for it."""
    if scope.sponsor:
        return WalletMoved(wallet, (), paid)
    if delta > 0:
        return debit(wallet, delta, _use(wallet, scope, lines), paid)
    return give_back(wallet, -delta, paid)


def session_of(scope: Scope, wallet: Wallet) -> str:
    """Storage field of the session that a scope is of, or of none."""
    return session_field(wallet.tenant, wallet.member, scope.source, scope.session)


def use_of(scope: Scope) -> Use:
    """A scope as what money is spent on."""
    at_ms = scope.spent_at_ms or scope.event_at_ms
    return Use(at_ms, scope.content, scope.provider, buckets=scope.paid_from)


def _use(wallet: Wallet, scope: Scope, lines: tuple[ChargeLine, ...]) -> Use:
    """The same with what each kind of charge comes to, where a lot may ask."""
    use = use_of(scope)
    if wallet.is_plain:
        return use
    kinds: dict[str, int] = {}
    for line in lines:
        kinds[line.kind] = kinds.get(line.kind, 0) + line.amount_micros
    return use._replace(kinds=kinds, session=session_of(scope, wallet))


def pass_field(tenant: str, member: str, tariff: str, kind: str, period: str) -> str:
    """Storage field of a pass."""
    return joined(tenant, member, tariff, kind, period)
