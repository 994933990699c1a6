"""Whose turn it is in a shard's stream: repeats, gaps, other chains, restarts."""

import pytest

from schemas.ledger import Transfer
from schemas.outputs import GENESIS, Stream
from streams.sinks import progress as progress_module
from streams.sinks.progress import Progress, SinkStopped
from streams.sinks.source import Message, ingest_dead_part, ledger_part
from tests.unit.warehouse.samples import OutputChain, letter, transfer
from warehouse.contiguous import Range, Reached, contiguous_end


def _messages(count: int) -> list[Message]:
    chain = OutputChain(Stream.LEDGER)
    return [chain.message(transfer(), transfer()) for _ in range(count)]


def _taken(progress: Progress, *messages: Message) -> list[int]:
    return [part.first for message in messages for part in progress.take(ledger_part(message))]


def test_progress_when_parts_come_in_order_then_each_is_taken_once() -> None:
    """Parts in their order go straight through, and repeats of them do not."""
    messages = _messages(3)
    progress = Progress(None)
    assert _taken(progress, *messages, *messages) == [0, 2, 4]
    assert progress.next == 6


def test_progress_when_a_part_is_missing_then_later_ones_wait_for_it() -> None:
    """A gap is waited for; what came early follows as soon as it is filled."""
    one, two, three, four = _messages(4)
    progress = Progress(None)
    assert _taken(progress, one, three, four) == [0]
    assert progress.waits
    assert _taken(progress, two) == [2, 4, 6]
    assert not progress.waits


def test_progress_when_parts_wait_then_a_restart_reads_them_again() -> None:
    """What only waits in memory keeps the resume offset before it."""
    one, two, three, _ = _messages(4)
    progress = Progress(None)
    _taken(progress, one, three)
    assert progress.resume_offset == three.offset
    _taken(progress, Message(two.topic, 0, 9, 0, two.value))
    assert progress.resume_offset == 10


def test_progress_when_it_goes_on_from_a_range_then_only_the_rest_is_taken() -> None:
    """A restart takes the sequence and chain from the warehouse."""
    messages = _messages(3)
    first = ledger_part(messages[0])
    progress = Progress(Reached(2, first.chain_after, 1))
    assert _taken(progress, *messages) == [2, 4]


def test_progress_when_the_chain_differs_then_the_shard_stops() -> None:
    """An item that does not continue what was sunk is an operator's matter."""
    chain = OutputChain(Stream.LEDGER)
    chain.message(transfer())
    second = chain.message(transfer())
    with pytest.raises(SinkStopped, match="chain"):
        Progress(Reached(1, b"x" * 16, 1)).take(ledger_part(second))


def test_progress_when_a_repeat_has_another_hash_then_the_shard_stops() -> None:
    """The same sequences with other content are no repeat."""
    progress = Progress(None)
    _taken(progress, OutputChain(Stream.LEDGER).message(transfer()))
    other = OutputChain(Stream.LEDGER).message(transfer(amount_micros=7))
    with pytest.raises(SinkStopped, match="another hash"):
        progress.take(ledger_part(other))


def test_progress_when_a_part_overlaps_then_the_shard_stops() -> None:
    """A record has the same bounds every time; other bounds mean another log."""
    progress = Progress(Reached(1, GENESIS, 1))
    with pytest.raises(SinkStopped, match="overlaps"):
        progress.take(ledger_part(_messages(1)[0]))


def test_progress_when_too_many_wait_then_the_shard_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory for what came early is bounded."""
    monkeypatch.setattr(progress_module, "EARLY_PARTS_MAX", 2)
    _, *later = _messages(4)
    with pytest.raises(SinkStopped, match="wait for 0"):
        _taken(Progress(None), *later)


def test_progress_when_offsets_have_holes_then_a_topic_of_letters_goes_on() -> None:
    """Offsets are no sequence: a hole is not waited for."""
    from schemas.outputs import encode_items  # noqa: PLC0415 - only here

    value = b"\x01" + encode_items([letter()])[1:]
    progress = Progress(None, dense=False)
    for offset in (3, 7, 7):
        progress.take(ingest_dead_part(Message("ingest.dead.v1", 0, offset, 1, value)))
    assert progress.reached() == Reached(8, GENESIS, 8)


def test_contiguous_end_when_ranges_have_a_hole_then_it_stops_before_it() -> None:
    """Where it stopped is the contiguous end, not the maximum."""
    ranges = [Range(0, 4, b"a", 5), Range(5, 6, b"b", 7), Range(9, 12, b"c", 13)]
    assert contiguous_end([*ranges, ranges[0]]) == Reached(7, b"b", 7)
    assert contiguous_end(ranges[1:]) is None


def test_transfer_when_built_then_balances() -> None:
    """The sample is a transfer as the ledger allows it."""
    made: Transfer = transfer()
    assert sum(entry.amount_micros for entry in made.entries) == 0
