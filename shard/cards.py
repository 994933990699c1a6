"""What operators order of prepaid cards: made, on sale, blocked, written off.

Invariant: what is owed for cards, on the account ``cards``, is at any moment the amount of a
batch times those of this shard that are on sale and not redeemed; so orders change it whole. Cards
of a batch are in the shards of their PINs' hashes, and each order goes to every shard.
It does not own redemption (``shard.redeeming``).
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import TenantTerms
from schemas.buckets import NAMES_MAX, PRIORITY_MAX
from schemas.card_orders import ActivateCards, BlockCards, CardOrder, CloseCards, RegisterCards
from schemas.cards import (
    BATCH_CARDS_MAX,
    BATCH_CHARS_MAX,
    CARDS_PER_RECORD_MAX,
    NOBODY,
    RUNS_MAX,
    CardTerms,
)
from schemas.commands import Command
from schemas.ids import SEPARATOR, joined
from schemas.ledger import BREAKAGE, CARDS, WORLD, Cause, Entry, Transfer
from schemas.money import AMOUNT_MAX
from shard.emission import Emission
from shard.refusal import Refusal
from shard.runs import count_in, with_run, without_run
from shard.state import ShardState
from shard.stored import Batch, Card, Serials


class Ordered(NamedTuple):
    """How many cards of this shard an order changed, and the transfer's sequence, or -1."""

    cards: int
    sequence: int = -1


def card_field(tenant: str, card: bytes) -> str:
    """Storage field of a card: of its PIN's hash, never of its PIN."""
    return joined(tenant, card.hex())


def batch_field(tenant: str, batch: str) -> str:
    """Storage field of a batch, and of its serial numbers."""
    return joined(tenant, batch)


def order_cards(
    state: ShardState, command: Command, body: CardOrder, out: Emission, tenant: TenantTerms
) -> Ordered | Refusal:
    """Does what an operator says of a batch, as far as it is of this shard.

    Args:
        state: Changed where it is done.
        command: From the log.
        body: Of it.
        out: Gets the transfer.
        tenant: Whose cards.
    """
    if isinstance(body, RegisterCards):
        return _register(state, command, body, tenant)
    field = batch_field(command.tenant, body.batch)
    batch = state.batch(field)
    if batch is None:
        detail = f"this shard has no card of a batch {body.batch!r}"
        return Refusal("batch-unknown", detail)
    if isinstance(body, CloseCards):
        return _close(state, command, batch, out)
    if not 1 <= body.first <= body.last <= BATCH_CARDS_MAX:
        detail = f"first and last are serial numbers, 1 to {BATCH_CARDS_MAX}, in order"
        return Refusal("serials-invalid", detail)
    if isinstance(body, BlockCards):
        return _block(state, command, body, batch)
    return _activate(state, command, body, batch, out)


def _register(
    state: ShardState, command: Command, body: RegisterCards, tenant: TenantTerms
) -> Ordered | Refusal:
    field = batch_field(command.tenant, body.batch)
    batch, serials = state.batch(field), state.serials_of(field)
    fault = _batch_fault(body, tenant) or _cards_fault(state, command, body, batch, serials)
    if fault is not None:
        return fault
    for serial, card in body.cards:
        state.put_card(card_field(command.tenant, card), Card(body.batch, serial))
    numbers = tuple(sorted({*serials.numbers, *(serial for serial, _ in body.cards)}))
    state.put_serials(field, Serials(numbers))
    batch = batch or Batch(body.terms, 0)
    state.put_batch(field, msgspec.structs.replace(batch, made=len(numbers)))
    return Ordered(len(body.cards))


def _batch_fault(body: RegisterCards, tenant: TenantTerms) -> Refusal | None:
    """Why a batch cannot be such a one."""
    terms, name = body.terms, body.batch
    if not 0 < len(name) <= BATCH_CHARS_MAX or not name.isprintable() or SEPARATOR in name:
        return Refusal("batch-invalid", f"a name is 1 to {BATCH_CHARS_MAX} printable characters")
    if not 0 < terms.amount_micros <= AMOUNT_MAX:
        return Refusal("amount-invalid", "a card is worth more than zero, and what a wallet holds")
    if terms.currency != tenant.currency:
        detail = f"the tenant's wallets are in {tenant.currency}, the cards in {terms.currency}"
        return Refusal("currency-mismatch", detail)
    if terms.expires_ms < 0 or terms.valid_ms < 0:
        return Refusal("expiry-invalid", "an expiry is a moment, a validity a length of time")
    if terms.priority is not None and not 0 <= terms.priority <= PRIORITY_MAX:
        return Refusal("priority-invalid", f"a priority is 0 to {PRIORITY_MAX}")
    only = terms.only
    names = () if only is None else (only.contents, only.providers, only.kinds)
    if any(len(each) > NAMES_MAX for each in names):
        return Refusal("restriction-invalid", f"at most {NAMES_MAX} names of each sort")
    return None


