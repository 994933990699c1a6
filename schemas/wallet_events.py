"""Items of ``wallet.events.v1``: what happened to a member's wallet, and which of it a tenant asks.

Written as one JSON object per message, keyed by member, so that any client can read it.
Invariant: (shard, sequence) names an event, and so does its id; a reader may see it twice and
skips the second. It does not own when something is said (``shard.wallet_events``).
"""

from enum import StrEnum

import msgspec

ID_PREFIX = "wallet"


class WalletEventKind(StrEnum):
    """What happened; the first six are named as the ledger names their cause."""

    TOP_UP = "top_up"
    CREDIT = "credit"
    SENT = "sent"
    RECEIVED = "received"
    RETURNED = "returned"
    CARD_REDEEMED = "card_redeemed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    BALANCE_LOW = "balance_low"
    BALANCE_ZERO = "balance_zero"
    DEBT = "debt"
    EXPIRY_NEAR = "expiry_near"


class WalletEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to one wallet.

    Fields at their defaults stay out of the bytes that the chain is made of.

    Args:
        kind: A ``WalletEventKind``.
        tenant: Whose system.
        member: Whose wallet.
        at_ms: When it happened: as its transfer says; else the stamp of the record that did it.
        currency: Of all amounts.
        amount_micros: What came in, or, negative, went out; with ``expiry_near`` what will end;
            otherwise 0.
        posted_micros: The balance after it, negative in debt.
        available_micros: What may be spent then, credit included.
        transfer: Id of the ledger's transfer that caused it, ``<shard>-<sequence>``, or empty.
        key: Idempotency key of the command that caused it, or empty.
        actor: API key id behind that command, or empty.
        reference: Reference of the transfer, or empty.
        peer: The other member of a transfer between two, or empty.
        reason: Why the wallet is frozen, or empty.
        mark_micros: With ``balance_low``: the balance at which it is said.
        lot: With ``expiry_near``: number of the lot.
        bucket: With ``expiry_near``: kind of money.
        expires_ms: With ``expiry_near``: when it ends.
    """

    kind: str
    tenant: str
    member: str
    at_ms: int
    currency: str
    amount_micros: int
    posted_micros: int
    available_micros: int
    transfer: str = ""
    key: str = ""
    actor: str = ""
    reference: str = ""
    peer: str = ""
    reason: str = ""
    mark_micros: int = 0
    lot: int = 0
    bucket: str = ""
    expires_ms: int = 0


class WalletEventRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of its members' wallets a tenant is told.

    Args:
        kinds: Which kinds; empty for all.
        low_balance: The balance at or below which it is low; 0 never says so.
        expiry_notice_h: Hours before money ends at which that is said; 0 never says so.
    """

    kinds: list[WalletEventKind] = []
    low_balance: str = "0"
    expiry_notice_h: int = 0


def event_id(shard: int, sequence: int) -> str:
    """The id of an event; no signal's webhook id can be it."""
    return f"{ID_PREFIX}-{shard}-{sequence}"
