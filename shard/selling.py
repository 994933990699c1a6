"""Passes that members buy: sold at once or not at all, cancelled, and what is kept of them.

Invariant: a pass on a tariff begins where the one before ends, so none covers what another does;
only the last one renews. A sale never makes debt. Renewals are ``shard.renewing``'s.
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms, TenantTerms
from rating.components import FlatTerms
from rating.coverage import day_in_zone, pass_end_ms
from rating.periods import PeriodKind
from schemas.commands import BuyPass, CancelPass, Command
from schemas.errors import BrokenInvariant
from schemas.ids import joined, member_field
from schemas.ledger import Cause, ChargeLine
from schemas.passes import NEVER_MS, BoughtPass
from shard.bought import passes_of
from shard.emission import Emission
from shard.freezing import frozen_fault
from shard.posting import NOTHING, Scope, charged_for, post
from shard.refusal import Refusal
from shard.state import ShardState
from shard.stored import Bought, Renewal
from shard.using import use_by
from wallet.available import available
from wallet.lots import FLAT
from wallet.wallet import Wallet, new_wallet

AHEAD_MAX = 100
# Of a tariff; older ones are let go of, and use as old as these is priced as outside of them.
KEPT_MAX = 1_000


class Offer(NamedTuple):
    """A pass on sale.

    Args:
        content: At which it is sold.
        terms: What it is.
        version_ms: When the tariff's version that says so came into force.
    """

    content: ContentTerms
    terms: FlatTerms
    version_ms: int


class Deal(NamedTuple):
    """What of a sale is not the offer's.

    Args:
        at_ms: Now; a pass that runs is followed at its end.
        renews: Whether another one follows by itself.
        key: Of the command, or empty.
        actor: API key id behind it, or empty.
        reference: The pass that it renews, or empty.
    """

    at_ms: int
    renews: bool
    key: str = ""
    actor: str = ""
    reference: str = ""


def offer_of(tenant: TenantTerms, content: str, period: PeriodKind, at_ms: int) -> Offer | Refusal:
    """The pass of a content's tariff that is on sale at a moment."""
    terms = tenant.content(content)
    if terms is None:
        return Refusal("content-unknown", f"tenant {tenant.id!r} has no content {content!r}")
    tariff = terms.tariff
    version = tariff.version_at(at_ms)
    for track in tariff.tracks:
        part = track[version]
        if isinstance(part, FlatTerms) and part.is_bought and part.period == period:
            return Offer(terms, part, tariff.versions[version].from_ms)
    detail = f"tariff {tariff.id!r} of content {content!r} sells no pass for a {period}"
    return Refusal("pass-not-sold", detail)


def buy_pass(
    state: ShardState, command: Command, body: BuyPass, out: Emission, tenant: TenantTerms
) -> BoughtPass | Refusal:
    """Sells a pass, where there is the money for it.

    Args:
        state: Changed where it is sold.
        command: From the log.
        body: Of it.
        out: Gets the transfer.
        tenant: The member's tenant.
    """
    stamp_ms = out.record.stamp_ms
    offer = offer_of(tenant, body.content, body.period, stamp_ms)
    if isinstance(offer, Refusal):
        return offer
    if body.renews and not offer.terms.renews:
        return Refusal("pass-renews-not", "the tariff does not renew this pass; buy it without")
    wallet = _wallet(state, tenant, command.member)
    fault = frozen_fault(wallet) or _currency_fault(tenant, wallet)
    if fault is not None:
        return fault
    known = passes_of(state, command.tenant, command.member, offer.content.tariff.id)
    if sum(each.to_ms > stamp_ms for each in known) >= AHEAD_MAX:
        return Refusal("passes-too-many", f"{AHEAD_MAX} passes are paid ahead; use these first")
    renews = offer.terms.renews if body.renews is None else body.renews
    deal = Deal(stamp_ms, renews, command.key, command.actor)
    return sell(state, out, wallet, offer, deal)


