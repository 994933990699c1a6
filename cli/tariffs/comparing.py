"""What two prices of the same use have apart, and why: sums by who and what, line by line.

Invariant: the old price of each scope is held against the ledger, to the micro-unit; sums have no
bound. Pure: it reads a book's rows, in one pass.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.tariffs.book import LEDGER, NEW, OLD, ScopeRow, Sum
from cli.tariffs.documents import list_in

MISMATCHES_KEPT = 100
Raw = dict[str, Any]


@dataclass(slots=True)
class Money:
    """What something came to by the ledger, by the old price and by the new one."""

    ledger_micros: int = 0
    old_micros: int = 0
    new_micros: int = 0

    def add(self, row: "Money") -> None:
        """Adds another's figures."""
        self.ledger_micros += row.ledger_micros
        self.old_micros += row.old_micros
        self.new_micros += row.new_micros

    @property
    def difference_micros(self) -> int:
        """What the new price brings more than the old one."""
        return self.new_micros - self.old_micros


@dataclass(slots=True)
class Why:
    """Lines that changed in the same way.

    Args:
        scopes: How many have such a line.
        quantity_old: Units that the old price told.
        quantity_new: Units that the new one told.
        money: Amounts of both.
    """

    scopes: int = 0
    quantity_old: int = 0
    quantity_new: int = 0
    money: Money = field(default_factory=Money)


class WhyKey(NamedTuple):
    """Content, what was counted, and how its line changed.

    ``price``: the same units cost something else. ``units``: other units are charged. ``only_old``
    and ``only_new``: one of the two prices does not count it, or counts it free of charge.
    """

    content: str
    kind: str
    meter: str
    change: str


class PriceChange(NamedTuple):
    """What stands otherwise in a tariff: of a list, only what the other one has not."""

    contents: tuple[str, ...]
    tariff_old: str
    tariff_new: str
    field: str
    old: object
    new: object


@dataclass(slots=True)
class Comparison:
    """Everything that a report tells.

    Args:
        revenue: In all.
        by: Under ``member``, ``content``, ``provider`` and ``kind``: figures by name.
        why: Lines that changed, grouped.
        top: Scopes with the largest differences, the largest first.
        scopes: How many.
        mismatches: How many of them the ledger has otherwise than the old price.
        mismatched: Some of these.
    """

    revenue: Money = field(default_factory=Money)
    by: dict[str, dict[str, Money]] = field(
        default_factory=lambda: {"member": {}, "content": {}, "provider": {}, "kind": {}}
    )
    why: dict[WhyKey, Why] = field(default_factory=dict[WhyKey, Why])
    top: list[ScopeRow] = field(default_factory=list[ScopeRow])
    scopes: int = 0
    mismatches: int = 0
    mismatched: list[ScopeRow] = field(default_factory=list[ScopeRow])


def compare(
    rows: Iterable[ScopeRow], provider_of: Callable[[str], str], top: int, *, has_new: bool
) -> Comparison:
    """Sums up a book.

    Args:
        rows: Of the book.
        provider_of: Who owns a content.
        top: How many scopes are told of.
        has_new: Whether there is a new price; without one it is the old one.
    """
    found, largest = Comparison(), list[tuple[int, int, ScopeRow]]()
    for row in rows:
        found.scopes += 1
        money = _money(row.lines, has_new=has_new)
        found.revenue.add(money)
        content = row.told.content
        if row.lines:
            _add(found.by["member"], row.told.key.member, money)
            _add(found.by["content"], content, money)
            _add(found.by["provider"], provider_of(content), money)
        _add_lines(found, row, has_new=has_new)
        if money.ledger_micros != money.old_micros:
            found.mismatches += 1
            found.mismatched += [row] if len(found.mismatched) < MISMATCHES_KEPT else []
        if money.difference_micros:
            heapq.heappush(largest, (abs(money.difference_micros), -found.scopes, row))
            if len(largest) > top:
                heapq.heappop(largest)
    found.top = [row for _, _, row in sorted(largest, key=lambda each: each[:2], reverse=True)]
    return found


def price_changes(contents: Iterable[str], old: Raw, new: Raw) -> list[PriceChange]:
    """Where the tariffs of contents differ, as they are written.

    Args:
        contents: That were used.
        old: The tenant in the newest catalogue in force.
        new: The tenant in the other one.
    """
    pairs: dict[tuple[str, str], list[str]] = {}
    for content in contents:
        pairs.setdefault((_sold_by(old, content), _sold_by(new, content)), []).append(content)
    return [
        PriceChange(tuple(sold), *pair, field, before, after)
        for pair, sold in pairs.items()
        for field, before, after in _apart(_tariff(old, pair[0]), _tariff(new, pair[1]))
    ]


def _apart(old: Raw, new: Raw) -> Iterator[tuple[str, object, object]]:
    for name in [*old, *(each for each in new if each not in old)]:
        before, after = old.get(name), new.get(name)
        gone, come = list_in(before), list_in(after)
        if before == after:
            continue
        if gone is None or come is None:
            yield name, before, after
        else:
            yield name, [b for b in gone if b not in come], [a for a in come if a not in gone]


def _sold_by(tenant: Raw, content: str) -> str:
    found = [each["tariff"] for each in tenant.get("contents", []) if each["id"] == content]
    return found[0] if found else ""


def _tariff(tenant: Raw, tariff: str) -> Raw:
    found: list[Raw] = [each for each in tenant.get("tariffs", []) if each["id"] == tariff]
    return found[0] if found else {}


def _money(lines: Iterable[Sum], *, has_new: bool) -> Money:
    money = Money()
    for line in lines:
        if line.side == LEDGER:
            money.ledger_micros += line.amount_micros
        elif line.side == OLD:
            money.old_micros += line.amount_micros
        else:
            money.new_micros += line.amount_micros
    if not has_new:
        money.new_micros = money.old_micros
    return money


def _add(groups: dict[str, Money], name: str, money: Money) -> None:
    groups.setdefault(name, Money()).add(money)


def _add_lines(found: Comparison, row: ScopeRow, *, has_new: bool) -> None:
    by_line: dict[tuple[str, str], list[Sum]] = {}
    for line in row.lines:
        by_line.setdefault((line.kind, line.meter), []).append(line)
    for (kind, meter), lines in by_line.items():
        money = _money(lines, has_new=has_new)
        _add(found.by["kind"], kind, money)
        quantities = {line.side: line.quantity for line in lines}
        old, new = quantities.get(OLD), quantities.get(NEW)
        change = _change(old, new, money)
        if has_new and change:
            why = found.why.setdefault(WhyKey(row.told.content, kind, meter, change), Why())
            why.scopes += 1
            why.quantity_old += old or 0
            why.quantity_new += new or 0
            why.money.add(money)


def _change(old: int | None, new: int | None, money: Money) -> str:
    if old is None and new is None:
        return ""
    if old is None or new is None:
        return "only_new" if old is None else "only_old"
    if old != new:
        return "units"
    return "price" if money.difference_micros else ""
