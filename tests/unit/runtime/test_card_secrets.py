"""Secrets that PINs are hashed by: their file, and what each is for."""

from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from runtime.card_secrets import FILE_BYTES_MAX, CardSecret, CardSecrets
from schemas.errors import InvalidDocument, RecoverableError
from schemas.pins import ALPHABET, card_of_pin, pin_from_text, pin_of

OLD, NEW = bytes(32), bytes(range(40))
KNOWN = CardSecrets(
    [CardSecret("A", b64encode(OLD).decode()), CardSecret("7", b64encode(NEW).decode())]
)


def test_pins_when_made_then_all_differ_and_are_of_the_newest_series() -> None:
    """Each is one that can be typed; every symbol of the alphabet comes up."""
    made = list(KNOWN.new_pins(500))
    assert len({*made}) == 500
    assert {pin[0] for pin in made} == {"7"}
    assert [pin_from_text(pin) for pin in made] == made
    assert {symbol for pin in made for symbol in pin[1:-1]} == {*ALPHABET}


@pytest.mark.parametrize(("series", "secret"), [("A", OLD), ("7", NEW), ("Z", NEW)])
def test_card_when_looked_for_then_by_the_secret_of_its_series(series: str, secret: bytes) -> None:
    """One of a series that is not known is hashed all the same, and found nowhere."""
    pin = pin_of(series, "0" * 14)
    assert KNOWN.card_of("tv", pin) == card_of_pin(secret, "tv", pin)


def test_secrets_when_there_are_none_then_no_card_is_made_or_looked_for() -> None:
    """The fault names the setting."""
    none = CardSecrets.from_file(None)
    with pytest.raises(RecoverableError, match="NCASH_CARDS_FILE"):
        none.card_of("tv", pin_of("A", "0" * 14))
    with pytest.raises(RecoverableError, match="NCASH_CARDS_FILE"):
        next(none.new_pins(1))


def test_file_when_it_is_sound_then_it_is_read(tmp_path: Path) -> None:
    """In the order in which it is written."""
    file = tmp_path / "cards.json"
    known = [CardSecret("B", b64encode(OLD).decode()), CardSecret("A", b64encode(NEW).decode())]
    file.write_bytes(msgspec.json.encode(known))
    assert next(CardSecrets.from_file(file).new_pins(1))[0] == "A"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{}", "Expected `array`"),
        (b"\xff", "cards file"),
        (b"[" * 5_000, "cards file"),
        (b" " * (FILE_BYTES_MAX + 1), "over"),
        (b'[{"series": "AB", "secret": ""}]', "a series is one of"),
        (b'[{"series": "O", "secret": ""}]', "a series is one of"),
        (b'[{"series": "A", "secret": "hunter2"}]', "no base64"),
        (b'[{"series": "A", "secret": "c2hvcnQ="}]', "under 32 bytes"),
        (b'[{"series": "A", "secret": "", "old": true}]', "unknown field"),
    ],
)
def test_file_when_it_is_wrong_then_the_fault_says_what_and_no_secret(
    tmp_path: Path, body: bytes, fault: str
) -> None:
    """Whoever starts the process reads it."""
    file = tmp_path / "cards.json"
    file.write_bytes(body)
    with pytest.raises(InvalidDocument, match=fault) as found:
        CardSecrets.from_file(file)
    assert "hunter2" not in str(found.value)


def test_file_when_it_is_missing_or_a_series_stands_twice_then_it_is_told(tmp_path: Path) -> None:
    """Two secrets under one name could not be told apart."""
    with pytest.raises(InvalidDocument, match="No such file"):
        CardSecrets.from_file(tmp_path / "none")
    secret = CardSecret("A", b64encode(OLD).decode())
    with pytest.raises(InvalidDocument, match="twice"):
        CardSecrets([secret, secret])
