"""The catalogue as a document: what is refused before a number in it is read."""

import pytest

from schemas.catalogue import CATALOGUE_BYTES_MAX, digest_of, document_from_json
from schemas.errors import InvalidDocument

BODY = (
    '{"tenants": [{"id": "demo", "currency": "KRW",'
    ' "contents": [{"id": "tv", "provider": "kbs", "tariff": "minute"}],'
    ' "members": [{"id": "kim"}],'
    ' "tariffs": [{"id": "minute", "components": [{"kind": "time", "price": "30"}]}]}]}'
)

# old -> new | message
TABLE = """
"price" -> "prize" | unknown field `prize`
"kind": "time" -> "kind": "tide" | Invalid value 'tide'
"kind": "time", -> "kind": "time", "per_s": 1.5, | Expected `int`, got `float`
"price": "30" -> "price": 30 | Expected `str
"currency": "KRW", -> | missing required field `currency`
{"id": "kim"} -> {"id": "kim"}, {"id": "kim"} | tenants[demo].members: 'kim' stands there twice
"tariff": "minute" -> "tariff": "hour" | contents[tv].tariff: no tariff 'hour'; known: minute
"tariff": "minute" -> "tariff": "minute", "shadow": "hour" | contents[tv].shadow: no tariff 'hour';
"id": "minute", -> "id": "minute", "provider_ppm": 1000001, | 1000001 is not between 0 and 1000000
"id": "minute", -> "id": "minute", "provider_ppm": -1, | -1 is not between 0 and 1000000
"id": "minute", -> "id": "minute", "rounding": "even", | Invalid enum value 'even'
"""


def test_document_when_right_then_it_is_read() -> None:
    """The body that the faults below are made from is itself good."""
    assert document_from_json(BODY.encode()).tenants[0].tariffs[0].id == "minute"


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_document_when_faulty_then_the_message_names_the_fault(row: str) -> None:
    """A misspelt field, a wrong type or a reference to nothing is never ignored."""
    change, message = row.split(" | ")
    old, _, new = change.partition(" ->")
    assert BODY.count(old) == 1
    with pytest.raises(InvalidDocument) as caught:
        document_from_json(BODY.replace(old, new.strip()).encode())
    assert message in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"tenants": NaN}'])
def test_document_when_it_is_no_catalogue_then_it_is_refused(body: bytes) -> None:
    """Bytes that are something else end in one kind of error."""
    with pytest.raises(InvalidDocument):
        document_from_json(body)


def test_document_when_too_large_then_it_is_not_even_read() -> None:
    """The size is judged first."""
    with pytest.raises(InvalidDocument, match="at most"):
        document_from_json(b" " * (CATALOGUE_BYTES_MAX + 1))


def test_digest_when_a_byte_differs_then_so_does_the_name() -> None:
    """A body is named by what it says, byte by byte."""
    assert digest_of(BODY.encode()) != digest_of(BODY.encode() + b" ")
    assert len(digest_of(b"")) == 64
