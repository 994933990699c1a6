"""Any bytes against every parser: what is kept in the corpus, and what is made of it.

A hang is a failure by the time limit of a test; a defect that was found stays in the corpus.
"""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.parsing.parser import CORPUS, Parser
from tests.property.parsing.parsers import PARSERS

SECONDS_MAX = 60
DEPTH = 100_000
EVERY = [pytest.param(each, id=name) for name, each in PARSERS.items()]
# Never ends by itself, in whatever format.
ENDLESS = (
    b"[" * DEPTH,
    b'{"a":' * DEPTH,
    b'{"data":[{"time":' * DEPTH,
    b"\x91" * DEPTH,
    b"\x01" + b"\x91" * DEPTH,
    b"\x01\x01" + b"\x91" * DEPTH,
    b"\x00\x91\x91" + b"\x91" * DEPTH,
    b"9" * DEPTH,
    b"\xff" * DEPTH,
    b'"' + b"\\" * DEPTH,
    gzip.compress(b"[" * DEPTH, mtime=0),
)
_PIECES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xc1",
    b"\xdd\xff\xff\xff\xff",
    b"[",
    b"}",
    b'"',
    b"\\ud800",
    b"NaN",
    b"1e400",
    b"-1",
    b"0.1",
    b"null",
    b"9007199254740992",
    b"18446744073709551616",
    "\u0663\u202e".encode(),
    b"\n",
    b":",
    b"=",
)


@st.composite
def changed(draw: st.DrawFn, bodies: list[bytes]) -> bytes:
    """One of the bodies with some stretches of it gone, replaced or doubled."""
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(body)))
        last = min(len(body), first + draw(st.integers(0, 12)))
        other = draw(st.sampled_from(_PIECES) | st.binary(max_size=6))
        middle = draw(st.sampled_from([b"", other, body[first:last] * 2]))
        body = body[:first] + middle + body[last:]
    return body


def test_corpus_when_looked_through_then_every_folder_is_of_a_parser() -> None:
    """No kept input is of nobody, and no parser is without any."""
    assert {each.name for each in CORPUS.iterdir()} == PARSERS.keys()


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("parser", EVERY)
def test_parser_when_given_its_corpus_then_takes_some_and_refuses_the_rest(parser: Parser) -> None:
    """Kept inputs are taken or refused; some are taken, or the others would prove nothing."""
    taken = [path.name for path in parser.corpus() if parser.takes(path.read_bytes())]
    assert taken


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("parser", EVERY)
def test_parser_when_nothing_ends_then_it_does(parser: Parser) -> None:
    """Nesting, digits and torn text without end are taken or refused in time."""
    for body in ENDLESS:
        parser.takes(body)


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("parser", EVERY)
def test_parser_when_given_any_bytes_then_raises_nothing_else(parser: Parser) -> None:
    """Bytes by chance are taken, or refused as told."""

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=120))
    def check(body: bytes) -> None:
        parser.takes(body)

    check()


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("parser", EVERY)
def test_parser_when_its_corpus_is_changed_then_raises_nothing_else(parser: Parser) -> None:
    """Bytes that were nearly right are taken, or refused as told."""
    bodies = [path.read_bytes() for path in parser.corpus()]

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(changed(bodies))
    def check(body: bytes) -> None:
        parser.takes(body)

    check()
