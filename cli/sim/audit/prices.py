"""What one use costs, worked out with fractions from all that is known of it.

Invariant: shares nothing with ``rating``; a price is made from the whole use, every time anew.
It does not own what was used (``uses``), nor what use adds to a calendar period (``periods``).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from cli.sim.audit.clocked import charged_interval, priced_moments, rate_at, time_words
from cli.sim.audit.counted import charged_units, growth, growth_in_tier, items_of, pages_of, row
from cli.sim.audit.covered import cut, inside, is_inside, outside
from cli.sim.audit.terms import PPM, Tariff, Version, Words, micros
from cli.sim.audit.used import EVER_MS, Use

Component = tuple[str, str, str]
CAPPED = ("time", "fee", "volume", "item", "page")


class Piece(NamedTuple):
    """A line before it is rounded.

    Args:
        kind: Of its component.
        meter: What was counted.
        rate: Name of the rate or tier, or nothing.
        version: From when its version is in force, 0 for the first.
        quantity: How much.
        exact: What it costs, in micro-units.
    """

    kind: str
    meter: str
    rate: str
    version: int
    quantity: int
    exact: Fraction


class Line(NamedTuple):
    """A line of a price; see ``Piece``."""

    kind: str
    meter: str
    rate: str
    version: int
    quantity: int
    amount: int


class Price(NamedTuple):
    """What a scope costs.

    Args:
        lines: That it is the sum of.
        provider: The provider's part.
    """

    lines: tuple[Line, ...] = ()
    provider: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(line.amount for line in self.lines)

    @property
    def amounts(self) -> object:
        """All of it that is money."""
        return [line for line in _without_units(self.lines) if line.amount], self.provider


NOTHING = Price()


def price_of(tariff: Tariff, use: Use) -> Price:
    """What a use costs by itself; passes and calendar periods left out."""
    lines = [*lines_of(tariff, use)]
    for cap in tariff.caps(of_session=True):
        lines += cap_lines(cap, lines)
    totals = Counter[int]()
    for line in lines:
        totals[line.version] += line.amount
    return Price(
        tuple(line for line in lines if line.quantity or line.amount),
        provider_part(tariff, totals),
    )


def cap_lines(cap: Words, lines: Iterable[Line]) -> list[Line]:
    """What a cap takes back, of the latest versions first; a line for each of these."""
    brought = Counter[int]()
    for line in lines:
        if kind_of(line) in kinds_of(cap):
            brought[line.version] += line.amount
    left = max(0, brought.total() - micros(cap["amount"]))
    taken: list[Line] = []
    for version in sorted(brought, reverse=True):
        less = min(left, max(0, brought[version]))
        taken.append(Line("cap", str(cap["per"]), "", version, 0, -less))
        left -= less
    return taken[::-1]


def _without_units(lines: Iterable[Line]) -> Iterator[Line]:
    yield from (line._replace(quantity=0) for line in lines)


def provider_part(tariff: Tariff, totals: Mapping[int, int]) -> int:
    """The provider's part of what each version comes to."""
    ppm = {each.from_ms: each.provider_ppm for each in tariff.versions}
    return sum(total * ppm[version] // PPM for version, total in totals.items())


def lines_of(tariff: Tariff, use: Use, until_ms: int = EVER_MS) -> Iterator[Line]:
    """What a use costs up to a moment, rounded, before caps."""
    for component in _components(tariff):
        yield from rounded(tariff, _pieces(tariff, use, component, until_ms))
        if component[0] == "time":
            yield from _minimum(tariff, use, until_ms)


def rounded(tariff: Tariff, pieces: Iterable[Piece]) -> Iterator[Line]:
    """A component's lines: its running total is rounded, never a piece."""
    rounding = ROUNDINGS[str(tariff.words.get("rounding", "half_up"))]
    exact, before = Fraction(0), 0
    for piece in pieces:
        exact += piece.exact
        after = rounding(exact)
        yield Line(*piece[:5], after - before)
        before = after


def kinds_of(cap: Words) -> set[str]:
    """The kinds of lines that a cap counts."""
    return set(cap.get("of") or CAPPED)


def kind_of(line: Line) -> str:
    """As caps name it: a minimum is a price of time."""
    return "time" if line.kind == "minimum" else line.kind


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "half_up": _half_up, "down": floor, "up": ceil,
}  # fmt: skip


