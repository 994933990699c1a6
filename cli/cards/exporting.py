"""A batch's PINs as the printer gets them: once, encrypted to whoever is to read them.

Invariant: PINs are in no file but encrypted, and a file is never written over. The format is age's
(https://age-encryption.org/v1); ``age -d -i key.txt FILE`` reads it.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyrage

from schemas.cards import card_name
from schemas.errors import InvalidDocument
from schemas.pins import shown

HEADER = "card,pin\n"
_MODE = 0o600


def encrypted(batch: str, pins: Iterable[str], recipients: Sequence[str]) -> bytes:
    """The export: a line of CSV for each card, in the order of serial numbers.

    Args:
        batch: Name of the batch.
        pins: From serial number 1 on.
        recipients: Public keys, each of age (``age1…``) or of SSH (``ssh-ed25519 …``).

    Raises:
        InvalidDocument: A recipient is no public key, or there is none.
    """
    if not recipients:
        raise InvalidDocument("name a recipient: the public key of whoever is to read the PINs")
    lines = [f"{card_name(batch, serial)},{shown(pin)}\n" for serial, pin in enumerate(pins, 1)]
    body = (HEADER + "".join(lines)).encode()
    keys = [_recipient(each) for each in recipients]
    return pyrage.encrypt(body, keys, armored=True)


def write_new(file: Path, body: bytes) -> None:
    """Writes a file that was not there, for its owner alone, safe on the disk when this returns.

    Raises:
        InvalidDocument: It is there, or cannot be written.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        raise InvalidDocument(f"{file} is there already, and PINs are not made twice") from None
    except OSError as error:
        raise InvalidDocument(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())


def _recipient(text: str) -> pyrage.ssh.Recipient | pyrage.x25519.Recipient:
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise InvalidDocument(
            f"{text[:40]!r} is no public key of age (age1…) or SSH: {error}"
        ) from error
