"""All that is known of one use: a life of a session, or one event outside sessions.

Invariant: facts are kept whole; what was used up to a moment is worked out from all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from schemas.usage import EventType, UsageEvent

EVER_MS = 2**62


class More(NamedTuple):
    """What might still be counted."""

    at_ms: int
    kind: str
    name: str
    units: int


class Use(NamedTuple):
    """One use.

    Args:
        first_ms: Its first moment.
        end_ms: Its end, with what silence added.
        facts: Every event of it that counted.
        is_session: Whether it is a session's.
        more: What might be counted beside the facts.
        passes: Stretches that the member's passes on its tariff cover.
        marks: Of each fact, where what passes keep apart began when it counted.
    """

    first_ms: int
    end_ms: int
    facts: Sequence[UsageEvent]
    is_session: bool
    more: Sequence[More] = ()
    passes: Sequence[tuple[int, int]] = ()
    marks: Sequence[int] = ()

    def total(self, meter: str, until_ms: int = EVER_MS) -> int:
        """What a meter had come to before a moment: the sender's highest totals, over its boots."""
        best: dict[str, int] = {}
        for event in self.facts:
            if event.event_at_ms < until_ms:
                boot = event.boot or ""
                best[boot] = max(best.get(boot, 0), (event.meters or {}).get(meter, 0))
        return sum(best.values()) + self._more("volume", meter, -EVER_MS, until_ms)

    def grown(self, meter: str, from_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
        """What a meter grew by at each moment from one to another: the moment, and the units."""
        best: Counter[str] = Counter()
        for event in sorted(self.facts, key=lambda each: each.event_at_ms):
            boot, total = event.boot or "", (event.meters or {}).get(meter, 0)
            if total > best[boot]:
                if from_ms <= event.event_at_ms < until_ms:
                    yield event.event_at_ms, total - best[boot]
                best[boot] = total
        for each in self.more:
            if (each.kind, each.name) == ("volume", meter) and from_ms <= each.at_ms < until_ms:
                yield each.at_ms, each.units

    def at(self, moments: Callable[[int], bool]) -> "Use":
        """The same with the events of some moments alone, of which totals say nothing."""
        facts = [each for each in self.facts if moments(each.event_at_ms)]
        return self._replace(facts=facts, more=[e for e in self.more if moments(e.at_ms)])

    def meters(self) -> dict[str, int]:
        """All meters in the end."""
        names = {name for event in self.facts for name in event.meters or {}}
        return {name: self.total(name) for name in sorted(names)}

    def items(self, from_ms: int = -EVER_MS, until_ms: int = EVER_MS) -> Counter[str]:
        """Quantity of each item, used from a moment to another."""
        found: Counter[str] = Counter()
        for event in self.facts:
            if event.type == EventType.ITEM and event.item:
                found[event.item] += event.quantity * (from_ms <= event.event_at_ms < until_ms)
        return +found

    def pages(self, from_ms: int = -EVER_MS, until_ms: int = EVER_MS) -> Counter[str]:
        """Moves by direction, made from a moment to another."""
        found = Counter(
            event.direction or "forward"
            for event in self.facts
            if event.type == EventType.PAGE and from_ms <= event.event_at_ms < until_ms
        )
        for way in {each.name for each in self.more if each.kind == "page"}:
            found[way] += self._more("page", way, from_ms, until_ms)
        return +found

    def _more(self, kind: str, name: str, from_ms: int, until_ms: int) -> int:
        return sum(
            each.units
            for each in self.more
            if (each.kind, each.name) == (kind, name) and from_ms <= each.at_ms < until_ms
        )


def loose_use(event: UsageEvent, passes: Sequence[tuple[int, int]] = ()) -> Use:
    """Use outside sessions stands alone, and has no length."""
    at_ms = event.event_at_ms
    return Use(at_ms, at_ms, [event], is_session=False, passes=passes, marks=[at_ms])
