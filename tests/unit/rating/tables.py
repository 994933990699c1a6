"""Text tables of prices: a row is ``tariff | usage | lines | arithmetic``.

Owns: reading the rows; usage is ``1000ms bytes=5 item:sword=2 page:forward=1``, a line is
``kind meter quantity amount`` with the amount in major units, lines are parted by commas.
Invariant: expected figures stand in the table alone; nothing here computes a price.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from rating.compiling import compile_tariff
from rating.price import Usage
from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine
from schemas.money import amount_from_text
from schemas.tariff import Component, Tariff


class Row(NamedTuple):
    """One case: the tariff's short name, what was used, and the lines expected."""

    tariff: str
    usage: Usage
    lines: tuple[ChargeLine, ...]


def tariff_of(
    *components: Component, rounding: Literal["half_up", "down", "up"] = "half_up"
) -> TariffTerms:
    """A compiled tariff of these components and nothing else that matters."""
    return compile_tariff("tariffs[t]", Tariff("t", list(components), rounding=rounding))


def rows(table: str) -> Iterator[Row]:
    """The cases of a table; the last column is for people."""
    for line in table.strip().splitlines():
        tariff, used, expected, _ = (column.strip() for column in line.split("|"))
        yield Row(tariff, usage_from(used), tuple(_lines(expected)))


def usage_from(text: str) -> Usage:
    """Usage from its words."""
    duration_ms, meters, items, pages = 0, dict[str, int](), dict[str, int](), dict[str, int]()
    for word in text.split():
        name, _, count = word.partition("=")
        if not count:
            duration_ms = int(word.removesuffix("ms"))
        elif name.startswith("item:"):
            items[name.removeprefix("item:")] = int(count)
        elif name.startswith("page:"):
            pages[name.removeprefix("page:")] = int(count)
        else:
            meters[name] = int(count)
    return Usage(duration_ms=duration_ms, meters=meters, items=items, pages=pages)


def _lines(text: str) -> Iterator[ChargeLine]:
    for part in text.split(","):
        if part.strip() != "nothing":
            kind, meter, quantity, amount = part.split()
            yield ChargeLine(kind, meter, int(quantity), amount_from_text(amount))


def told(lines: Iterable[ChargeLine]) -> tuple[ChargeLine, ...]:
    """Lines without the unit price and the moments, which the tables do not tell."""
    return tuple(msgspec.structs.replace(each, price="", from_ms=0, to_ms=0) for each in lines)
