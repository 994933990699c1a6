"""A batch's PINs as whoever prints them gets them."""

import stat
from pathlib import Path

import pyrage
import pytest

from cli.cards.exporting import encrypted, write_new
from schemas.errors import InvalidDocument
from schemas.pins import pin_of, shown

PINS = [pin_of("A", "0" * 13 + symbol) for symbol in "ABC"]


def test_export_when_written_then_only_its_recipients_read_it() -> None:
    """A line for each card in the order of serial numbers; the bytes tell nothing."""
    first, second, other = (pyrage.x25519.Identity.generate() for _ in range(3))
    body = encrypted("spring", PINS, [str(first.to_public()), str(second.to_public())])
    for each in (first, second):
        assert pyrage.decrypt(body, [each]).decode().splitlines() == [
            "card,pin",
            *(f"spring/{serial:06d},{shown(pin)}" for serial, pin in enumerate(PINS, 1)),
        ]
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(body, [other])
    assert body.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    assert shown(PINS[0]).encode() not in body


@pytest.mark.parametrize("recipients", [[], ["bob"], ["ssh-rsa x"], ["AGE-SECRET-KEY-1X"]])
def test_export_when_nobody_could_read_it_then_it_is_refused(recipients: list[str]) -> None:
    """Before any PIN is written."""
    with pytest.raises(InvalidDocument, match="public key"):
        encrypted("spring", PINS, recipients)


def test_file_when_it_is_there_then_it_is_not_written_over(tmp_path: Path) -> None:
    """Its owner alone reads it."""
    file = tmp_path / "a.age"
    write_new(file, b"1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(InvalidDocument, match="is there already"):
        write_new(file, b"2")
    assert file.read_bytes() == b"1"
    with pytest.raises(InvalidDocument, match="cannot be written"):
        write_new(tmp_path / "none" / "a.age", b"1")
