"""What one log record puts out: items gathered per stream, then framed and chained.

Invariant: items stand in the order in which they were added, which is a declared order of the
record's contents, never a dict's or a set's; so any grouping of records gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from schemas.applied import Applied
from schemas.control import Signal
from schemas.ledger import Transfer
from schemas.legs import Leg
from schemas.outputs import STREAMS, OutputRecord, Stream, chained, encode_items, encode_output
from schemas.refusals import DeadLetter
from schemas.wallet_events import WalletEvent, event_id
from shard.cursor import Cursor, Head, Heads, as_stored

# Of messages that are one JSON object.
TOLD_VERSION = 1
# Items of one message, unless a single one is larger; well below what Kafka is told to take.
OUTPUT_BYTES_MAX = 1024 * 1024


class LogRecord(NamedTuple):
    """One record of the shard's log.

    Args:
        offset: Its place.
        stamp_ms: The broker's append time: when what it does counts as posted.
        value: Its bytes.
    """

    offset: int
    stamp_ms: int
    value: bytes


class Output(NamedTuple):
    """One message to publish.

    Args:
        stream: Where to.
        first: Sequence of its first item.
        next: Sequence after its last item.
        chain_after: Chain hash after it.
        key: Message key, or None.
        value: Message bytes.
    """

    stream: Stream
    first: int
    next: int
    chain_after: bytes
    key: bytes | None
    value: bytes


class Emission:
    """Gathers the items of one record (or one slice of it).

    Args:
        shard: Whose.
        cursor: Before the record.
        record: Being stepped over.
        part: Slice of the record, from 0.
    """

    def __init__(self, shard: int, cursor: Cursor, record: LogRecord, part: int) -> None:
        self.record = record
        self.transfers: list[Transfer] = []
        self.applied: list[Applied] = []
        self.signals: list[Signal] = []
        self.dead: list[DeadLetter] = []
        self.legs: list[Leg] = []
        self.events: list[WalletEvent] = []
        # Of the record, where it is a command.
        self.command_key = self.command_actor = ""
        self.shard = shard
        self._cursor = cursor
        self._part = part
        self._ledger_next = cursor.head(Stream.LEDGER).next
        self._applied_next = cursor.head(Stream.APPLIED).next

    @property
    def next_transfer(self) -> int:
        """The ledger sequence that the next transfer gets."""
        return self._ledger_next + len(self.transfers)

    @property
    def next_applied(self) -> int:
        """The sequence that the next item of the applied stream gets."""
        return self._applied_next + len(self.applied)

    def transfer(self, transfer: Transfer) -> int:
        """Adds a transfer and tells its ledger sequence."""
        self.transfers.append(transfer)
        return self.next_transfer - 1

    def outputs(self) -> tuple[list[Output], Heads]:
        """The messages, in the order of the streams, and the streams' heads after them."""
        ledger, out = self._framed(Stream.LEDGER, self.transfers)
        applied, applied_out = self._framed(Stream.APPLIED, self.applied)
        signals = [(each, each.source) for each in self.signals]
        control, control_out = self._told(Stream.CONTROL, signals)
        dead, dead_out = self._framed(Stream.DEAD, self.dead)
        legs, legs_out = self._framed(Stream.LEGS, self.legs)
        events = [(each, each.member) for each in self.events]
        wallets, wallets_out = self._told(Stream.WALLETS, events)
        messages = out + applied_out + control_out + dead_out + legs_out + wallets_out
        return messages, as_stored((ledger, applied, control, dead, legs, wallets))

    def _framed(
        self, stream: Stream, items: list[Transfer] | list[Applied] | list[DeadLetter] | list[Leg]
    ) -> tuple[Head, list[Output]]:
        head, messages = self._cursor.head(stream), list[Output]()
        for body, count in _bodies(items):
            after = Head(head.next + count, chained(head.chain, body))
            value = encode_output(
                OutputRecord(
                    shard=self.shard,
                    log_offset=self.record.offset,
                    slice=self._part,
                    posted_at_ms=self.record.stamp_ms,
                    first=head.next,
                    count=count,
                    chain_before=head.chain,
                    chain_after=after.chain,
                    items=msgspec.Raw(body),
                )
            )
            messages.append(Output(stream, head.next, after.next, after.chain, None, value))
            head = after
        return head, messages

    def _told(
        self, stream: Stream, items: Sequence[tuple[Signal | WalletEvent, str]]
    ) -> tuple[Head, list[Output]]:
        """One message for each item, which says all that a framed one would."""
        head, messages = self._cursor.head(stream), list[Output]()
        for item, key in items:
            after = Head(head.next + 1, chained(head.chain, encode_items([item])))
            name = {"id": event_id(self.shard, head.next)} if stream is Stream.WALLETS else {}
            value = msgspec.json.encode(
                {
                    "v": TOLD_VERSION,
                    **name,
                    "shard": self.shard,
                    "sequence": head.next,
                    "log_offset": self.record.offset,
                    "posted_at_ms": self.record.stamp_ms,
                    "chain_after": after.chain.hex(),
                    **msgspec.structs.asdict(item),
                }
            )
            messages.append(Output(stream, head.next, after.next, after.chain, key.encode(), value))
            head = after
        return head, messages


def _bodies(items: Sequence[msgspec.Struct]) -> Iterator[tuple[bytes, int]]:
    """The items encoded, nearly always in one piece, with how many are in each."""
    if not items:
        return
    body = encode_items(items)
    if len(body) <= OUTPUT_BYTES_MAX or len(items) == 1:
        yield body, len(items)
        return
    half = len(items) // 2
    yield from _bodies(items[:half])
    yield from _bodies(items[half:])


# What ``outputs`` puts out, in its order.
_ORDER = (Stream.LEDGER, Stream.APPLIED, Stream.CONTROL, Stream.DEAD, Stream.LEGS, Stream.WALLETS)
assert _ORDER == STREAMS
