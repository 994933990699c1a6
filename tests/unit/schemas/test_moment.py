"""Times to and from RFC 3339 text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.moment import ms_from_text, text_from_ms

TABLE = """
1970-01-01T00:00:00Z             | 0
1970-01-01T00:00:00.001Z         | 1
1969-12-31T23:59:59.999Z         | -1
2026-11-24T07:00:00Z             | 1795503600000
2026-11-24T16:00:00+09:00        | 1795503600000
2026-11-24t07:00:00.5Z           | 1795503600500
2026-11-24 07:00:00Z             | 1795503600000
2026-11-24T07:00:00.123456Z      | 1795503600123
2026-11-24T07:00:00.999999-00:00 | 1795503600999
2016-12-31T23:59:60Z             | 1483228800000
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_time_when_text_is_rfc_3339_then_it_is_milliseconds(row: str) -> None:
    """Offsets are applied, finer digits cut off, a leap second is the next second."""
    text, at_ms = (column.strip() for column in row.split("|"))
    assert ms_from_text(text) == int(at_ms)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T07:00:00",
        "2026-11-24T07:00Z",
        "20261124T070000Z",
        "2026-13-24T07:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24X07:00:00Z",
        "yesterday, at seven o'clock",
        "2026-11-24T07:00:00Z" + " " * 40,
    ],
)
def test_time_when_text_is_something_else_then_it_is_refused(text: str) -> None:
    """Dates without time, times without offset, and prose are no moments."""
    with pytest.raises(ValueError, match=r"RFC 3339|no offset"):
        ms_from_text(text)


@settings(derandomize=True, deadline=None, database=None)
@given(st.integers(-30_600_000_000_000, 250_000_000_000_000))
def test_time_when_written_and_read_then_it_is_the_same(at_ms: int) -> None:
    """Text in milliseconds loses nothing between the years 1000 and 9892."""
    assert ms_from_text(text_from_ms(at_ms)) == at_ms