def component_of(words: Words) -> Component:
    """What a component is called, in all versions that have it."""
    name = str(words.get("meter") or words.get("name") or "")
    return str(words["kind"]), name, str(words.get("period", "session"))


def _components(tariff: Tariff) -> list[Component]:
    """Those of a use by itself, in order of their first declaration."""
    found = dict.fromkeys(
        component_of(words) for version in tariff.versions for words in version.components
    )
    return [each for each in found if each[0] != "flat" and each[2] == "session"]


def _pieces(tariff: Tariff, use: Use, component: Component, until_ms: int) -> Iterator[Piece]:
    kind, name, _ = component
    if use.passes and kind in tariff.covers:
        yield from _covered_pieces(tariff, use, component, until_ms)
        use = outside(use)
    if kind == "time":
        yield from _time_pieces(tariff, use, until_ms)
        return
    if kind == "volume":
        if is_rated(tariff, component):
            units = {
                each.from_ms: units_by_rate(tariff, use, component, each, until_ms)
                for each in tariff.versions
            }
            yield from (piece for _, piece in rated_volume_pieces(tariff, component, units))
            return
        totals = {
            each.from_ms: use.total(name, min(until_ms, tariff.span_of(each)[1]))
            for each in tariff.versions
        }
        yield from volume_pieces(tariff, component, totals)
        return
    for version in tariff.versions:
        for words in version.components:
            if component_of(words) != component:
                continue
            from_ms, to_ms = (min(each, until_ms) for each in tariff.span_of(version))
            if kind == "fee" and use.is_session and from_ms <= use.first_ms < to_ms:
                if kind in tariff.covers and is_inside(use.passes, use.first_ms):
                    continue
                fee = micros(words["price"])
                yield Piece(kind, name or "connect", "", version.from_ms, 1, Fraction(fee))
            elif kind in {"item", "page"}:
                of_kind = items_of if kind == "item" else pages_of
                for place, rate in enumerate([None, *words.get("rates", ())]):
                    own = _at_rate(tariff, words, use, place) if words.get("rates") else use
                    for meter, rung in of_kind(words, own, from_ms, to_ms, rate):
                        yield Piece(
                            kind, meter, rung.rate, version.from_ms, rung.quantity, rung.exact
                        )


def _covered_pieces(
    tariff: Tariff, use: Use, component: Component, until_ms: int
) -> Iterator[Piece]:
    """What passes cover: counted, and of no price."""
    kind, name, _ = component
    covered = inside(use)
    for version in tariff.versions:
        from_ms, to_ms = (min(each, until_ms) for each in tariff.span_of(version))
        counts = Counter[str]()
        for words in version.components:
            if component_of(words) != component:
                continue
            if kind == "volume":
                counts[name] += covered.total(name, to_ms) - covered.total(name, from_ms)
            elif kind == "fee":
                begins = use.is_session and from_ms <= use.first_ms < to_ms
                counts[name or "connect"] += begins and is_inside(use.passes, use.first_ms)
            elif kind == "time":
                counts["ms"] += sum(
                    high - low
                    for each in priced_moments(tariff, use, until_ms)
                    for low, high, is_covered in cut(each.from_ms, each.to_ms, use.passes)
                    if is_covered and each.version is version
                )
            else:
                of_kind = items_of if kind == "item" else pages_of
                for meter, rung in of_kind(words, covered, from_ms, to_ms):
                    counts[meter] += rung.quantity
        for meter, quantity in counts.items():
            if quantity:
                yield Piece(kind, meter, "pass", version.from_ms, quantity, Fraction(0))


def volume_pieces(
    tariff: Tariff, component: Component, totals: Mapping[int, int]
) -> Iterator[Piece]:
    """What a meter costs: each version charges by its own price what the total grew in it.

    Args:
        tariff: Whose.
        component: Of it.
        totals: What the total had come to when each version was over, by its beginning.
    """
    before, whole = 0, max(totals.values())
    grown: list[tuple[Version, Words, int, int]] = []
    for version in tariff.versions:
        after = totals[version.from_ms]
        grown += [
            (version, words, before, after)
            for words in version.components
            if component_of(words) == component and after > before
        ]
        before = after
    paid = [
        each[0]
        for each in grown
        if charged_units(each[1], each[3]) > charged_units(each[1], each[2])
    ]
    for version, words, low, high in grown:
        if words.get("tiers") and words.get("mode") == "volume":
            owes_fee = bool(paid) and version is paid[-1]
            rungs = growth_in_tier(words, low, high, whole, owes_fee=owes_fee)
        else:
            rungs = growth(words, low, high)
        for rung in rungs:
            yield Piece(
                "volume", component[1], rung.rate, version.from_ms, rung.quantity, rung.exact
            )


