"""Commands: requests that change money or consents, as records of the member's shard; results.

Invariant: (tenant, member, key) names a command for ever; the first one decides, later ones with
the same key are answered by the stored result. A refusal is a result too.
"""

from enum import StrEnum

import msgspec
import xxhash

from schemas.buckets import Only
from schemas.card_orders import CardOrder, RedeemCard
from schemas.cards import RedeemedCard
from schemas.consent import Consent, ConsentTerms
from schemas.grants import Grant, Units
from schemas.holds import Hold
from schemas.passes import BoughtPass
from schemas.tariff import PeriodName
from schemas.withdrawals import Withdrawal, WithdrawalOrder

REASON_CHARS_MAX = 256


class TopUp(msgspec.Struct, frozen=True, array_like=True, tag="top_up", tag_field="command"):
    """Money from outside into a wallet.

    Args:
        amount_micros: More than 0, in the wallet's currency.
        currency: ISO 4217 code; must be the wallet's.
        reference: The payment's reference at whoever took the money.
    """

    amount_micros: int
    currency: str
    reference: str = ""


class GiveCredit(
    msgspec.Struct, frozen=True, array_like=True, tag="give_credit", tag_field="command"
):
    """Money with conditions into a wallet: a card's, points, or of a promotion.

    Args:
        bucket: Which; a ``schemas.buckets.Bucket`` but cash.
        amount_micros: More than 0, in the wallet's currency.
        currency: ISO 4217 code; must be the wallet's.
        priority: Lots with a lower one are spent first; None leaves it to the bucket.
        expires_ms: Use from this moment on cannot spend it; 0 for never.
        only: What it may be spent on; None for anything.
        reference: Why it is given, or which card it was.
    """

    bucket: str
    amount_micros: int
    currency: str
    priority: int | None = None
    expires_ms: int = 0
    only: Only | None = None
    reference: str = ""


class SendMoney(
    msgspec.Struct, frozen=True, array_like=True, tag="send_money", tag_field="command"
):
    """Cash to another member of the tenant, at once.

    Args:
        receiver: Who is to have it.
        target: The receiver's shard.
        amount_micros: More than 0, in the wallet's currency.
        currency: ISO 4217 code; must be both wallets'.
        memo: The sender's words, for both.
    """

    receiver: str
    target: int
    amount_micros: int
    currency: str
    memo: str = ""


class PlaceHold(
    msgspec.Struct, frozen=True, array_like=True, tag="place_hold", tag_field="command"
):
    """Money is set aside for a use that is still to come.

    Args:
        amount_micros: More than 0, in the wallet's currency.
        currency: ISO 4217 code; must be the wallet's.
        valid_ms: For how long, at most ``schemas.holds.VALID_MS_MAX``.
        content: What it is for: its provider is paid, by its tariff's share; or empty.
        provider: Who is paid all of it, where no content is named; empty for the platform.
        reference: The caller's own name for it.
    """

    amount_micros: int
    currency: str
    valid_ms: int
    content: str = ""
    provider: str = ""
    reference: str = ""


class CaptureHold(
    msgspec.Struct, frozen=True, array_like=True, tag="capture_hold", tag_field="command"
):
    """A part of a hold, or all of it, is taken.

    Args:
        hold: Its number.
        amount_micros: More than 0 and at most what it has left.
        is_final: Whether the rest is free afterwards.
    """

    hold: int
    amount_micros: int
    is_final: bool = True


class ReleaseHold(
    msgspec.Struct, frozen=True, array_like=True, tag="release_hold", tag_field="command"
):
    """What is left of a hold is free.

    Args:
        hold: Its number.
    """

    hold: int


class AskGrant(msgspec.Struct, frozen=True, array_like=True, tag="ask_grant", tag_field="command"):
    """A content server asks what it may deliver in a session before it does.

    Args:
        source: That serves the session.
        session: Its id.
        content: What is used.
        at_ms: When it asked, by the clock that takes events in.
        wanted: More of each thing than was used so far; nothing leaves it to the tariff.
        is_initial: Whether the session may not have begun yet.
        consent: The member's, verified, where a session is to begin under one.
    """

    source: str
    session: str
    content: str
    at_ms: int
    wanted: tuple[Units, ...] = ()
    is_initial: bool = False
    consent: Consent | None = None


class EndGrant(msgspec.Struct, frozen=True, array_like=True, tag="end_grant", tag_field="command"):
    """Nothing more is delivered in a session: what was set aside for it is free.

    Args:
        source: That served the session.
        session: Its id.
    """

    source: str
    session: str


class BuyPass(msgspec.Struct, frozen=True, array_like=True, tag="buy_pass", tag_field="command"):
    """A pass for a member, paid at once.

    Args:
        content: At which it is bought; its tariff says the price, its zone the calendar.
        period: Which of the tariff's passes.
        renews: Whether the next one follows by itself; None leaves it to the tariff.
    """

    content: str
    period: PeriodName
    renews: bool | None = None