def _cards_fault(
    state: ShardState,
    command: Command,
    body: RegisterCards,
    batch: Batch | None,
    serials: Serials,
) -> Refusal | None:
    """Why these cards cannot be added to a batch."""
    if not 0 < len(body.cards) <= CARDS_PER_RECORD_MAX:
        return Refusal("serials-invalid", f"1 to {CARDS_PER_RECORD_MAX} cards at once")
    if batch is not None and (batch.terms != body.terms or batch.active or batch.closed_ms):
        detail = f"the batch {body.batch!r} was made before; choose another name"
        return Refusal("batch-exists", detail)
    new = {serial for serial, _ in body.cards}
    if len(new) != len(body.cards) or not new.isdisjoint(serials.numbers):
        return Refusal("serials-invalid", "a serial number stands there twice, or was used before")
    if not all(0 < serial <= BATCH_CARDS_MAX for serial in new):
        return Refusal("serials-invalid", f"serial numbers are 1 to {BATCH_CARDS_MAX}")
    hashes = {card for _, card in body.cards}
    if len(hashes) != len(body.cards) or any(
        state.card(card_field(command.tenant, card)) is not None for card in hashes
    ):
        return Refusal("card-exists", "a card has the PIN of another")
    owed = body.terms.amount_micros * (len(serials.numbers) + len(new))
    if owed > AMOUNT_MAX:
        return Refusal("batch-too-large", "so many cards of so much are more than 2^53 - 1 micros")
    return None


def _activate(
    state: ShardState, command: Command, body: ActivateCards, batch: Batch, out: Emission
) -> Ordered | Refusal:
    if batch.closed_ms:
        return Refusal("batch-closed", f"the batch {body.batch!r} has expired and was written off")
    field = batch_field(command.tenant, body.batch)
    active = with_run(batch.active, body.first, body.last)
    if len(active) > RUNS_MAX:
        return _too_scattered(body.batch)
    activated = count_in(active, state.serials_of(field).numbers)
    more = activated - batch.activated
    after = msgspec.structs.replace(batch, active=active, activated=activated)
    state.put_batch(field, after)
    if not more:
        return Ordered(0)
    sold = Sold(command, body.batch, batch.terms, more)
    return Ordered(more, out.transfer(_transfer(sold, Cause.CARDS_SOLD, WORLD, CARDS, out)))


def _block(
    state: ShardState, command: Command, body: BlockCards, batch: Batch
) -> Ordered | Refusal:
    field = batch_field(command.tenant, body.batch)
    change = with_run if body.is_blocked else without_run
    blocked = change(batch.blocked, body.first, body.last)
    if len(blocked) > RUNS_MAX:
        return _too_scattered(body.batch)
    numbers = state.serials_of(field).numbers
    before, after = count_in(batch.blocked, numbers), count_in(blocked, numbers)
    state.put_batch(field, msgspec.structs.replace(batch, blocked=blocked))
    return Ordered(abs(after - before))


def _close(state: ShardState, command: Command, batch: Batch, out: Emission) -> Ordered | Refusal:
    body, terms, stamp_ms = command.body, batch.terms, out.record.stamp_ms
    assert isinstance(body, CloseCards)
    if not terms.expires_ms or stamp_ms < terms.expires_ms:
        return Refusal("batch-not-expired", f"the batch {body.batch!r} can still be redeemed")
    if batch.closed_ms:
        return Ordered(0)
    after = msgspec.structs.replace(batch, closed_ms=stamp_ms)
    state.put_batch(batch_field(command.tenant, body.batch), after)
    left = batch.activated - batch.redeemed
    if not left:
        return Ordered(0)
    over = Sold(command, body.batch, terms, left)
    return Ordered(left, out.transfer(_transfer(over, Cause.CARDS_EXPIRED, CARDS, BREAKAGE, out)))


class Sold(NamedTuple):
    """Cards whose money moves at once: by which command, of which batch, how many."""

    command: Command
    batch: str
    terms: CardTerms
    cards: int


def _transfer(sold: Sold, cause: Cause, giver: str, taker: str, out: Emission) -> Transfer:
    amount = sold.terms.amount_micros * sold.cards
    return Transfer(
        tenant=sold.command.tenant,
        member=NOBODY,
        cause=cause,
        currency=sold.terms.currency,
        entries=[Entry(giver, -amount), Entry(taker, amount)],
        lines=[],
        scope=f"cards:{sold.batch}",
        event_at_ms=out.record.stamp_ms,
        key=sold.command.key,
        reference=f"{sold.batch}: {sold.cards}",
        actor=sold.command.actor,
    )


def _too_scattered(batch: str) -> Refusal:
    detail = (
        f"the batch {batch!r} would be in over {RUNS_MAX} stretches; fill gaps, or take smaller"
    )
    return Refusal("serials-scattered", f"{detail} batches for cards that are sold one by one")
