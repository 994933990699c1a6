"""The report of a replay: as one object, and as tables for people.

Invariant: amounts are whole micro-units in the object, and decimal text for people; groups stand in
the order of their difference, the largest first, and what is left out is counted.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.tariffs.book import LEDGER, NEW, OLD, ScopeRow
from cli.tariffs.comparing import Comparison, Money, PriceChange
from cli.tariffs.replaying import Unpriced
from schemas.moment import text_from_ms
from schemas.money import text_from_amount
from warehouse.period import Period

GROUPS_MAX = 10_000
WIDTH = 140
_WHY = {
    "price": "same units, other price",
    "units": "other units are charged",
    "only_old": "no longer charged",
    "only_new": "charged only now",
}


class Report(NamedTuple):
    """All that a replay tells.

    Args:
        period: Which.
        currency: Of all amounts.
        comparison: Of the two prices and the ledger.
        prices: Where tariffs differ, as they are written.
        events: How many were priced.
        unpriced_old: Events that production's own catalogues refuse.
        unpriced_new: Events that the other one refuses, such as contents that it does not sell.
        examples: Some of both.
        top: Scopes and groups that people are told of.
        has_new: Whether there is another tariff.
    """

    period: Period
    currency: str
    comparison: Comparison
    prices: Sequence[PriceChange]
    events: int
    unpriced_old: int
    unpriced_new: int
    examples: Sequence[Unpriced]
    top: int
    has_new: bool

    @property
    def is_exact(self) -> bool:
        """Whether production's terms give what the ledger has, for every scope."""
        return not (self.comparison.mismatches or self.unpriced_old)


def document_of(report: Report) -> dict[str, object]:
    """The report as one object."""
    found, period = report.comparison, report.period
    return {
        "tenant": period.tenant,
        "currency": report.currency,
        "from": text_from_ms(period.from_ms),
        "to": text_from_ms(period.to_ms),
        "events": report.events,
        "scopes": found.scopes,
        "mismatches": found.mismatches,
        "mismatched": [_scope(row) for row in found.mismatched],
        "unpriced_old": report.unpriced_old,
        "unpriced_new": report.unpriced_new,
        "unpriced": [each._asdict() for each in report.examples],
        "revenue": _figures(found.revenue),
        **{f"by_{name}": list(_groups(name, found.by[name])) for name in found.by},
        "left_off": {name: max(0, len(each) - GROUPS_MAX) for name, each in found.by.items()},
        "why": [
            {
                **key._asdict(),
                "scopes": why.scopes,
                "quantity_old": why.quantity_old,
                "quantity_new": why.quantity_new,
                **_figures(why.money),
            }
            for key, why in sorted(
                found.why.items(), key=lambda pair: (-abs(pair[1].money.difference_micros), pair[0])
            )
        ],
        "prices": [{**each._asdict(), "contents": list(each.contents)} for each in report.prices],
        "top": [_scope(row) for row in found.top],
    }


def put_report(report: Report) -> None:
    """Tables on standard output."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    found, currency = report.comparison, report.currency
    period = report.period
    console.print(
        f"{period.tenant}: {text_from_ms(period.from_ms)} to {text_from_ms(period.to_ms)}, "
        f"{report.events} events, {found.scopes} scopes, amounts in {currency}"
    )
    _put_exactness(console, report)
    if not report.has_new:
        console.print(f"revenue {text_from_amount(found.revenue.ledger_micros)}")
        return
    total = Table("", "old", "new", "difference", title="revenue")
    total.add_row("in all", *_texts(found.revenue))
    console.print(total)
    for name, groups in found.by.items():
        table = Table(name, "old", "new", "difference", title=f"by {name}")
        ordered = _ordered(groups)
        for each, money in ordered[: report.top]:
            table.add_row(Text(each), *_texts(money))
        console.print(table)
        if len(ordered) > report.top:
            console.print(f"and {len(ordered) - report.top} more")
    _put_why(console, report)
    _put_top(console, found.top)


def _put_exactness(console: Console, report: Report) -> None:
    found = report.comparison
    if report.is_exact:
        console.print("the ledger has what the terms in force give, to the micro-unit")
    if found.mismatches:
        table = Table("member", "session or use", "ledger", "terms", title="the ledger differs")
        for row in found.mismatched[: report.top]:
            table.add_row(*_names(row), *(_text_of(row, side) for side in (LEDGER, OLD)))
        console.print(table)
        console.print(f"{found.mismatches} scopes differ")
    for words, count in (("old", report.unpriced_old), ("new", report.unpriced_new)):
        if count:
            console.print(f"{count} events have no price by the {words} terms")
    for each in report.examples:
        console.print(f"  {each.event}: {each.reason}: {each.detail}", markup=False)


def _put_why(console: Console, report: Report) -> None:
    table = Table("content", "line", "why", "scopes", "units", "difference", title="why")
    reasons = sorted(
        report.comparison.why.items(), key=lambda pair: -abs(pair[1].money.difference_micros)
    )
    for key, why in reasons[: report.top]:
        units = str(why.quantity_old)
        if why.quantity_new != why.quantity_old:
            units = f"{why.quantity_old} -> {why.quantity_new}"
        difference = text_from_amount(why.money.difference_micros)
        line = f"{key.kind} {key.meter}"
        table.add_row(
            Text(key.content), Text(line), _WHY[key.change], str(why.scopes), units, difference
        )
    console.print(table)
    prices = Table("contents", "tariff", "what", "old", "new", title="tariffs that differ")
    for each in report.prices:
        tariff = " -> ".join(dict.fromkeys((each.tariff_old, each.tariff_new)))
        cells = (" ".join(each.contents), tariff, each.field, _json(each.old), _json(each.new))
        prices.add_row(*map(Text, cells))
    console.print(prices)


def _put_top(console: Console, rows: Sequence[ScopeRow]) -> None:
    table = Table("member", "session or use", "old", "new", title="largest differences")
    for row in rows:
        table.add_row(*_names(row), *(_text_of(row, side) for side in (OLD, NEW)))
    console.print(table)


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def _ordered(groups: Mapping[str, Money]) -> list[tuple[str, Money]]:
    return sorted(
        groups.items(),
        key=lambda pair: (-abs(pair[1].difference_micros), -pair[1].old_micros, pair[0]),
    )


def _groups(name: str, groups: Mapping[str, Money]) -> Iterator[dict[str, object]]:
    for each, money in _ordered(groups)[:GROUPS_MAX]:
        yield {name: each, **_figures(money)}


def _figures(money: Money) -> dict[str, int]:
    return {
        "ledger_micros": money.ledger_micros,
        "old_micros": money.old_micros,
        "new_micros": money.new_micros,
        "difference_micros": money.difference_micros,
    }


def _texts(money: Money) -> tuple[str, str, str]:
    return (
        text_from_amount(money.old_micros),
        text_from_amount(money.new_micros),
        text_from_amount(money.difference_micros),
    )


def _names(row: ScopeRow) -> tuple[Text, Text]:
    """As plain text: an id may look like markup."""
    key = row.told.key
    name = key.session or key.scope
    return Text(key.member), Text(f"{name} #{key.incarnation}" if key.incarnation > 1 else name)


def _text_of(row: ScopeRow, side: int) -> str:
    return text_from_amount(row.total_micros(side))


def _scope(row: ScopeRow) -> dict[str, object]:
    return {
        **row.told.key._asdict(),
        "content": row.told.content,
        "ledger_micros": row.total_micros(LEDGER),
        "old_micros": row.total_micros(OLD),
        "new_micros": row.total_micros(NEW),
    }
