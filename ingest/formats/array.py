"""A JSON array cut into its elements without reading it whole, be it on one line or on many.

Invariant: an element comes as one line of text with the number of the line on which it begins; what
cannot be read is one line more, at which reading ends, since nobody knows where the next begins.
"""

import json
from collections.abc import Iterable, Iterator

from ingest.formats.line import Line

ARRAY = "["
ELEMENT_CHARS_MAX = 256 * 1024
_BETWEEN = " \t\r\n,"
_decoder = json.JSONDecoder()


def elements(chunks: Iterable[str]) -> Iterator[Line]:
    """The elements of the array that these pieces of text make.

    Args:
        chunks: Of the file, cut anywhere.
    """
    rest, line, is_begun = "", 1, False
    for chunk in chunks:
        rest += chunk
        while True:
            bare = rest.lstrip(_BETWEEN)
            line += rest.count("\n", 0, len(rest) - len(bare))
            if not is_begun and bare:
                bare, is_begun = bare[len(ARRAY) :], True
                rest = bare
                continue
            rest = bare
            if rest.startswith("]"):
                return
            end = _end_of(rest)
            if not end:
                # It may go on in the next chunk.
                break
            yield Line(line, rest[:end])
            line += rest.count("\n", 0, end)
            rest = rest[end:]
        if len(rest) > ELEMENT_CHARS_MAX:
            break
    yield Line(line, rest[:ELEMENT_CHARS_MAX] or "the array ends without its ]")


def _end_of(text: str) -> int:
    """Where the element at the beginning ends; 0 where it is not whole or no JSON."""
    try:
        return _decoder.raw_decode(text)[1] if text else 0
    except (ValueError, RecursionError):
        return 0
