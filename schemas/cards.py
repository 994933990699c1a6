"""Prepaid cards: what their batch says of them, and what of one goes from shard to shard.

A card is known by the keyed hash of its PIN alone (``schemas.pins``), and lives in the shard of
that hash; a batch stands in every shard that has any of its cards. Invariant: a serial number names
one card of its batch, and batches are bounded.
"""

from typing import Final

import msgspec

from schemas.buckets import Only
from schemas.ids import ShardId

CARDS_PER_RECORD_MAX: Final = 1_000
BATCH_CARDS_MAX: Final = 100_000
BATCH_CHARS_MAX: Final = 64
# Stretches of serial numbers that a batch keeps apart, of those on sale and of those blocked.
RUNS_MAX: Final = 1_000
# Commands about a batch are of a shard, not of a member; no member has this name.
NOBODY: Final = ""
_SHARD_BYTES: Final = 8


class CardTerms(msgspec.Struct, frozen=True, array_like=True):
    """What all cards of a batch are worth, and to whom for how long.

    Args:
        amount_micros: Of each; more than 0.
        currency: ISO 4217 code.
        expires_ms: From this moment on nobody redeems them; 0 for never.
        valid_ms: For how long after it was redeemed the money can be spent; 0 for ever.
        priority: Of the money in the wallet; None leaves it to the bucket.
        only: What the money may be spent on; None for anything.
    """

    amount_micros: int
    currency: str
    expires_ms: int = 0
    valid_ms: int = 0
    priority: int | None = None
    only: Only | None = None


class CardOnLeg(msgspec.Struct, frozen=True, array_like=True):
    """What a leg says of the card that it is about.

    Args:
        card: Hash of its PIN.
        asked_ms: When the member's shard took the request: what decides whether it is in time.
        batch: Of the card, once its shard has found it; empty before.
        serial: In the batch.
        terms: Of the batch.
    """

    card: bytes
    asked_ms: int
    batch: str = ""
    serial: int = 0
    terms: CardTerms | None = None


class RedeemedCard(msgspec.Struct, frozen=True, array_like=True):
    """What a member got by a card.

    Args:
        batch: Of the card.
        serial: In the batch.
        amount_micros: What came into the wallet.
        expires_ms: Use from this moment on cannot spend it; 0 for never.
        only: What it may be spent on.
    """

    batch: str
    serial: int
    amount_micros: int
    expires_ms: int = 0
    only: Only | None = None


def card_shard(card: bytes, shards: int) -> ShardId:
    """The shard in which a card lives.

    Args:
        card: Hash of its PIN.
        shards: Stored number of shards.
    """
    return ShardId(int.from_bytes(card[:_SHARD_BYTES]) % shards)


def card_name(batch: str, serial: int) -> str:
    """How people name a card, in entries and exports."""
    return f"{batch}/{serial:06d}"


def redemption_name(key: str) -> str:
    """Of a redemption, by its Idempotency-Key, among what arrives for its member.

    No transfer has such a name: theirs begin with a shard's number.
    """
    return f"card:{key}"
