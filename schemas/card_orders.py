"""Commands about prepaid cards: what operators order of a batch, and a member's redemption.

Invariant: an order goes to every shard that may have cards of the batch, each under its own key,
and says the same thing to all of them.
"""

import msgspec

from schemas.cards import CardTerms


class RegisterCards(
    msgspec.Struct, frozen=True, array_like=True, tag="register_cards", tag_field="command"
):
    """Cards of a batch that live in a shard; they can be redeemed once they are activated.

    Args:
        batch: Its name, the tenant's.
        terms: Of all its cards, the same in each command about it.
        cards: Serial number and PIN's hash of each, at most ``CARDS_PER_RECORD_MAX``.
    """

    batch: str
    terms: CardTerms
    cards: tuple[tuple[int, bytes], ...]


class ActivateCards(
    msgspec.Struct, frozen=True, array_like=True, tag="activate_cards", tag_field="command"
):
    """Cards of a batch are sold: from here on they can be redeemed, and are owed for.

    Args:
        batch: Its name.
        first: Serial number of the first.
        last: Of the last; those of them that are on sale already stay so.
    """

    batch: str
    first: int
    last: int


class BlockCards(
    msgspec.Struct, frozen=True, array_like=True, tag="block_cards", tag_field="command"
):
    """Cards of a batch can not be redeemed, until it is said otherwise.

    Args:
        batch: Its name.
        first: Serial number of the first.
        last: Of the last; what was redeemed stays so.
        is_blocked: False lets them go.
    """

    batch: str
    first: int
    last: int
    is_blocked: bool


class CloseCards(
    msgspec.Struct, frozen=True, array_like=True, tag="close_cards", tag_field="command"
):
    """What nobody redeemed of a batch that has expired is owed to nobody any more.

    Args:
        batch: Its name.
    """

    batch: str


class RedeemCard(
    msgspec.Struct, frozen=True, array_like=True, tag="redeem_card", tag_field="command"
):
    """A member wants the money of a card.

    Args:
        card: Hash of its PIN.
        target: The card's shard.
    """

    card: bytes
    target: int


# What operators say of cards, to each shard that has any of them.
CardOrder = RegisterCards | ActivateCards | BlockCards | CloseCards
