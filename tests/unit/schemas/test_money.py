"""Amounts to and from decimal text, exact or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BrokenInvariant
from schemas.money import AMOUNT_MAX, amount_from_text, checked, text_from_amount

# text | micro-units | text as we write it
TABLE = """
0                  | 0                 | 0
1                  | 1000000           | 1
12.345678          | 12345678          | 12.345678
-0.5               | -500000           | -0.5
+3.10              | 3100000           | 3.1
0.000001           | 1                 | 0.000001
-0.000001          | -1                | -0.000001
.5                 | 500000            | 0.5
5.                 | 5000000           | 5
007                | 7000000           | 7
1.2000000000       | 1200000           | 1.2
9007199254.740991  | 9007199254740991  | 9007199254.740991
-9007199254.740991 | -9007199254740991 | -9007199254.740991
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_amount_when_text_is_decimal_then_it_is_exact(row: str) -> None:
    """Every row is read exactly and written in its shortest form."""
    text, micros, written = (column.strip() for column in row.split("|"))
    assert amount_from_text(text) == int(micros)
    assert text_from_amount(int(micros)) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not an amount"),
        (".", "is not an amount"),
        ("-", "is not an amount"),
        ("+-1", "is not an amount"),
        ("1-", "is not an amount"),
        ("1e3", "is not an amount"),
        ("NaN", "is not an amount"),
        ("Infinity", "is not an amount"),
        ("1,000", "is not an amount"),
        ("1_000", "is not an amount"),
        (" 1", "is not an amount"),
        ("1.2.3", "is not an amount"),
        ("٣", "is not an amount"),
        ("1" * 33, "is not an amount"),
        ("0.0000001", "finer than one micro-unit"),
        ("9007199254.740992", "beyond the largest amount, 9007199254.740991"),
        ("-9007199254.740992", "beyond the largest amount"),
    ],
)
def test_amount_when_text_cannot_be_one_then_the_message_says_why(text: str, message: str) -> None:
    """Nothing is guessed, rounded or cut."""
    with pytest.raises(ValueError, match=message):
        amount_from_text(text)


@settings(derandomize=True, deadline=None, database=None)
@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX))
def test_amount_when_written_and_read_then_it_is_the_same(micros: int) -> None:
    """Text loses nothing of any amount."""
    assert amount_from_text(text_from_amount(micros)) == micros


def test_checked_when_at_the_bound_then_passes_and_beyond_then_breaks() -> None:
    """2**53 - 1 is allowed on both sides, one more is not."""
    assert checked(AMOUNT_MAX) == AMOUNT_MAX
    assert checked(-AMOUNT_MAX) == -AMOUNT_MAX
    for beyond in (AMOUNT_MAX + 1, -AMOUNT_MAX - 1):
        with pytest.raises(BrokenInvariant, match="beyond"):
            checked(beyond)
