"""The secrets that prepaid cards' PINs are hashed by, and new PINs.

Invariant: a PIN's first symbol names its secret, so a new secret is put behind the old ones while
cards of these are in hands; no secret and no PIN is in any message or log line.
"""

import secrets
from base64 import b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemas.errors import UNREADABLE, InvalidDocument, RecoverableError
from schemas.pins import ALPHABET, RANDOM_SYMBOLS, card_of_pin, pin_of

FILE_BYTES_MAX = 64 * 1024
SECRET_BYTES_MIN = 32


class CardSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One secret.

    Args:
        series: One symbol of ``schemas.pins.ALPHABET``, with which its PINs begin.
        secret: At least 32 random bytes, in base64.
    """

    series: str
    secret: str


class CardSecrets:
    """All secrets of this system.

    Args:
        known: The last one is for new cards; none where there are no prepaid cards.

    Raises:
        InvalidDocument: A series stands there twice or is none, or a secret is too short.
    """

    def __init__(self, known: Sequence[CardSecret]) -> None:
        self._by_series: dict[str, bytes] = {}
        for each in known:
            if len(each.series) != 1 or each.series not in ALPHABET:
                raise InvalidDocument(f"cards file: a series is one of {ALPHABET}")
            if each.series in self._by_series:
                raise InvalidDocument(f"cards file: series {each.series} stands there twice")
            self._by_series[each.series] = _bytes_of(each)

    @classmethod
    def from_file(cls, path: Path | None) -> "CardSecrets":
        """Those of a JSON file: a list of ``CardSecret`` objects; none without a file.

        Raises:
            InvalidDocument: The file is missing, too large, or not such a list.
        """
        if path is None:
            return cls(())
        try:
            body = path.read_bytes()
        except OSError as error:
            raise InvalidDocument(f"cards file {path}: {error.strerror}") from error
        if len(body) > FILE_BYTES_MAX:
            raise InvalidDocument(f"cards file {path}: over {FILE_BYTES_MAX} bytes")
        try:
            return cls(msgspec.json.decode(body, type=list[CardSecret]))
        except UNREADABLE as error:
            raise InvalidDocument(f"cards file {path}: {error}") from error

    def card_of(self, tenant: str, pin: str) -> bytes:
        """What a card is known by.

        A PIN of a series that is none of ours is hashed all the same: it is unknown as others are.

        Args:
            tenant: Whose card.
            pin: As ``schemas.pins.pin_from_text`` gives it.

        Raises:
            RecoverableError: No secret is set.
        """
        return card_of_pin(self._by_series.get(pin[0]) or self._newest()[1], tenant, pin)

    def new_pins(self, count: int) -> Iterator[str]:
        """Fresh PINs, no two alike, by the system's source of randomness.

        Raises:
            RecoverableError: No secret is set.
        """
        series, _ = self._newest()
        made: set[str] = set()
        while len(made) < count:
            symbols = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_SYMBOLS))
            if symbols not in made:
                made.add(symbols)
                yield pin_of(series, symbols)

    def _newest(self) -> tuple[str, bytes]:
        if not self._by_series:
            raise RecoverableError(
                "there are no prepaid cards here: NCASH_CARDS_FILE names no file of secrets"
            )
        return list(self._by_series.items())[-1]


def _bytes_of(each: CardSecret) -> bytes:
    try:
        secret = b64decode(each.secret, validate=True)
    except ValueError:
        raise InvalidDocument(f"cards file: the secret of {each.series} is no base64") from None
    if len(secret) < SECRET_BYTES_MIN:
        raise InvalidDocument(
            f"cards file: the secret of {each.series} is under {SECRET_BYTES_MIN} bytes"
        )
    return secret
