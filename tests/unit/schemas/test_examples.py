"""Every example file is read by the product, says what it claims, and has those very bytes.

Owns: the promise that version 1 of each binary format never changes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from rating.catalogue import compile_catalogue
from schemas.catalogue import document_from_json
from schemas.control import Signal, SignalKind
from schemas.frames import decode_record, encode_record
from schemas.outputs import (
    OutputRecord,
    Stream,
    applied_of,
    dead_letters_of,
    decode_output,
    encode_items,
    encode_output,
    legs_of,
    transfers_of,
)
from schemas.refusals import REASONS, DeadLetter
from schemas.wallet_events import WalletEvent, WalletEventKind, event_id
from tests.unit.schemas.examples import example_bytes, example_files, example_in, readable


def items_of(stream: Stream, record: OutputRecord) -> Sequence[msgspec.Struct]:
    """The items of a framed stream."""
    match stream:
        case Stream.LEDGER:
            return transfers_of(record)
        case Stream.APPLIED:
            return applied_of(record)
        case Stream.DEAD:
            return dead_letters_of(record)
        case Stream.LEGS:
            return legs_of(record)
        case Stream.CONTROL | Stream.WALLETS:
            raise AssertionError("neither signals nor events of wallets are framed")


FRAMED = [
    (stream, path)
    for stream in (Stream.LEDGER, Stream.APPLIED, Stream.DEAD, Stream.LEGS)
    for path in example_files(stream)
]


@pytest.mark.parametrize("path", example_files("shard.log.v1"), ids=lambda path: path.stem)
def test_log_record_when_an_example_is_read_then_it_is_byte_for_byte(path: Path) -> None:
    """A record decodes to what stands beside it, and encodes to the same bytes."""
    value = example_bytes(path)
    record = decode_record(value)
    assert type(record).__name__ == example_in(path)["kind"]
    assert readable(record) == example_in(path)["says"]
    assert encode_record(record) == value


@pytest.mark.parametrize(("stream", "path"), FRAMED, ids=lambda part: Path(part).stem)
def test_output_when_an_example_is_read_then_it_is_byte_for_byte(
    stream: Stream, path: Path
) -> None:
    """An output decodes with its chain, its items encode to the same bytes."""
    value = example_bytes(path)
    record = decode_output(value)
    items = items_of(stream, record)
    said = example_in(path)["says"]
    assert isinstance(said, dict)
    assert [{"kind": type(item).__name__, **msgspec_fields(item)} for item in items] == said[
        "items"
    ]
    for name in ("shard", "log_offset", "slice", "posted_at_ms", "first", "count"):
        assert getattr(record, name) == said[name]
    assert record.count == len(items)
    assert encode_items(items) == bytes(record.items)
    assert encode_output(record) == value


def msgspec_fields(item: msgspec.Struct) -> dict[str, object]:
    """An item's fields as an example writes them."""
    fields = readable(item)
    assert isinstance(fields, dict)
    return fields


@pytest.mark.parametrize("path", example_files(Stream.LEDGER), ids=lambda path: path.stem)
def test_transfer_when_an_example_is_read_then_its_entries_sum_to_zero(path: Path) -> None:
    """Examples keep the ledger's own rule, and a charge is the sum of its lines."""
    for transfer in transfers_of(decode_output(example_bytes(path))):
        assert sum(entry.amount_micros for entry in transfer.entries) == 0
        taken = -sum(
            entry.amount_micros for entry in transfer.entries if entry.account.startswith("member/")
        )
        if transfer.lines:
            assert taken == sum(line.amount_micros for line in transfer.lines)


@pytest.mark.parametrize("path", example_files("ingest.dead.v1"), ids=lambda path: path.stem)
def test_dead_letter_when_an_example_is_read_then_it_is_byte_for_byte(path: Path) -> None:
    """A collector's refusal is a version byte and one dead letter with a known reason."""
    value = example_bytes(path)
    assert value[0] == 1
    letter = msgspec.msgpack.decode(memoryview(value)[1:], type=DeadLetter)
    assert readable(letter) == example_in(path)["says"]
    assert letter.reason in REASONS
    assert msgspec.msgpack.encode(letter) == value[1:]


@pytest.mark.parametrize("path", example_files("session.control.v1"), ids=lambda path: path.stem)
def test_signal_when_an_example_is_read_then_any_json_client_can(path: Path) -> None:
    """A signal is one JSON object: its place in the stream, then the signal itself."""
    message = json.loads(path.read_text(encoding="utf-8"))
    place = {"v", "shard", "sequence", "log_offset", "posted_at_ms", "chain_after"}
    assert set(message) == place | set(Signal.__struct_fields__)
    signal = msgspec.json.decode(path.read_bytes(), type=Signal)
    assert SignalKind(signal.signal).value == path.stem.replace("-", "_")
    assert len(bytes.fromhex(message["chain_after"])) == 16


@pytest.mark.parametrize("path", example_files("wallet.events.v1"), ids=lambda path: path.stem)
def test_wallet_event_when_an_example_is_read_then_any_json_client_can(path: Path) -> None:
    """An event of a wallet is one JSON object: its id and place, then the event itself."""
    message = json.loads(path.read_text(encoding="utf-8"))
    place = {"v", "id", "shard", "sequence", "log_offset", "posted_at_ms", "chain_after"}
    assert set(message) == place | set(WalletEvent.__struct_fields__)
    event = msgspec.json.decode(path.read_bytes(), type=WalletEvent)
    assert WalletEventKind(event.kind).value == path.stem.replace("-", "_")
    assert message["id"] == event_id(message["shard"], message["sequence"])
    assert len(bytes.fromhex(message["chain_after"])) == 16


@pytest.mark.parametrize("path", example_files("catalogue.bodies.v1"), ids=lambda path: path.stem)
def test_catalogue_when_an_example_is_read_then_it_compiles(path: Path) -> None:
    """Catalogue examples can be priced with."""
    assert compile_catalogue(document_from_json(path.read_bytes())).tenants


@pytest.mark.parametrize("path", [each for _, each in FRAMED], ids=lambda path: path.stem)
def test_example_when_written_then_it_says_what_it_is_about(path: Path) -> None:
    """Each example of a binary format opens with a sentence."""
    assert str(example_in(path)["about"]).endswith(".")
