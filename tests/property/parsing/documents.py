"""Parsers of what people write: tariffs, keys, settings, amounts, and the words of requests."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic_core import ValidationError

from api.control.kafka import _message
from api.control.positions import positions_from_text, text_from_positions
from api.paging import Number, cursor_text, place_of
from api.ports import Place
from api.problems import Problem
from api.routes.sessions import Turn
from cli.tariffs.documents import read_raw, tariff_file
from cli.tariffs.faults import faults_of
from rating.catalogue import compile_catalogue
from runtime.embedded.ports import PortBook
from runtime.keys import KeyRing
from runtime.settings import PREFIX, Settings
from runtime.topics import load_topics
from runtime.webhooks import endpoints_from_file
from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument
from schemas.holds import hold_from_name, hold_name
from schemas.moment import ms_from_text, text_from_ms
from schemas.money import AMOUNT_MAX, amount_from_text, text_from_amount
from streams.webhooks.channels import SIGNALS
from streams.webhooks.feed import pushed_from
from tests.property.parsing.parser import Parser, file_of

_PARTITIONS = 3
_LISTS: Mapping[str, type[NamedTuple]] = {
    "wallets": Place, "entries": Number, "usage": Number, "sessions": Turn,
}  # fmt: skip


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """A reader of text, given bytes: those that are no UTF-8 become escapes."""
    return lambda body: read(body.decode("utf-8", "backslashreplace"))


def _amount(text: str) -> None:
    micros = amount_from_text(text)
    assert abs(micros) <= AMOUNT_MAX
    assert amount_from_text(text_from_amount(micros)) == micros


def _moment(text: str) -> None:
    """A time that is taken can be written, and is then the same."""
    at_ms = ms_from_text(text)
    assert ms_from_text(text_from_ms(at_ms)) == at_ms


def _hold(text: str) -> None:
    assert hold_name(*hold_from_name(text)) == text


def _position(text: str) -> None:
    found = positions_from_text(text, _PARTITIONS)
    assert positions_from_text(text_from_positions(found), _PARTITIONS) == found


def _cursor(text: str) -> None:
    """A cursor is of the list whose name stands in it, and of no other."""
    taken = 0
    for name, kind in _LISTS.items():
        try:
            place = place_of(name, text, kind)
        except Problem:
            continue
        assert place_of(name, cursor_text(name, place), kind) == place
        taken += 1
    if not taken:
        raise Problem("cursor-invalid", "of no list")
    assert taken == 1


def _catalogue(body: bytes) -> None:
    compile_catalogue(document_from_json(body))


def _tariff(body: bytes) -> None:
    """All faults of a file are told, and there are none exactly where it can be used."""
    with file_of(body) as path:
        raw = read_raw(path)
    faults = faults_of(raw, currency="KRW")
    assert faults == faults_of(raw, currency="KRW")
    if faults:
        tariff_file(raw, currency="KRW")
        raise AssertionError(f"faults are told of a file that can be used: {faults}")
    tariff_file(raw, currency="KRW")


def _keys(body: bytes) -> None:
    with file_of(body) as path:
        ring = KeyRing.from_file(path)
    assert ring.authenticate(f"Bearer {body[:64].decode('latin-1')}") is None


def _webhooks(body: bytes) -> None:
    with file_of(body) as path:
        for endpoint in endpoints_from_file(path):
            assert endpoint.keys()


def _topics(body: bytes) -> None:
    with file_of(body, "topics.yaml") as path:
        load_topics(path)


def _ports(body: bytes) -> None:
    """An unreadable book of ports is an empty one."""
    with file_of(body) as path:
        PortBook(path)


def _settings(body: bytes) -> None:
    """Lines ``name=value`` as the environment: settings, or the faults of each variable."""
    pairs = (line.partition("=") for line in body.decode("latin-1").splitlines()[:64])
    said = {f"{PREFIX}{name.strip().upper()}": value for name, _, value in pairs}
    usable = {
        name: value
        for name, value in said.items()
        if name.isascii() and name.isprintable() and "=" not in name and "\0" not in value
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(kept | usable)
    try:
        settings = Settings()
        os.environ.update(settings.environment())
        assert Settings() == settings
    finally:
        os.environ.clear()
        os.environ.update(before)


def _signal(body: bytes) -> None:
    """A signal is handed on as it is; one that cannot be read is for nobody."""
    pushed, told = pushed_from(SIGNALS, 0, 7, body), _message(0, 7, body)
    assert pushed.body == told.value == body


DOCUMENTS: tuple[Parser, ...] = (
    Parser("amount", _text(_amount), (ValueError,)),
    Parser("moment", _text(_moment), (ValueError,)),
    Parser("hold-name", _text(_hold), (ValueError,)),
    Parser("last-event-id", _text(_position), (ValueError,)),
    Parser("cursor", _text(_cursor), (Problem,)),
    Parser("catalogue", _catalogue, (InvalidDocument,)),
    Parser("tariff-file", _tariff, (InvalidDocument,)),
    Parser("keys-file", _keys, (InvalidDocument,)),
    Parser("webhooks-file", _webhooks, (InvalidDocument,)),
    Parser("topics-file", _topics, (InvalidDocument,)),
    Parser("ports-file", _ports),
    Parser("settings", _settings, (ValidationError,)),
    Parser("signal", _signal),
)
