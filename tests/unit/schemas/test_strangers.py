"""What strangers write: bytes that are no text, and times at the edge of RFC 3339."""

import msgspec
import pytest

from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument, NcashError, ShardStopped
from schemas.frames import VERSION as FRAME_VERSION
from schemas.frames import decode_record
from schemas.moment import ms_from_text, text_from_ms
from schemas.outputs import VERSION as OUTPUT_VERSION
from schemas.outputs import (
    OutputRecord,
    applied_of,
    dead_letters_of,
    decode_output,
    legs_of,
    transfers_of,
)

NO_TEXT = b"\xa2\xff\xff"


def test_catalogue_when_it_is_not_utf8_then_it_is_refused() -> None:
    """Bytes that are no text are a wrong document, not a fault of ours."""
    with pytest.raises(InvalidDocument):
        document_from_json(b'{"tenants":[{"id":"\xff\xfe","currency":"KRW"}]}')


def test_record_when_its_text_is_not_utf8_then_the_shard_stops() -> None:
    """A log record that cannot be read is never skipped."""
    with pytest.raises(ShardStopped):
        decode_record(bytes((FRAME_VERSION, 1)) + b"\x92" + NO_TEXT + b"\x90")


def test_output_when_its_bytes_are_torn_then_it_says_so() -> None:
    """An output record that cannot be read is an error of ours, by name."""
    with pytest.raises(NcashError):
        decode_output(bytes((OUTPUT_VERSION,)) + NO_TEXT)


def test_time_when_its_letters_are_small_then_it_is_the_same_time() -> None:
    """RFC 3339 allows a small t and a small z."""
    assert ms_from_text("2026-01-31t09:30:00z") == ms_from_text("2026-01-31T09:30:00Z")


def test_time_when_it_has_a_comma_then_it_is_refused() -> None:
    """RFC 3339 divides a second by a point."""
    with pytest.raises(ValueError, match="RFC 3339"):
        ms_from_text("2026-01-31T09:30:00,5Z")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000Z", "0999-12-31T23:59:59.999Z"])
def test_time_when_the_year_is_early_then_it_comes_back_as_it_was(text: str) -> None:
    """Four digits of year, always."""
    assert text_from_ms(ms_from_text(text)) == text


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01"],
)
def test_time_when_utc_has_no_such_year_then_it_is_refused(text: str) -> None:
    """An offset or a leap second leads to no time that nobody could write down."""
    with pytest.raises(ValueError, match="years 1 to 9999"):
        ms_from_text(text)


def test_output_items_when_of_another_kind_then_it_says_so() -> None:
    """Items that cannot be read are an error of ours, by name, in whichever stream."""
    record = OutputRecord(0, 0, 0, 0, 0, 1, b"", b"", msgspec.Raw(b"\x05"))
    for items_of in (transfers_of, applied_of, dead_letters_of, legs_of):
        with pytest.raises(NcashError):
            items_of(record)
