"""A card's money into a wallet: the member's shard asks the card's, which sends it, once ever.

Invariant: a card is redeemed from the moment at which its shard sends the money, and again a card
to be redeemed when the money comes back; its shard alone decides, in the order of its log. What the
member is told is decided in the member's shard, under the request's own key.
Source: design, idea 10; docs/adr/0025.
"""

import msgspec

from rating.catalogue import TenantTerms
from schemas.buckets import PRIORITIES, Bucket
from schemas.card_orders import RedeemCard
from schemas.cards import CardOnLeg, CardTerms, RedeemedCard, card_name, redemption_name
from schemas.commands import Command
from schemas.errors import BrokenInvariant, ShardStopped
from schemas.ids import member_field
from schemas.ledger import BREAKAGE, CARDS, TRANSIT, Cause, Entry, Transfer
from schemas.legs import Leg, LegKind
from shard.arriving import tell_arrival
from shard.cards import batch_field, card_field
from shard.emission import Emission
from shard.freezing import stranger_fault
from shard.leaving import returning
from shard.refusal import Refusal
from shard.runs import holds
from shard.state import ShardState
from shard.stored import Batch, Card
from shard.waking import wake_for
from wallet.lots import Lot
from wallet.moves import LotsTooMany, Moved, bring_in
from wallet.wallet import Wallet, new_wallet

ANSWERS = frozenset({LegKind.CARD, LegKind.NO_CARD})
ASKS = frozenset({LegKind.REDEEM, LegKind.CARD_BACK})


def redeem_card(
    state: ShardState, command: Command, body: RedeemCard, out: Emission, tenant: TenantTerms
) -> Leg | Refusal:
    """What a member's shard asks the card's, or why the member can have no card's money."""
    known = state.wallet(member_field(command.tenant, command.member))
    fault = stranger_fault(tenant, command.member, known)
    if fault is not None:
        return fault
    return Leg(
        source=state.shard,
        target=body.target,
        number=0,
        kind=LegKind.REDEEM,
        tenant=command.tenant,
        sender=command.member,
        receiver=command.member,
        amount_micros=0,
        currency="",
        name=redemption_name(command.key),
        card=CardOnLeg(body.card, out.record.stamp_ms),
    )


def take_card_leg(
    state: ShardState, leg: Leg, out: Emission, tenant: TenantTerms | None
) -> Leg | None:
    """Takes a leg about a card.

    Args:
        state: Changed.
        leg: The next of its source.
        out: Gets the transfer.
        tenant: Whose card; None where no catalogue names it.

    Returns:
        The leg that answers, its number not yet given; or None.
    """
    match leg.kind:
        case LegKind.REDEEM:
            return _asked(state, leg, out)
        case LegKind.CARD_BACK:
            _take_back(state, leg, out)
            return None
        case LegKind.CARD:
            return _receive(state, leg, out, tenant)
        case _:
            known = state.wallet(member_field(leg.tenant, leg.receiver))
            wallet = known or new_wallet(leg.tenant, leg.receiver, leg.currency)
            tell_arrival(state, leg, out, tenant, wallet, Refusal(leg.reason, leg.detail))
            return None


def _asked(state: ShardState, leg: Leg, out: Emission) -> Leg:
    """The card's shard: the money, or why there is none."""
    asked = _about(leg)
    field = card_field(leg.tenant, asked.card)
    card = state.card(field)
    batch = None if card is None else state.batch(batch_field(leg.tenant, card.batch))
    if card is None or batch is None:
        return returning(leg, LegKind.NO_CARD, Refusal("voucher-unknown", "no card has this PIN"))
    fault = _fault(card, batch, asked.asked_ms)
    if fault is not None:
        return returning(leg, LegKind.NO_CARD, fault)
    terms = batch.terms
    redeemed = msgspec.structs.replace(card, member=leg.receiver, at_ms=out.record.stamp_ms)
    state.put_card(field, redeemed)
    _count(state, leg.tenant, card.batch, batch, 1)
    about = CardOnLeg(asked.card, asked.asked_ms, card.batch, card.serial, terms)
    sent = msgspec.structs.replace(
        returning(leg, LegKind.CARD, Refusal("", "")),
        amount_micros=terms.amount_micros,
        currency=terms.currency,
        card=about,
    )
    entries = [Entry(CARDS, -terms.amount_micros), Entry(TRANSIT, terms.amount_micros)]
    out.transfer(_transfer(sent, Cause.CARD_SENT, entries, out))
    return sent