def is_rated(tariff: Tariff, component: Component) -> bool:
    """Whether any version of a component has rates by the clock."""
    return any(
        words.get("rates")
        for version in tariff.versions
        for words in version.components
        if component_of(words) == component
    )


def _at_rate(tariff: Tariff, words: Words, use: Use, place: int) -> Use:
    """A use with those events alone that one rate holds for."""
    return use.at(lambda at_ms: rate_at(tariff, words, at_ms) == place)


def units_by_rate(
    tariff: Tariff, use: Use, component: Component, version: Version, until_ms: int
) -> Counter[int]:
    """Units of a meter that were told while a version was in force, by place of their rate."""
    from_ms, to_ms = (min(each, until_ms) for each in tariff.span_of(version))
    nothing: Words = {}
    words = next((each for each in version.components if component_of(each) == component), nothing)
    found: Counter[int] = Counter()
    for at_ms, units in use.grown(component[1], from_ms, to_ms):
        found[rate_at(tariff, words, at_ms)] += units
    return found


def rated_volume_pieces(
    tariff: Tariff, component: Component, units: Mapping[int, Mapping[int, int]]
) -> Iterator[tuple[int, Piece]]:
    """What a meter costs that has rates by the clock, each piece with the place of its rate.

    Args:
        tariff: Whose.
        component: Of it.
        units: By beginning of the version in force, then by place of the rate.
    """
    whole = sum(sum(each.values()) for each in units.values())
    before = 0
    grown: list[tuple[Version, Words, int]] = []
    for version in tariff.versions:
        for words in version.components:
            if component_of(words) == component:
                grown += [(version, words, before)]
        before += sum(units[version.from_ms].values())
    paid = [
        version
        for version, words, low in grown
        if charged_units(words, low + sum(units[version.from_ms].values()))
        > charged_units(words, low)
    ]
    for version, words, low in grown:
        owes_fee = bool(paid) and version is paid[-1]
        for place, rung in row(words, low, units[version.from_ms], whole, owes_fee=owes_fee):
            yield (
                place,
                Piece(
                    "volume", component[1], rung.rate, version.from_ms, rung.quantity, rung.exact
                ),
            )


def _time_pieces(tariff: Tariff, use: Use, until_ms: int) -> Iterator[Piece]:
    lengths, costs = Counter[tuple[int, int, str]](), dict[tuple[int, int, str], Fraction]()
    for each in priced_moments(tariff, use, until_ms):
        name = (each.version.from_ms, each.place, each.rate)
        passes = use.passes if "time" in tariff.covers else ()
        left_ms = sum(
            high - low
            for low, high, is_covered in cut(each.from_ms, each.to_ms, passes)
            if not is_covered
        )
        if left_ms:
            lengths[name] += left_ms
            exact = each.exact * left_ms / (each.to_ms - each.from_ms)
            costs[name] = costs.get(name, Fraction(0)) + exact
    for name in sorted(lengths):
        yield Piece("time", "ms", name[2], name[0], lengths[name], costs[name])


def _minimum(tariff: Tariff, use: Use, until_ms: int) -> Iterator[Line]:
    """What all of the time component costs at least, less what it costs."""
    version = tariff.version_at(use.first_ms)
    least = micros((time_words(version) or {}).get("minimum", "0"))
    begin_ms, end_ms = charged_interval(tariff, use)
    if least and begin_ms < min(end_ms, until_ms):
        charged = [*_time_pieces(tariff, use, until_ms)]
        if "time" in tariff.covers and use.passes and not charged:
            return
        time = sum(each.amount for each in rounded(tariff, charged))
        yield Line("minimum", "ms", "", version.from_ms, 0, max(0, least - time))