def sell(
    state: ShardState, out: Emission, wallet: Wallet, offer: Offer, deal: Deal
) -> BoughtPass | Refusal:
    """Takes the price and keeps the pass.

    Args:
        state: Changed where it is sold.
        out: Gets the transfer.
        wallet: Of the member.
        offer: What is sold.
        deal: How.
    """
    price = offer.terms.price_micros
    # Credit is for use that nobody could stop; a pass is not sold on it.
    use = use_by(offer.content, deal.at_ms)._replace(kinds=FLAT)
    if available(wallet, 0, use) < price:
        return Refusal("insufficient-funds", "the pass costs more than is there; top up first")
    tariff = offer.content.tariff
    known = passes_of(state, wallet.tenant, wallet.member, tariff.id)
    last = known[-1] if known else None
    from_ms = deal.at_ms if last is None else max(deal.at_ms, last.to_ms)
    try:
        day = _day(offer, last, from_ms)
        to_ms = pass_end_ms(offer.terms, from_ms, offer.content.zone, day)
    except BrokenInvariant as broken:
        return Refusal("pass-not-sold", str(broken))
    number = f"{state.shard}-{out.next_transfer}"
    line = ChargeLine(
        "flat", offer.terms.period, 1, price, "", offer.version_ms, offer.terms.text, from_ms, to_ms
    )
    scope = Scope(
        name=f"pass:{tariff.id}:{number}",
        content=offer.content.id,
        provider=offer.content.provider,
        tariff=tariff.id,
        catalogue=state.meta.catalogue,
        event_at_ms=from_ms,
        spent_at_ms=deal.at_ms,
        paid_from=tariff.paid_from,
    )
    after, transfer, *_ = post(wallet, NOTHING, charged_for((line,), tariff), scope, is_late=False)
    if transfer is None:
        raise BrokenInvariant(f"pass {number} costs nothing")
    out.transfer(
        msgspec.structs.replace(
            transfer, cause=Cause.PASS, key=deal.key, actor=deal.actor, reference=deal.reference
        )
    )
    state.put_wallet(member_field(wallet.tenant, wallet.member), after)
    sold = BoughtPass(
        id=number,
        content=offer.content.id,
        tariff=tariff.id,
        period=offer.terms.period,
        from_ms=from_ms,
        to_ms=to_ms,
        amount_micros=price,
        renews_at_ms=to_ms if deal.renews else NEVER_MS,
        day=day,
    )
    keep(state, wallet, (*known, sold))
    return sold


def keep(state: ShardState, wallet: Wallet, passes: tuple[BoughtPass, ...]) -> None:
    """Keeps a member's passes on one tariff, of which only the last may renew.

    Args:
        state: Changed.
        wallet: The member's.
        passes: All of them, not empty.
    """
    last = passes[-1]
    before = [_once(each) for each in passes[-KEPT_MAX:-1]]
    field = member_field(wallet.tenant, wallet.member)
    bought = state.bought_by(field)
    by_tariff = {} if bought is None else bought.by_tariff
    state.put_bought(field, Bought(by_tariff | {last.tariff: (*before, last)}))
    renewal = renewal_field(wallet.tenant, wallet.member, last.tariff)
    if last.renews:
        state.put_renewal(renewal, Renewal(last.renews_at_ms))
    else:
        state.drop_renewal(renewal)


def cancel_pass(
    state: ShardState, command: Command, body: CancelPass, tenant: TenantTerms
) -> BoughtPass | Refusal:
    """Lets a pass run to its end and not be followed by another; again, it changes nothing."""
    bought = state.bought_by(member_field(command.tenant, command.member))
    for passes in () if bought is None else bought.by_tariff.values():
        for each in passes:
            if each.id == body.id:
                if each.renews:
                    keep(state, _wallet(state, tenant, command.member), (*passes[:-1], _once(each)))
                return _once(each)
    return Refusal("pass-unknown", f"member {command.member!r} has no pass {body.id!r}")


def renewal_field(tenant: str, member: str, tariff: str) -> str:
    """Storage field of when a member's last pass on a tariff renews."""
    return joined(tenant, member, tariff)


def _once(each: BoughtPass) -> BoughtPass:
    return msgspec.structs.replace(each, renews_at_ms=NEVER_MS) if each.renews else each


def _day(offer: Offer, last: BoughtPass | None, from_ms: int) -> int:
    """Day of the month on which a rolling month ends: that of the first of those that meet."""
    if not offer.terms.is_rolling or offer.terms.period != "month":
        return 0
    if last is not None and last.day and last.to_ms == from_ms:
        return last.day
    return day_in_zone(from_ms, offer.content.zone)


def _currency_fault(tenant: TenantTerms, wallet: Wallet) -> Refusal | None:
    if tenant.currency == wallet.currency:
        return None
    detail = f"the wallet is in {wallet.currency}, the catalogue sells in {tenant.currency}"
    return Refusal("currency-mismatch", detail)


def _wallet(state: ShardState, tenant: TenantTerms, member: str) -> Wallet:
    known = state.wallet(member_field(tenant.id, member))
    return known or new_wallet(tenant.id, member, tenant.currency)
