"""No client can make a session, an output or a number so large that a shard cannot go on."""

from itertools import pairwise

import pytest

from rating.session import BOOTS_MAX, NAMES_CHARS_MAX
from schemas.frames import FRAME_BYTES_MAX, encode_record
from schemas.money import AMOUNT_MAX
from schemas.outputs import Stream, decode_output
from shard.emission import OUTPUT_BYTES_MAX
from tests.support.bench_shard import Bench, event, frame, tick

KAFKA_BYTES_MAX = 4 * 1024 * 1024


def test_items_when_their_sum_is_beyond_the_largest_then_that_event_is_refused(
    bench: Bench,
) -> None:
    """Quantities add up to 2**53 - 1 and no further; what came before and after counts."""
    for number, quantity in enumerate([AMOUNT_MAX - 1, 2, 1]):
        bought = event("item.use", number, id=f"i{number}", item="free", quantity=quantity)
        bench.feed(frame(bought))
    bench.feed(frame(event("session.stop", 9, reason="member")))
    assert [(letter.id, letter.reason) for letter in bench.dead()] == [("i1", "amount-too-large")]
    (cdr,) = bench.cdrs()
    assert cdr.meters["item:free"] == AMOUNT_MAX


@pytest.mark.parametrize("kind", ["meters", "items", "boots"])
def test_session_when_it_names_too_much_then_further_names_are_refused(
    bench: Bench, kind: str
) -> None:
    """New names find no room at last; known ones go on counting."""
    name = "x" * 240
    for number in range(2 * NAMES_CHARS_MAX // len(name)):
        fields: dict[str, dict[str, object]] = {
            "meters": {"meters": {f"{name}{number}": 1}},
            "items": {"item": f"{name}{number}"},
            "boots": {"meters": {"bytes": 5}, "boot": f"{name}{number}"},
        }
        used = event(
            "item.use" if kind == "items" else "session.heartbeat",
            number,
            id=f"e{number}",
            **fields[kind],
        )
        bench.feed(frame(used))
    again = event("session.heartbeat", 1_000, id="again")
    bench.feed(frame(again))
    refused = bench.dead()
    assert {letter.reason for letter in refused} == {"session-too-large"}
    assert len(refused) > NAMES_CHARS_MAX // len(name) // 2
    assert bench.usage()[-1].id == "again"


def test_boots_when_there_are_too_many_then_the_event_is_refused(bench: Bench) -> None:
    """The 65th life of a sender's counters is a dead letter, not free use."""
    for number in range(BOOTS_MAX + 1):
        bench.feed(
            frame(event("session.heartbeat", number, id=f"e{number}", boot=f"b{number}",
                        content="web", meters={"bytes": 1_000}))
        )  # fmt: skip
    assert [letter.id for letter in bench.dead()] == [f"e{BOOTS_MAX}"]
    assert sum(usage.meters.get("bytes", 0) for usage in bench.usage()) == BOOTS_MAX * 1_000


def test_output_when_a_record_says_much_then_it_is_cut_into_messages_kafka_takes(
    bench: Bench,
) -> None:
    """A tick that ends sessions with long names puts out several messages in one chain."""
    names = {f"{n:02d}{'x' * 250}": 1 for n in range(32)}
    for number in range(500):
        used = event("session.heartbeat", 1, id=f"e{number}", session=f"s{number}", meters=names)
        assert len(encode_record(frame(used))) < FRAME_BYTES_MAX
        bench.feed(frame(used))
    bench.feed(tick(0))
    outputs = bench.feed(tick(100))
    said = [output for output in outputs if output.stream is Stream.APPLIED]
    sizes = [len(output.value) for output in said]
    assert len(sizes) > 1
    assert max(sizes) < OUTPUT_BYTES_MAX + 1_000 < KAFKA_BYTES_MAX
    assert len(bench.cdrs()) == 500
    for before, after in pairwise(decode_output(output.value) for output in said):
        assert (after.chain_before, after.first) == (
            before.chain_after,
            before.first + before.count,
        )
