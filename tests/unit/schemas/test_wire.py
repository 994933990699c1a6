"""Names, records and outputs on the wire: what is refused, and what never changes."""

import msgspec
import pytest

from schemas.errors import NcashError, ShardStopped
from schemas.frames import CatalogueVersion, Tick, UsageFrame, decode_record, encode_record
from schemas.ids import ID_CHARS_MAX, domain_of, id_fault, joined, shard_of
from schemas.outputs import (
    GENESIS,
    OutputRecord,
    chained,
    decode_output,
    encode_items,
    encode_output,
)
from schemas.refusals import DeadLetter
from schemas.usage import content_digest, event_key


@pytest.mark.parametrize(
    ("tenant", "member", "shards", "expected"),
    [("demo", "kim", 8, 5), ("demo", "lee", 8, 3), ("demo", "kim", 1, 0), ("demo", "김", 64, 30)],
)
def test_shard_when_a_member_is_named_then_it_is_theirs_for_ever(
    tenant: str, member: str, shards: int, expected: int
) -> None:
    """A member's shard is written here, so that no release can move a wallet."""
    assert shard_of(tenant, member, shards) == expected


def test_shard_when_members_are_many_then_every_shard_has_some() -> None:
    """Members spread over the shards evenly."""
    counts = [0] * 8
    for index in range(8_000):
        counts[shard_of("demo", f"member-{index}", 8)] += 1
    assert min(counts) > 800
    assert max(counts) < 1_200


def test_domain_when_recorded_then_it_is_the_tenants_own() -> None:
    """Live events share the real clock; each tenant's recording has its own."""
    assert domain_of("demo", recorded=False) == domain_of("other", recorded=False) == "live"
    assert domain_of("demo", recorded=True) == "recorded:demo"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("kim", None),
        ("김 철수", None),
        ("x" * ID_CHARS_MAX, None),
        ("", "is empty"),
        ("x" * (ID_CHARS_MAX + 1), "is longer than 256 characters"),
        ("a\x1fb", "holds a control or other unprintable character"),
        ("a\nb", "holds a control or other unprintable character"),
    ],
)
def test_id_when_judged_then_the_fault_is_named(value: str, fault: str | None) -> None:
    """An id is 1 to 256 printable characters, so joined ids cannot be mistaken."""
    assert id_fault(value) == fault


def test_joined_when_parts_differ_then_so_does_the_field() -> None:
    """The separator keeps ("a", "bc") and ("ab", "c") apart."""
    assert joined("a", "bc") != joined("ab", "c")


def test_event_key_when_any_part_differs_then_so_does_the_key() -> None:
    """Tenant, subject, source and id all name the event."""
    keys = {
        event_key(*parts)
        for parts in (
            ("demo", "kim", "tv", "1"),
            ("demo", "kim", "tv", "2"),
            ("demo", "kim", "web", "1"),
            ("demo", "lee", "tv", "1"),
            ("demo2", "kim", "tv", "1"),
        )
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {10}
    assert len(content_digest(b"what it says")) == 6


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "version none"),
        (b"\x01", "version 01"),
        (b"\x02\x02", "version 02"),
        (b"\x01\x63\x90", "unknown kind 99"),
        (b"\x01\x02", "kind 2 cannot be read"),
        (b"\x01\x02\xff\xff", "kind 2 cannot be read"),
        (encode_record(CatalogueVersion(1, "d"))[:-1], "kind 3 cannot be read"),
        (encode_record(Tick("live", "http", "c", None, 5)) + b"\x00", "kind 2 cannot be read"),
    ],
)
def test_log_record_when_it_cannot_be_read_then_the_shard_stops(value: bytes, message: str) -> None:
    """A reader that does not understand its log stops and guesses nothing."""
    with pytest.raises(ShardStopped, match=message):
        decode_record(value)


def output(*details: str) -> OutputRecord:
    """An output record with one dead letter per detail."""
    items = encode_items(
        [
            DeadLetter("t", "s", "i", "m", "id-reused", each, "shard/0/1", 5, b"{}")
            for each in details
        ]
    )
    after = chained(GENESIS, items)
    return OutputRecord(0, 1, 0, 5, 0, len(details), GENESIS, after, msgspec.Raw(items))


def test_output_when_encoded_then_it_is_read_as_it_was() -> None:
    """Version byte, places, chain and items come back."""
    record = output("one", "two")
    value = encode_output(record)
    assert decode_output(value) == record
    assert encode_output(decode_output(value)) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "version none"),
        (b"\x02" + encode_output(output("x"))[1:], "version 02"),
        (encode_output(output("x"))[:-1], "cannot be read"),
        (encode_output(output("told")).replace(b"told", b"tolt"), "breaks its chain"),
    ],
)
def test_output_when_damaged_then_it_is_refused(value: bytes, message: str) -> None:
    """A changed byte of an item is found by the chain."""
    with pytest.raises(NcashError, match=message):
        decode_output(value)


def test_chain_when_items_change_places_then_it_differs() -> None:
    """The chain hash says what was put out, and in which order."""
    one, two = encode_items([]), encode_items([CatalogueVersion(1, "d")])
    assert chained(chained(GENESIS, one), two) != chained(chained(GENESIS, two), one)
    assert len(chained(GENESIS, one)) == len(GENESIS)


def test_event_when_of_a_release_without_consent_then_has_none() -> None:
    """A log that was written before reads as it did."""
    told = ["t", "s", "i", 1, "m", 5, 5, False, b"digest", "s1", "c", *[None] * 8, 1, None, False]
    old = bytes((1, 1)) + msgspec.msgpack.encode(["http", [told]])
    record = decode_record(old)
    assert isinstance(record, UsageFrame)
    [event] = record.events
    assert (event.session, event.consent) == ("s1", None)
