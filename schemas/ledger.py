"""Ledger: transfers and their entries, the items of ``ledger.entries.v1``.

Invariant: the entries of one transfer sum to zero per currency; nothing posted ever changes,
a correction is a new transfer that names the old one.
"""

from enum import StrEnum

import msgspec

WORLD = "world"
PLATFORM = "platform"
# What money that was given costs whoever gives it, and what of it nobody spent in time.
PROMOTION = "promotion"
POINTS = "points"
BREAKAGE = "breakage"
# Money on its way to another shard, and what came back to a wallet that could not hold it.
TRANSIT = "transit"
# What is owed for cards that were sold and not yet redeemed.
CARDS = "cards"
UNCLAIMED = "unclaimed"
# Money that members have asked to be paid out and that has not left, and what that costs them.
WITHDRAWALS = "withdrawals"
FEES = "fees"


class Cause(StrEnum):
    """Why money moved."""

    CHARGE = "charge"
    CORRECTION = "correction"
    PASS = "pass"  # noqa: S105 -- a paid period, not a password
    TOP_UP = "top_up"
    CREDIT = "credit"
    EXPIRY = "expiry"
    CAPTURE = "capture"
    SENT = "sent"
    RECEIVED = "received"
    TURNED_BACK = "turned_back"
    RETURNED = "returned"
    EARNED = "earned"
    CARDS_SOLD = "cards_sold"
    CARD_SENT = "card_sent"
    CARD_REDEEMED = "card_redeemed"
    CARD_RETURNED = "card_returned"
    CARDS_EXPIRED = "cards_expired"
    WITHDRAWAL_REQUESTED = "withdrawal_requested"
    WITHDRAWAL_PAID = "withdrawal_paid"
    WITHDRAWAL_REJECTED = "withdrawal_rejected"
    WITHDRAWAL_FAILED = "withdrawal_failed"
    WITHDRAWAL_RETURNED = "withdrawal_returned"


class ChargeLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a price or of a price's change.

    Args:
        kind: ``time``, ``minimum``, ``fee``, ``volume``, ``item``, ``page``, ``flat``, ``cap`` or
            ``capture``.
        meter: What was counted: ``ms``, a meter's name, an item, a direction, a period.
        quantity: How much of it, in that meter's unit.
        amount_micros: What it costs; what a cap takes back is negative.
        rate: Time-of-day rate or tier, empty for the base price.
        version: When the tariff's version came into force, 0 for the first.
        price: Unit price in the tariff's words, such as ``30/60 s``.
        from_ms: Of time, the first moment that it counts, else 0.
        to_ms: Of time, the moment after the last, else 0.
    """

    kind: str
    meter: str
    quantity: int
    amount_micros: int
    rate: str = ""
    version: int = 0
    price: str = ""
    from_ms: int = 0
    to_ms: int = 0


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One signed movement on one account.

    Args:
        account: ``member/<member>/<bucket>``, ``provider/<provider>``, ``sponsor/<sponsor>``, or
            one of the names above.
        amount_micros: Positive when the account gets, negative when it gives.
        balance_after_micros: Of a member's bucket after it; None for system accounts.
        lot: Which of the member's lots it is of; 0 for debt and system accounts.
    """

    account: str
    amount_micros: int
    balance_after_micros: int | None = None
    lot: int = 0


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Entries that belong together.

    Args:
        tenant: Whose books.
        member: Whose wallet moved; empty where cards were sold, or expired.
        cause: A ``Cause``.
        currency: ISO 4217 code of all its entries.
        entries: Sum to zero.
        lines: What was priced, as the change since the scope's last transfer.
        source: Service that reported the use, or empty.
        session: Session id, or empty outside sessions.
        incarnation: Of the session, or 0.
        content: Content id, or empty.
        tariff: Tariff id, or empty.
        catalogue: Number of the catalogue version that priced it, or 0.
        scope: What the price is cumulative over: a session, an event, a pass.
        event_at_ms: When the use happened that moved the money.
        key: Idempotency key of a command, or empty.
        reference: Outside reference of a top-up, a credit or a withdrawal, why a price was
            corrected or a withdrawal went back, which card was redeemed, or empty.
        corrects: Ledger sequence of the transfer that this one corrects, or -1.
        actor: API key id behind a command, or empty.
        peer: The other member of a transfer between two, or empty.
    """

    tenant: str
    member: str
    cause: str
    currency: str
    entries: list[Entry]
    lines: list[ChargeLine]
    source: str = ""
    session: str = ""
    incarnation: int = 0
    content: str = ""
    tariff: str = ""
    catalogue: int = 0
    scope: str = ""
    event_at_ms: int = 0
    key: str = ""
    reference: str = ""
    corrects: int = -1
    actor: str = ""
    peer: str = ""


def member_account(member: str, bucket: str) -> str:
    """The ledger's name of a member's bucket."""
    return f"member/{member}/{bucket}"


def provider_account(provider: str) -> str:
    """The ledger's name of what a provider is owed."""
    return f"provider/{provider}"


def sponsor_account(sponsor: str) -> str:
    """The ledger's name of what a sponsor owes for the use of members."""
    return f"sponsor/{sponsor}"
