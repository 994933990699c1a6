"""Use inside and outside the passes of a member, told apart event by event.

Invariant: shares nothing with ``rating``; what an event counted belongs to the last beginning or
end of a pass, period, rate or version that was known when it counted. It does not own what passes
there are (``memberships``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from cli.sim.audit.calendars import period_at, period_begins_ms
from cli.sim.audit.clocked import rates_since
from cli.sim.audit.terms import Tariff
from cli.sim.audit.used import Use
from schemas.usage import UsageEvent

Stretch = tuple[int, int]


def is_inside(passes: Sequence[Stretch], at_ms: int) -> bool:
    """Whether a pass covers a moment."""
    return any(low <= at_ms < high for low, high in passes)


def cut(from_ms: int, to_ms: int, passes: Sequence[Stretch]) -> Iterator[tuple[int, int, bool]]:
    """A stretch cut at the ends of passes, each piece with whether it is covered."""
    ends = {at for each in passes for at in each if from_ms < at < to_ms}
    for low, high in pairwise(sorted({from_ms, to_ms, *ends})):
        yield low, high, is_inside(passes, low)


def mark_of(tariff: Tariff, passes: Sequence[Stretch], at_ms: int) -> int:
    """Where what is kept apart began that an event counts in."""
    begins = [tariff.version_at(at_ms).from_ms]
    begins += [at for each in passes for at in each if at <= at_ms]
    begins += [
        period_begins_ms(
            str(cap["per"]), period_at(str(cap["per"]), at_ms, tariff.zone), tariff.zone
        )
        for cap in tariff.caps(of_session=False)
    ]
    return max(*begins, rates_since(tariff, at_ms))


def outside(use: Use) -> Use:
    """The use without what its passes cover, but for time."""
    more = [each for each in use.more if not is_inside(use.passes, each.at_ms)]
    return use._replace(facts=_facts(use, covered=False), more=more)


def inside(use: Use) -> Use:
    """What its passes cover, but for time."""
    return use._replace(facts=_facts(use, covered=True), more=())


def _facts(use: Use, *, covered: bool) -> list[UsageEvent]:
    """Events inside or outside, with running totals less what grew on the other side."""
    reached: Counter[tuple[str, str]] = Counter()
    elsewhere: Counter[tuple[str, str]] = Counter()
    found: list[UsageEvent] = []
    for mark in sorted(set(use.marks)):
        own = [fact for fact, at in zip(use.facts, use.marks, strict=True) if at == mark]
        is_wanted = is_inside(use.passes, mark) == covered
        tops: Counter[tuple[str, str]] = Counter()
        for fact in own:
            less: dict[str, int] = {}
            for meter, total in (fact.meters or {}).items():
                name = (fact.boot or "", meter)
                tops[name] = max(tops[name], total)
                less[meter] = max(0, total - elsewhere[name])
            if is_wanted:
                found.append(msgspec.structs.replace(fact, meters=less))
        for name, top in tops.items():
            if top > reached[name]:
                if not is_wanted:
                    elsewhere[name] += top - reached[name]
                reached[name] = top
    return found
