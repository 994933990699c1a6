"""PINs as people type them."""

from hashlib import sha256
from hmac import HMAC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pins import (
    ALPHABET,
    RANDOM_SYMBOLS,
    SYMBOLS,
    InvalidPin,
    card_of_pin,
    pin_from_text,
    pin_of,
    shown,
)

symbols = st.text(ALPHABET, min_size=RANDOM_SYMBOLS, max_size=RANDOM_SYMBOLS)
PIN = pin_of("A", "0123456789ABCD")


@given(st.sampled_from(ALPHABET), symbols)
def test_pin_when_typed_as_it_is_printed_then_it_is_the_pin(series: str, random: str) -> None:
    """Groups, case and blanks do not count."""
    pin = pin_of(series, random)
    assert len(pin) == SYMBOLS
    for typed in (pin, shown(pin), shown(pin).lower(), f" {shown(pin).replace('-', ' ')} "):
        assert pin_from_text(typed) == pin


@given(symbols, st.integers(0, SYMBOLS - 1), st.sampled_from(ALPHABET))
def test_pin_when_one_symbol_is_wrong_then_it_is_found(random: str, at: int, wrong: str) -> None:
    """Any single mistake changes the check."""
    pin = pin_of("A", random)
    typed = pin[:at] + wrong + pin[at + 1 :]
    if typed == pin:
        assert pin_from_text(typed) == pin
    else:
        with pytest.raises(InvalidPin):
            pin_from_text(typed)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "not 0"),
        (PIN[:-1], "not 15"),
        (f"{PIN}0", "not 17"),
        (f"{PIN[:-1]}U", "without I, L, O and U"),
        (f"{PIN[:-1]}é", "without"),
        ("ß" * 16, "not 32"),
        ("0" * 65, "has 16"),
    ],
)
def test_pin_when_it_cannot_be_one_then_the_fault_never_repeats_it(typed: str, why: str) -> None:
    """A log line may hold the fault."""
    with pytest.raises(InvalidPin, match=why) as found:
        pin_from_text(typed)
    assert not typed or typed not in str(found.value)


def test_pin_when_letters_are_taken_for_others_then_they_are_what_was_meant() -> None:
    """O is read as 0, I and L as 1, as Crockford has it."""
    pin = pin_of("0", "1" * RANDOM_SYMBOLS)
    assert pin_from_text("OIL" + pin[3:]) == pin


def test_hash_when_made_then_it_is_the_pins_hmac_under_tenant_and_secret() -> None:
    """By the standard library's own HMAC; another tenant or secret gives another card."""
    secret = bytes(range(32))
    expected = HMAC(secret, f"tv\x1f{PIN}".encode(), sha256).digest()
    assert card_of_pin(secret, "tv", PIN) == expected
    assert card_of_pin(secret, "fm", PIN) != expected
    assert card_of_pin(secret[::-1], "tv", PIN) != expected