def _fault(card: Card, batch: Batch, asked_ms: int) -> Refusal | None:
    if card.member:
        return Refusal("voucher-redeemed", "the card was redeemed before")
    if holds(batch.blocked, card.serial):
        return Refusal("voucher-blocked", "the card is blocked; ask whoever sold it")
    if not holds(batch.active, card.serial):
        return Refusal("voucher-inactive", "the card was not activated; ask whoever sold it")
    if batch.closed_ms or 0 < batch.terms.expires_ms <= asked_ms:
        return Refusal("voucher-expired", "the card has expired")
    return None


def _take_back(state: ShardState, leg: Leg, out: Emission) -> None:
    """The card's shard: nobody could take the money, the card is as it was."""
    about = _about(leg)
    field = card_field(leg.tenant, about.card)
    card = state.card(field)
    batch = None if card is None else state.batch(batch_field(leg.tenant, card.batch))
    if card is None or batch is None:
        raise ShardStopped(f"the money of card {about.batch}/{about.serial} came back to no card")
    state.put_card(field, Card(card.batch, card.serial))
    _count(state, leg.tenant, card.batch, batch, -1)
    # Of a batch that was written off meanwhile nothing is owed any more.
    account = BREAKAGE if batch.closed_ms else CARDS
    entries = [Entry(TRANSIT, -leg.amount_micros), Entry(account, leg.amount_micros)]
    out.transfer(_transfer(leg, Cause.CARD_RETURNED, entries, out))


def _receive(state: ShardState, leg: Leg, out: Emission, tenant: TenantTerms | None) -> Leg | None:
    """The member's shard: the money becomes a lot, or goes back."""
    field, about = member_field(leg.tenant, leg.receiver), _about(leg)
    terms = about.terms
    if terms is None:
        raise ShardStopped(f"card {about.batch}/{about.serial} came without its terms")
    currency = leg.currency if tenant is None else tenant.currency
    wallet = state.wallet(field) or new_wallet(leg.tenant, leg.receiver, currency)
    ends_ms = out.record.stamp_ms + terms.valid_ms if terms.valid_ms else 0
    done = _credited(wallet, leg, terms, ends_ms)
    if isinstance(done, Refusal):
        # That it was here stands in the books, though it moves nothing.
        out.transfer(_transfer(leg, Cause.TURNED_BACK, [Entry(TRANSIT, 0)], out))
        tell_arrival(state, leg, out, tenant, wallet, done)
        return returning(leg, LegKind.CARD_BACK, done)
    state.put_wallet(field, done.wallet)
    if ends_ms and tenant is not None:
        wake_for(state, field, done.wallet, tenant.horizon_ms)
    entries = [Entry(TRANSIT, -leg.amount_micros), *done.entries]
    sequence = out.transfer(_transfer(leg, Cause.CARD_REDEEMED, entries, out))
    came = RedeemedCard(about.batch, about.serial, leg.amount_micros, ends_ms, terms.only)
    # No lot where all of it paid debt.
    lot = done.wallet.lots_made if done.wallet.lots_made > wallet.lots_made else 0
    tell_arrival(state, leg, out, tenant, done.wallet, Refusal("", ""), (sequence, lot, came))
    return None


def _credited(wallet: Wallet, leg: Leg, terms: CardTerms, ends_ms: int) -> Moved | Refusal:
    if wallet.currency != leg.currency:
        detail = f"the wallet is in {wallet.currency}, the card in {leg.currency}"
        return Refusal("currency-mismatch", detail)
    priority = PRIORITIES[Bucket.CARD] if terms.priority is None else terms.priority
    lot = Lot(0, Bucket.CARD, leg.amount_micros, priority, ends_ms, terms.only)
    try:
        return bring_in(wallet, lot)
    except LotsTooMany as many:
        return Refusal("lots-too-many", str(many))
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))


def _count(state: ShardState, tenant: str, name: str, batch: Batch, more: int) -> None:
    after = msgspec.structs.replace(batch, redeemed=batch.redeemed + more)
    state.put_batch(batch_field(tenant, name), after)


def _about(leg: Leg) -> CardOnLeg:
    if leg.card is None:
        raise ShardStopped(f"leg {leg.number} from shard {leg.source} is of no card")
    return leg.card


def _transfer(leg: Leg, cause: Cause, entries: list[Entry], out: Emission) -> Transfer:
    about = _about(leg)
    name = card_name(about.batch, about.serial)
    return Transfer(
        tenant=leg.tenant,
        member=leg.receiver,
        cause=cause,
        currency=leg.currency,
        entries=entries,
        lines=[],
        scope=f"card:{name}",
        event_at_ms=out.record.stamp_ms,
        reference=leg.reason or name,
    )
