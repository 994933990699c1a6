"""Cursors: what one names, and what none of ours can be."""

import random
from base64 import urlsafe_b64encode

import pytest

from api.paging import Number, cursor_text, place_of
from api.ports import Place, ScanPlace
from api.problems import Problem
from api.routes.sessions import Turn


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (Place, Place(3, "tv\x1fann")),
        (Number, Number(0)),
        (Number, Number(2**62)),
        (Turn, Turn(after=ScanPlace(3, 2**40, "tv\x1fann"))),
        (Turn, Turn(is_closed=True, before=(5, "vod", "ann", "s1", 2))),
    ],
)
def test_cursor_when_read_back_then_the_same_place(kind: type[object], place: object) -> None:
    """A list goes on exactly where it stopped."""
    assert place_of("list", cursor_text("list", place), kind) == place


def test_cursor_when_absent_then_the_first_page() -> None:
    """No cursor is no place."""
    assert place_of("list", None, Number) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "=",
        "x",
        "ä",
        "AAAA",
        # ["wallets", a place nested without end], in no more characters than a cursor may have.
        urlsafe_b64encode(b"\x93\x01\xa4list" + b"\x91" * 1_200).decode(),
        cursor_text("other", Number(1)),
        cursor_text("list", "text"),
        cursor_text("list", (1, 2)),
        cursor_text("list", Number(-1)),
        cursor_text("list", Number(2**63)),
        cursor_text("list", Number(1))[:-2],
    ],
)
def test_cursor_when_not_of_this_list_then_invalid(cursor: str) -> None:
    """Another list's, another form, or torn: all are one problem."""
    with pytest.raises(Problem) as told:
        place_of("list", cursor, Number)
    assert (told.value.word, told.value.status_code) == ("cursor-invalid", 400)


def test_cursor_when_made_of_chance_then_never_anything_but_invalid() -> None:
    """No text leads to another fault (seed 20261124)."""
    chance = random.Random(20261124)
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=/+ é"
    for _ in range(2_000):
        text = "".join(chance.choice(signs) for _ in range(chance.randrange(40)))
        with pytest.raises(Problem) as told:
            place_of("list", text, Number)
        assert told.value.word == "cursor-invalid"