class CancelPass(
    msgspec.Struct, frozen=True, array_like=True, tag="cancel_pass", tag_field="command"
):
    """No other pass follows this one, which stays until its end.

    Args:
        id: Of the pass.
    """

    id: str


class GrantMandate(
    msgspec.Struct, frozen=True, array_like=True, tag="grant_mandate", tag_field="command"
):
    """The member agrees to be charged; the same id again puts new terms in place of the old.

    Args:
        mandate: Its id, unique among the member's.
        terms: What is agreed to.
    """

    mandate: str
    terms: ConsentTerms


class RevokeConsent(
    msgspec.Struct, frozen=True, array_like=True, tag="revoke_consent", tag_field="command"
):
    """The member no longer agrees: nothing more begins under it, and what runs is cut off.

    Args:
        kind: A ``schemas.consent.ConsentKind``.
        id: The mandate's, or the token's ``jti``, which may never have been seen.
    """

    kind: str
    id: str


class CorrectPrice(
    msgspec.Struct, frozen=True, array_like=True, tag="correct_price", tag_field="command"
):
    """A session was charged by a wrong price: it is priced anew, as if begun under a catalogue.

    Args:
        correction: Names the order of which this is a part, on the CDR.
        reason: For people, on the entry.
        tariff: That was wrong; the session's, and its content's in the catalogue.
        catalogue: Number of a published version, later than that which it was begun under.
        source: Of the session.
        session: Its id.
        incarnation: Which of its lives.
        sealed: Its state from its latest CDR, for a shard that has let go of it.
        looked_up_to: The applied stream was in the warehouse without a hole up to here.
    """

    correction: str
    reason: str
    tariff: str
    catalogue: int
    source: str
    session: str
    incarnation: int
    sealed: bytes = b""
    looked_up_to: int = 0


class FreezeWallet(
    msgspec.Struct, frozen=True, array_like=True, tag="freeze_wallet", tag_field="command"
):
    """Nothing of a wallet may be spent, sent or set aside, until it is said otherwise.

    Args:
        reason: For people, at most ``REASON_CHARS_MAX``; empty ends it.
    """

    reason: str


Reserve = PlaceHold | CaptureHold | ReleaseHold
# What asks for no consent.
Moving = TopUp | GiveCredit | SendMoney | FreezeWallet | Reserve | EndGrant | RedeemCard
Money = Moving | CardOrder | WithdrawalOrder
Body = Money | AskGrant | GrantMandate | RevokeConsent | BuyPass | CancelPass | CorrectPrice


class Command(msgspec.Struct, frozen=True, array_like=True):
    """One request.

    Args:
        tenant: Whose system.
        member: Whose wallet decides; ``schemas.cards.NOBODY`` of an order about cards.
        key: The caller's Idempotency-Key.
        request_hash: Of the whole request; same key with another hash is a conflict.
        deadline_ms: Log time (the record's stamp) past which the result is ``expired``.
        actor: Id of the API key that asked.
        body: What is asked.
    """

    tenant: str
    member: str
    key: str
    request_hash: bytes
    deadline_ms: int
    actor: str
    body: Body


class Outcome(StrEnum):
    """How a command ended.

    ``done`` is one that moves no money; ``sent`` one that another shard has to take: how it ended
    stands under ``schemas.legs.arrival_key``.
    """

    POSTED = "posted"
    DONE = "done"
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What a command came to; kept under its key.

    Args:
        request_hash: Of the request that decided.
        outcome: An ``Outcome``.
        reason: Stable word when refused, else empty.
        detail: For a person.
        shard: The deciding shard.
        ledger_sequence: Of its transfer, or -1.
        posted_micros: The wallet's posted balance after it.
        available_micros: What could be spent after it.
        currency: The wallet's currency.
        posted_at_ms: The log record's stamp.
        bought: The pass that a command bought or changed, as it is after it.
        lot: Number of the lot that a command brought in, or 0; all of it may have paid debt.
        hold: That a command placed or changed, as it is after it.
        grant: What may be delivered in a session.
        card: What came into the wallet by one.
        cards: How many cards of this shard an order about a batch changed.
        withdrawal: That a command asked for or decided, as it is after it.
    """

    request_hash: bytes
    outcome: str
    reason: str
    detail: str
    shard: int
    ledger_sequence: int
    posted_micros: int
    available_micros: int
    currency: str
    posted_at_ms: int
    bought: BoughtPass | None = None
    lot: int = 0
    hold: Hold | None = None
    grant: Grant | None = None
    card: RedeemedCard | None = None
    cards: int = 0
    withdrawal: Withdrawal | None = None


def request_hash(canonical: bytes) -> bytes:
    """16 bytes of a request's canonical form, to tell a repeat from a conflict."""
    return xxhash.xxh3_128_digest(canonical)
