"""Legs: halves of a transfer between two shards, as output of the one and record of the other.

One message per (log record, slice) of ``shard.legs.v1``, framed as other outputs; each leg is then
a record of its target's log. Invariant: legs are numbered without gaps per (source shard, target
shard), and a target takes only the next, so each counts once, for ever.
"""

from enum import StrEnum

import msgspec

from schemas.cards import CardOnLeg

MEMO_CHARS_MAX = 256


class LegKind(StrEnum):
    """What a leg does; what is earned may be less again, and what nobody can take goes back."""

    SEND = "send"
    RETURN = "return"
    EARN = "earn"
    UNEARNED = "unearned"
    # Of cards: a member's shard asks the card's; that one sends the money, or says why not; what
    # the member's wallet cannot take goes back to the card.
    REDEEM = "redeem"
    CARD = "card"
    NO_CARD = "no_card"
    CARD_BACK = "card_back"


class Leg(msgspec.Struct, frozen=True, array_like=True):
    """Money on its way from one shard to another, or what is asked and answered about it.

    Args:
        source: Shard that put it out.
        target: Shard that is to take it.
        number: Among the legs from this source to this target, from 0.
        kind: A ``LegKind``; one that goes back or answers cannot be refused.
        tenant: Whose books.
        sender: Member who sent the money; of a card, who redeems it.
        receiver: Member who is to have it.
        amount_micros: More than 0; 0 of one that moves nothing; of what is earned less than 0 where
            that is corrected.
        currency: ISO 4217 code.
        name: Of the whole transfer: ``<shard>-<ledger sequence>`` of the sender's part, or
            ``schemas.cards.redemption_name``.
        memo: The sender's words.
        reason: Of one that returns, why it was not taken.
        detail: Of one that returns, the same for a person.
        bucket: Of what is earned, the kind of money.
        ends_ms: Of what is earned, when it ends, 0 for never.
        card: Which card it is about.
    """

    source: int
    target: int
    number: int
    kind: str
    tenant: str
    sender: str
    receiver: str
    amount_micros: int
    currency: str
    name: str
    memo: str = ""
    reason: str = ""
    detail: str = ""
    bucket: str = ""
    ends_ms: int = 0
    card: CardOnLeg | None = None


def arrival_key(name: str) -> str:
    """Under which key the target keeps what became of a transfer; no caller's key can be it."""
    return f"\x02{name}"
