"""Cursors of lists: opaque texts that name the place after which a list goes on.

Invariant: a cursor names a place only; tenant and filters come with each request, so a cursor of
somebody else can show nothing of theirs.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from fastapi import Query

from api.limits import CURSOR_CHARS_MAX, PAGE_DEFAULT, PAGE_MAX
from api.ports import Count
from api.problems import Problem
from schemas.errors import UNREADABLE

VERSION = 1
T = TypeVar("T")

PageLimit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Most items of a page.")]
PageCursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARS_MAX,
        description="`next_cursor` of the page before; leave it out for the first page.",
    ),
]
DEFAULT_LIMIT = PAGE_DEFAULT


class Number(NamedTuple):
    """A place that one number tells: a sequence, or how many rows were shown."""

    value: Count


class _Cursor(NamedTuple):
    version: int
    name: str
    place: msgspec.Raw


_decoder = msgspec.msgpack.Decoder(_Cursor)


def cursor_text(name: str, place: object) -> str:
    """The cursor that names a place in a list.

    Args:
        name: The list's own, so that a cursor of another list is refused.
        place: A struct or tuple that ``place_of`` can read back.
    """
    packed = msgspec.msgpack.encode((VERSION, name, place))
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def place_of(name: str, cursor: str | None, kind: type[T]) -> T | None:
    """The place that a cursor names, or None for the first page.

    Raises:
        Problem: ``cursor-invalid``: not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        packed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        read = _decoder.decode(packed)
        if (read.version, read.name) == (VERSION, name):
            return msgspec.msgpack.decode(read.place, type=kind)
    except (ValueError, *UNREADABLE):
        pass
    raise Problem(
        "cursor-invalid", "pass next_cursor of this list's page as it is, or leave it out"
    )
