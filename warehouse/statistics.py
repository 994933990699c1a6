"""Usage statistics: what was used and what it cost, by any choice of dimensions.

Owns: ``usage_statistics``.
Invariant: charged amounts are sums of ``charges`` in 128 bits, by currency, and therefore equal
what the ledger took; counts and meters are sums of applied usage, repeats left out.
Time: an event belongs to the hour, day and month (UTC) in which it happened.
Does not own: what a period means to a person elsewhere than in UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.moment import DAY_MS, HOUR_MS, text_from_ms
from warehouse.cells import text, whole
from warehouse.port import Cell, Reader

Dimension = Literal["content", "member", "kind", "hour", "day", "month"]
GROUPS_MAX = 10_000
_HOUR = f"intDiv(event_at_ms, {HOUR_MS})"
_DAY = f"intDiv(event_at_ms, {DAY_MS})"
_MONTH = "toYYYYMM(toDateTime(intDiv(event_at_ms, 1000)), 'UTC')"
_USAGE_SQL: Mapping[Dimension, str] = {
    "content": "content", "member": "subject", "hour": _HOUR, "day": _DAY, "month": _MONTH,
}  # fmt: skip
_CHARGE_SQL: Mapping[Dimension, str] = {**_USAGE_SQL, "member": "member", "kind": "kind"}


@dataclass(slots=True)
class UsageFigures:
    """One group.

    Args:
        keys: The group's value of each dimension, in the order asked: ids, kinds,
            ``2026-11-24T09:00:00.000Z`` (hour), ``2026-11-24`` (day), ``2026-11`` (month).
        usages: Applied events. 0 where ``kind`` is asked for: an event has no kind.
        duplicates: Repeats that changed nothing.
        duration_ms: What they added to sessions' lengths; likewise.
        meters: What they added to each meter; where ``kind`` is asked for, the priced quantities.
        charged_micros: By (currency, kind of charge).
    """

    keys: tuple[str, ...]
    usages: int = 0
    duplicates: int = 0
    duration_ms: int = 0
    meters: dict[str, int] = field(default_factory=dict)
    charged_micros: dict[tuple[str, str], int] = field(default_factory=dict)

    def total_micros(self, currency: str) -> int:
        """What was charged in a currency, over all kinds."""
        return sum(amount for (held, _), amount in self.charged_micros.items() if held == currency)


def usage_statistics(
    reader: Reader,
    *,
    tenant: str,
    from_ms: int,
    to_ms: int,
    by: Sequence[Dimension] = (),
    member: str | None = None,
    content: str | None = None,
) -> list[UsageFigures]:
    """What was used in [from, to) and what it cost.

    Args:
        reader: The warehouse.
        tenant: Whose.
        from_ms: Event time, inclusive.
        to_ms: Exclusive.
        by: Dimensions of a group; none gives at most one group.
        member: Only theirs.
        content: Only of it.

    Returns:
        Groups in the order of their keys, at most ``GROUPS_MAX``.

    Raises:
        ValueError: A dimension that does not exist, or stands there twice.
        WarehouseUnavailable: No answer.
    """
    if not set(by) <= set(_CHARGE_SQL) or len(set(by)) != len(by):
        raise ValueError(f"by={','.join(by)}: use each of {', '.join(_CHARGE_SQL)} at most once")
    parameters: dict[str, Cell] = {"tenant": tenant, "from_ms": from_ms, "to_ms": to_ms}
    where = "tenant = %(tenant)s AND event_at_ms >= %(from_ms)s AND event_at_ms < %(to_ms)s"
    for name, value in (("member", member), ("content", content)):
        if value is not None:
            parameters[name] = value
            where += f" AND {name} = %({name})s"
    groups: dict[tuple[str, ...], UsageFigures] = {}
    if "kind" not in by:
        # The member of a usage event is its subject.
        at = where.replace(" AND member =", " AND subject =")
        _add_usage(reader, groups, by, at, parameters)
    _add_charges(reader, groups, by, where, parameters)
    return [groups[keys] for keys in sorted(groups)][:GROUPS_MAX]


def _add_usage(
    reader: Reader,
    groups: dict[tuple[str, ...], UsageFigures],
    by: Sequence[Dimension],
    where: str,
    parameters: Mapping[str, Cell],
) -> None:
    keys = [_USAGE_SQL[dimension] for dimension in by]
    counted = reader.query(
        _grouped(
            keys,
            "countIf(outcome = 'applied'), countIf(outcome = 'duplicate'), "
            "sum(toDecimal128(duration_ms, 0))",
            f"usage_events WHERE {where}",
        ),
        parameters,
    )
    for *cells, usages, duplicates, duration_ms in counted.rows:
        group = _group(groups, by, cells)
        group.usages, group.duplicates = whole(usages), whole(duplicates)
        group.duration_ms = whole(duration_ms)
    metered = reader.query(
        _grouped(
            [*keys, "meter"],
            "sum(toDecimal128(amount, 0))",
            f"usage_events ARRAY JOIN meter_names AS meter, meter_amounts AS amount WHERE {where}",
        ),
        parameters,
    )
    for *cells, meter, amount in metered.rows:
        _group(groups, by, cells).meters[text(meter)] = whole(amount)


def _add_charges(
    reader: Reader,
    groups: dict[tuple[str, ...], UsageFigures],
    by: Sequence[Dimension],
    where: str,
    parameters: Mapping[str, Cell],
) -> None:
    keys = [_CHARGE_SQL[dimension] for dimension in by]
    charged = reader.query(
        _grouped(
            [*keys, "currency", "kind AS charged_kind", "meter"],
            "sum(toDecimal128(quantity, 0)), sum(toDecimal128(amount_micros, 0))",
            f"charges WHERE {where}",
        ),
        parameters,
    )
    for *cells, currency, kind, meter, quantity, amount in charged.rows:
        group = _group(groups, by, cells)
        key = (text(currency), text(kind))
        group.charged_micros[key] = group.charged_micros.get(key, 0) + whole(amount)
        if "kind" in by:
            name = text(meter)
            group.meters[name] = group.meters.get(name, 0) + whole(quantity)


def _grouped(keys: Sequence[str], sums: str, source: str) -> str:
    """A statement made of our own words only; values come as parameters."""
    names = [key.rpartition(" AS ")[2] for key in keys]
    grouped = f" GROUP BY {', '.join(names)}" if keys else ""
    having = " HAVING count() > 0"
    return f"SELECT {', '.join([*keys, sums])} FROM {source}{grouped}{having}"  # noqa: S608


def _group(
    groups: dict[tuple[str, ...], UsageFigures], by: Sequence[Dimension], cells: Sequence[Cell]
) -> UsageFigures:
    keys = tuple(_key_text(dimension, cell) for dimension, cell in zip(by, cells, strict=True))
    return groups.setdefault(keys, UsageFigures(keys))


def _key_text(dimension: Dimension, cell: Cell) -> str:
    shown = _KEY_TEXT.get(dimension)
    return text(cell) if shown is None else shown(whole(cell))


_KEY_TEXT: Mapping[Dimension, Callable[[int], str]] = {
    "hour": lambda number: text_from_ms(number * HOUR_MS),
    "day": lambda number: text_from_ms(number * DAY_MS)[: len("2026-11-24")],
    "month": lambda number: f"{number // 100:04}-{number % 100:02}",
}
