"""Outputs of a made-up shard, in the bytes that the real one writes.

Owns: small builders, and ``OutputChain``, which keeps sequence and hash chain.
Invariant: the same calls give the same bytes.
"""

import msgspec

from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.ledger import Cause, ChargeLine, Entry, Transfer, member_account, provider_account
from schemas.outputs import (
    GENESIS,
    Item,
    OutputRecord,
    Stream,
    chained,
    encode_items,
    encode_output,
)
from schemas.refusals import DeadLetter
from schemas.usage import UsageEvent
from streams.sinks.source import Message

POSTED_MS = 1_764_000_000_000  # 2025-11-24
TENANT = "acme"
LATE = LateUsage(
    UsageEvent("acme", "cdn", "e1", 2, "kim", 5, 6, recorded=False, digest=b"123456"),
    "http",
    7,
)


def transfer(
    member: str = "kim", amount_micros: int = 500, *, after: int = 0, content: str = "film"
) -> Transfer:
    """A charge of time and volume, a fifth of it the provider's."""
    share = amount_micros // 5
    volume = amount_micros // 2
    return Transfer(
        tenant=TENANT,
        member=member,
        cause=Cause.CHARGE,
        currency="KRW",
        entries=[
            Entry(member_account(member, "cash"), -amount_micros, after),
            Entry(provider_account("studio"), share),
            Entry("platform", amount_micros - share),
        ],
        lines=[
            ChargeLine("time", "ms", 1_000, amount_micros - volume),
            ChargeLine("volume", "bytes", 10, volume),
        ],
        source="cdn",
        session="s1",
        incarnation=1,
        content=content,
        tariff="basic",
        catalogue=3,
        scope="s1",
        event_at_ms=POSTED_MS,
    )


def usage(
    event: str, *, outcome: str = "applied", at_ms: int = POSTED_MS, ledger: int = -1
) -> AppliedUsage:
    """A heartbeat of one second and ten bytes; a repeat adds nothing."""
    fresh = outcome == "applied"
    return AppliedUsage(
        tenant=TENANT,
        source="cdn",
        id=event,
        type="session.heartbeat",
        subject="kim",
        session="s1",
        incarnation=1,
        content="film",
        event_at_ms=at_ms,
        received_at_ms=at_ms + 5,
        path="http",
        outcome=outcome,
        duration_ms=1_000 if fresh else 0,
        meters={"bytes": 10, "pages": 1} if fresh else {},
        ledger_sequence=ledger,
    )


def cdr(session: str = "s1", *, revision: int = 1, cause: str = "normal", end: int = 9_000) -> Cdr:
    """A closed session; its end tells it apart from others."""
    return Cdr(
        tenant=TENANT,
        source="cdn",
        session=session,
        incarnation=1,
        revision=revision,
        subject="kim",
        content="film",
        tariff="basic",
        cause=cause,
        start_ms=1_000,
        end_ms=end,
        last_event_ms=end,
        decided_at_ms=end + 30,
        duration_ms=end - 1_000,
        meters={"bytes": 70},
        charged_micros=500,
        provider_micros=100,
        currency="KRW",
        evidence="tick",
    )


def shadow(
    amount_micros: int = 300, *, content: str = "film", at_ms: int = POSTED_MS, fault: str = ""
) -> ShadowCharge:
    """What a trial would have charged for time and volume, half of it the provider's."""
    half = amount_micros // 2
    lines = [
        ChargeLine("time", "ms", 1_000, half),
        ChargeLine("volume", "bytes", 10, amount_micros - half),
    ]
    return ShadowCharge(
        tenant=TENANT,
        member="kim",
        source="cdn",
        session="s1",
        incarnation=1,
        content=content,
        tariff="trial",
        catalogue=3,
        scope="session",
        lines=[] if fault else lines,
        amount_micros=0 if fault else amount_micros,
        provider_micros=0 if fault else half,
        event_at_ms=at_ms,
        currency="KRW",
        fault=fault,
    )


def letter(event: str = "e9", body: bytes = b'{"id": "e9"}') -> DeadLetter:
    """A refused event."""
    return DeadLetter(
        TENANT, "cdn", event, "kim", "content-unknown", "film is not there", "shard/0", 77, body
    )


class OutputChain:
    """One shard's stream, message by message."""

    def __init__(self, stream: Stream, shard: int = 0, *, topic: str = "") -> None:
        self.topic = topic or str(stream)
        self.shard = shard
        self.next = 0
        self.chain = GENESIS
        self.offset = 0

    def value(self, *items: Item, posted_at_ms: int = POSTED_MS) -> bytes:
        """The next message's value."""
        body = encode_items(items)
        before, self.chain = self.chain, chained(self.chain, body)
        first, self.next = self.next, self.next + len(items)
        record = OutputRecord(
            self.shard, first, 0, posted_at_ms, first, len(items), before, self.chain,
            msgspec.Raw(body),
        )  # fmt: skip
        return encode_output(record)

    def message(self, *items: Item, posted_at_ms: int = POSTED_MS) -> Message:
        """The next message at the next offset."""
        value = self.value(*items, posted_at_ms=posted_at_ms)
        self.offset += 1
        return Message(self.topic, self.shard, self.offset - 1, posted_at_ms, value)

    def again(self, message: Message) -> Message:
        """The same bytes published once more."""
        self.offset += 1
        return Message(self.topic, self.shard, self.offset - 1, POSTED_MS, message.value)
