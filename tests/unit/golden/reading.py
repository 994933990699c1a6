"""Golden rows from their text: tables that a person writes and reads.

Invariant: a line that is not understood is an error with file and line, never skipped.
It does not own how rows are run (``running``) nor any expected figure (``tables/*.txt``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

TABLES = Path(__file__).parent / "tables"
OUTSIDE = "out"
# Who owns the content that a use is of, unless it names another provider's.
OWNER = "owner"
_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")

LineKey = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that a member did.

    Args:
        session: Its name, or ``OUTSIDE``.
        provider: Whose content it is of.
        at_ms: When.
        verb: As in the table.
        words: What follows the verb.
    """

    session: str
    provider: str
    at_ms: int
    verb: str
    words: tuple[str, ...]


@dataclass(slots=True)
class Row:
    """One golden case.

    Args:
        name: Table and title.
        tariff: The document.
        zone: Of the content.
        uses: In the order of the table, which is that of time within a session.
        lines: Quantity and amount by (kind, meter, rate, version).
        spans: First moment of a line of time and the moment behind its last, where a row says so.
        total_micros: The member's debit.
        parts_micros: Providers' parts, of those that the row is about.
        is_quiet: Whether the last use to arrive may change quantities alone, untold until later.
        reason: The arithmetic.
    """

    name: str
    tariff: dict[str, Any] = field(default_factory=dict[str, Any])
    zone: str = ""
    uses: list[Use] = field(default_factory=list[Use])
    lines: dict[LineKey, tuple[int, int]] = field(default_factory=dict[LineKey, tuple[int, int]])
    spans: dict[LineKey, tuple[int, int]] = field(default_factory=dict[LineKey, tuple[int, int]])
    total_micros: int | None = None
    parts_micros: dict[str, int] = field(default_factory=dict[str, int])
    is_quiet: bool = False
    reason: str = ""


def rows_of(table: str) -> list[Row]:
    """The rows of a table, each complete.

    Raises:
        ValueError: A line cannot be read or a row lacks something; the message says which.
    """
    text = (TABLES / f"{table}.txt").read_text(encoding="utf-8")
    reader = _Reader(table)
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            reader.take(line)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{table}.txt:{number}: {line!r}: {error}") from error
    for row in reader.rows:
        if row.total_micros is None or not (row.uses and row.tariff and row.reason):
            raise ValueError(f"{row.name}: lacks a total, use, tariff or arithmetic")
    return reader.rows


class _Reader:
    def __init__(self, table: str) -> None:
        self.rows: list[Row] = []
        self._table = table
        self._zone = ""
        self._tariffs: dict[str, dict[str, Any]] = {}

    def take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "" | "#":
                pass
            case "zone":
                self._zone = rest
            case "tariff":
                name, _, body = rest.partition(" ")
                self._tariffs[name] = {"id": name} | msgspec.json.decode(body)
            case "##":
                self.rows.append(Row(f"{self._table}: {rest}"))
            case _:
                self._take_of_row(self.rows[-1], word, rest)

    def _take_of_row(self, row: Row, word: str, rest: str) -> None:
        match word:
            case "on":
                name, _, zone = rest.partition(" ")
                row.tariff, row.zone = self._tariffs[name], zone or self._zone
            case "use":
                row.uses.extend(_uses(rest))
            case "=":
                _take_line(row, rest.split())
            case "when":
                first, last = rest.split(" .. ")
                row.spans[next(reversed(row.lines))] = (moment_ms(first), moment_ms(last))
            case "total":
                row.total_micros = _micros(rest)
            case "provider":
                name, _, part = rest.rpartition(" ")
                row.parts_micros[name or OWNER] = _micros(part)
            case "quiet":
                row.is_quiet = True
            case "~":
                row.reason += rest
            case _:
                raise ValueError(f"no line of a row begins with {word!r}")


def _uses(text: str) -> Iterator[Use]:
    name, _, told = text.partition(": ")
    session, _, provider = name.partition(" of ")
    first_ms = 0
    for place, each in enumerate(told.split("; ")):
        when, verb, *words = each.split()
        if place == 0:
            first_ms = at_ms = moment_ms(when)
        else:
            at_ms = first_ms + duration_ms(when.removeprefix("+"))
        yield Use(session, provider or OWNER, at_ms, verb, tuple(words))


def _take_line(row: Row, words: list[str]) -> None:
    kind, meter, quantity, amount, *rest = words
    rate, version = [*rest, *"--"[len(rest) :]]
    key = (kind, meter, "" if rate == "-" else re.sub(r"^tier-(\d+)-?", r"tier \1 ", rate).rstrip(),
           _version_ms(row.tariff, version))  # fmt: skip
    if key in row.lines:
        raise ValueError(f"{key} stands there twice")
    row.lines[key] = (
        duration_ms(quantity) if meter == "ms" and kind == "time" else int(quantity),
        _micros(amount),
    )


def _version_ms(tariff: dict[str, Any], version: str) -> int:
    if version == "-":
        return 0
    return moment_ms(tariff["versions"][int(version.removeprefix("v")) - 1]["from"])


def moment_ms(text: str) -> int:
    """UTC epoch milliseconds of RFC 3339 text with an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return round(moment.timestamp() * 1000)


def duration_ms(text: str) -> int:
    """Milliseconds of text such as ``1h30m`` or ``0.001s``."""
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        raise ValueError(f"{text!r} is no duration such as 1h30m or 0.001s")
    whole = sum(Decimal(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text))
    return _whole(Decimal(whole), text)


def _micros(text: str) -> int:
    return _whole(Decimal(text) * 1_000_000, text)


def _whole(value: Decimal, text: str) -> int:
    if value != int(value):
        raise ValueError(f"{text!r} is finer than can be")
    return int(value)
