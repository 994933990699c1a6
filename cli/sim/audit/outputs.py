"""Output topics as a careful reader sees them: each sequence once, its chain worked out anew.

Invariant: what stands there twice must be the same bytes; nothing may be missing in between.
It does not own what the items mean (``checks``).
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from cli.sim.audit.lives import SessionName, Silenced
from cli.sim.audit.logged import Member, Told
from cli.sim.journal import EventName
from cli.sim.topics import Stored
from schemas.applied import Applied, AppliedUsage, Cdr
from schemas.control import Signal
from schemas.ledger import Transfer
from schemas.legs import Leg
from schemas.outputs import GENESIS, OutputRecord, Stream
from schemas.refusals import DeadLetter
from schemas.wallet_events import WalletEvent

CHAIN_BYTES = 16
_record = msgspec.msgpack.Decoder(OutputRecord)
_transfers = msgspec.msgpack.Decoder(list[Transfer])
_applied = msgspec.msgpack.Decoder(list[Applied])
_legs = msgspec.msgpack.Decoder(list[Leg])
_letters = msgspec.msgpack.Decoder(list[DeadLetter])


class Read(NamedTuple):
    """One stream of one shard.

    Args:
        values: Its messages, each once.
        next: The sequence after its last item.
        findings: What is wrong with it.
    """

    values: list[bytes]
    next: int
    findings: list[str]


class Outputs(NamedTuple):
    """All that one shard put out, each item once, with its sequence.

    Args:
        transfers: Of the ledger.
        applied: Of the applied stream.
        letters: Its dead letters.
        told: Its signals, by log offset.
        silenced: Ends that a tick decided: offset of the tick, session, number of the life.
        streams: Each stream as it was read.
        findings: What is wrong with any of them.
    """

    transfers: list[tuple[int, Transfer]]
    applied: list[tuple[int, Applied]]
    letters: list[tuple[int, DeadLetter]]
    told: dict[int, list[Told]]
    silenced: list[Silenced]
    streams: dict[Stream, Read]
    findings: list[str]


def read_outputs(shard: int, messages: dict[Stream, Sequence[Stored]]) -> Outputs:
    """Reads a shard's streams from their beginnings."""
    streams = {stream: _read(f"{stream}/{shard}", found) for stream, found in messages.items()}
    return Outputs(
        _items(streams[Stream.LEDGER], _transfers),
        _items(streams[Stream.APPLIED], _applied),
        _items(streams[Stream.DEAD], _letters),
        _told(streams[Stream.CONTROL]),
        _silenced(streams[Stream.APPLIED]),
        streams,
        [finding for read in streams.values() for finding in read.findings],
    )


def spoken_of(outputs: Outputs) -> set[int]:
    """Offsets of log records of which the applied stream, or the dead letters, tell anything."""
    values = [*outputs.streams[Stream.APPLIED].values, *outputs.streams[Stream.DEAD].values]
    return {_record.decode(memoryview(value)[1:]).log_offset for value in values}


def numbers_of(outputs: Outputs) -> dict[EventName, list[int]]:
    """For each event, what the lives are called that it counted in, in order."""
    numbers: dict[EventName, list[int]] = {}
    for _, item in outputs.applied:
        if isinstance(item, AppliedUsage) and item.outcome == "applied":
            name = EventName(item.tenant, item.source, item.id, item.subject)
            numbers.setdefault(name, []).append(item.incarnation)
    return numbers


def sold_of(outputs: Outputs) -> dict[str, tuple[Member, str, int]]:
    """What bought passes are called: member, tariff and beginning of each."""
    found: dict[str, tuple[Member, str, int]] = {}
    for _, transfer in outputs.transfers:
        if transfer.cause == "pass" and transfer.lines and transfer.lines[0].to_ms:
            number = transfer.scope.rsplit(":", 1)[1]
            member = (transfer.tenant, transfer.member)
            found[number] = (member, transfer.tariff, transfer.lines[0].from_ms)
    return found


def moved_by(outputs: Outputs) -> dict[int, list[Transfer]]:
    """Transfers by the offset of their record."""
    found: dict[int, list[Transfer]] = {}
    for value in outputs.streams[Stream.LEDGER].values:
        record = _record.decode(memoryview(value)[1:])
        found.setdefault(record.log_offset, []).extend(_transfers.decode(record.items))
    return found


def legs_put_out(outputs: Outputs) -> list[Leg]:
    """Legs to other shards, in order."""
    return [leg for _, leg in _items(outputs.streams[Stream.LEGS], _legs)]


def _read(name: str, messages: Sequence[Stored]) -> Read:
    values: list[bytes] = []
    findings: list[str] = []
    first_copy: dict[int, bytes] = {}
    following, chain = 0, GENESIS
    for message in messages:
        first, count, before, after, items = _span(message.value)
        known = first_copy.setdefault(first, message.value)
        if known != message.value:
            findings.append(f"{name}: sequence {first} was said twice, in different bytes")
        elif first < following:
            continue
        elif first > following:
            findings.append(f"{name}: {following} to {first - 1} are missing")
            break
        else:
            expected = blake2b(chain + items, digest_size=CHAIN_BYTES).digest()
            if (before not in {chain, None}) or after != expected:
                findings.append(f"{name}: the chain breaks at {first}")
            following, chain = first + count, after
            values.append(message.value)
    return Read(values, following, findings)


def _span(value: bytes) -> tuple[int, int, bytes | None, bytes, bytes]:
    """First sequence, count, chain before and after, bytes of the items."""
    if value[:1] == b"{":
        words: dict[str, Any] = msgspec.json.decode(value)
        kind = Signal if "signal" in words else WalletEvent
        items = msgspec.msgpack.encode([msgspec.json.decode(value, type=kind)])
        return words["sequence"], 1, None, bytes.fromhex(words["chain_after"]), items
    record = _record.decode(memoryview(value)[1:])
    items = bytes(record.items)
    return record.first, record.count, record.chain_before, record.chain_after, items


def _items(read: Read, decoder: msgspec.msgpack.Decoder[list[Any]]) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    for value in read.values:
        record = _record.decode(memoryview(value)[1:])
        found += enumerate(decoder.decode(record.items), record.first)
    return found


def _silenced(read: Read) -> list[Silenced]:
    found: list[Silenced] = []
    for value in read.values:
        record = _record.decode(memoryview(value)[1:])
        for item in _applied.decode(record.items):
            if isinstance(item, Cdr) and item.evidence.partition("; ")[0].endswith(
                f", tick of record {record.log_offset}"
            ):
                name = SessionName(item.tenant, item.subject, item.source, item.session)
                found.append((record.log_offset, name, item.incarnation))
    return found


def _told(read: Read) -> dict[int, list[Told]]:
    told: dict[int, list[Told]] = {}
    for value in read.values:
        words: dict[str, Any] = msgspec.json.decode(value)
        name = SessionName(words["tenant"], words["subject"], words["source"], words["session"])
        offset: int = words["log_offset"]
        rest = tuple((each["kind"], each["meter"], each["units"]) for each in words["remaining"])
        told.setdefault(offset, []).append(
            Told(words["signal"], name, offset, words["available_micros"], rest)
        )
    return told
