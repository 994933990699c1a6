"""What can go wrong, where it can strike, and how often it did.

Owns: the fault kinds, the effect points, which of them meet, the chances of a seed, the table.
Invariant: every roll comes from the seed; a kind that is switched off takes no other's chances
away. It does not own what a fault does (``world``).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random


class Point(StrEnum):
    """Where a process touches the world."""

    LOG_APPEND = "log append"
    LOG_READ = "log read"
    LOG_BOUNDS = "log bounds"
    RAW_APPEND = "raw append"
    RAW_READ = "raw read"
    PUBLISH = "output publish"
    ENDS = "output ends"
    TOPIC_READ = "output read"
    CURSOR = "store cursor"
    LOAD = "store load"
    APPLY = "store apply"
    RESULT = "result read"
    INSERT = "warehouse insert"
    QUERY = "warehouse query"


class Fault(StrEnum):
    """What can happen there."""

    DELAY = "delay"
    OVERTAKE = "overtake"
    REFUSE = "refuse"
    LOSE_ANSWER = "lose-answer"
    LAND_LATE = "land-late"
    PART = "part"
    REPEAT = "repeat"
    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"
    STALL = "stall"
    REBALANCE = "rebalance"
    STORE_BACK = "store-back"
    STORE_FAILOVER = "store-failover"
    STORE_WIPE = "store-wipe"
    STORE_OOM = "store-oom"
    LOG_DOWN = "log-down"
    WAREHOUSE_DOWN = "warehouse-down"
    CLOCK_STEP = "clock-step"
    VANISH = "vanish"
    NIGHT = "night"


LOG = frozenset({Point.LOG_APPEND, Point.LOG_READ, Point.LOG_BOUNDS})
KAFKA = LOG | {Point.RAW_APPEND, Point.RAW_READ, Point.PUBLISH, Point.ENDS, Point.TOPIC_READ}
STORE = frozenset({Point.CURSOR, Point.LOAD, Point.APPLY, Point.RESULT})
WAREHOUSE = frozenset({Point.INSERT, Point.QUERY})
APPENDS = frozenset({Point.LOG_APPEND, Point.RAW_APPEND, Point.PUBLISH})
# A sink's calls come back at once or not at all: it has a thread of its own for waiting.
SYNCHRONOUS = WAREHOUSE | {Point.TOPIC_READ}
EVERYWHERE = frozenset(Point)

REACHABLE: Mapping[Fault, frozenset[Point]] = {
    Fault.DELAY: EVERYWHERE - SYNCHRONOUS,
    Fault.OVERTAKE: APPENDS | {Point.APPLY},
    Fault.REFUSE: EVERYWHERE - {Point.TOPIC_READ},
    Fault.LOSE_ANSWER: APPENDS | {Point.APPLY, Point.INSERT},
    Fault.LAND_LATE: APPENDS | {Point.APPLY, Point.INSERT},
    Fault.PART: frozenset({Point.LOG_APPEND, Point.PUBLISH, Point.LOG_READ}),
    Fault.REPEAT: APPENDS,
    Fault.CRASH_BEFORE: EVERYWHERE,
    Fault.CRASH_AFTER: EVERYWHERE,
    Fault.STALL: EVERYWHERE,
    Fault.REBALANCE: EVERYWHERE,
    Fault.STORE_BACK: EVERYWHERE,
    Fault.STORE_FAILOVER: EVERYWHERE,
    Fault.STORE_WIPE: EVERYWHERE,
    Fault.STORE_OOM: EVERYWHERE,
    Fault.LOG_DOWN: EVERYWHERE,
    Fault.WAREHOUSE_DOWN: EVERYWHERE,
    Fault.CLOCK_STEP: EVERYWHERE,
    Fault.VANISH: EVERYWHERE,
    Fault.NIGHT: EVERYWHERE,
}

# How often in a million effects, before a seed's own factor.
_PER_MILLION: Mapping[Fault, int] = {
    Fault.DELAY: 12_000, Fault.OVERTAKE: 8_000, Fault.REFUSE: 6_000, Fault.LOSE_ANSWER: 8_000,
    Fault.LAND_LATE: 5_000, Fault.PART: 6_000, Fault.REPEAT: 6_000,
    Fault.CRASH_BEFORE: 1_200, Fault.CRASH_AFTER: 1_200, Fault.STALL: 1_200,
    Fault.REBALANCE: 1_500, Fault.STORE_BACK: 900, Fault.STORE_FAILOVER: 600,
    Fault.STORE_WIPE: 400, Fault.STORE_OOM: 500, Fault.LOG_DOWN: 400, Fault.WAREHOUSE_DOWN: 400,
    Fault.CLOCK_STEP: 600, Fault.VANISH: 1_000, Fault.NIGHT: 300,
}  # fmt: skip
# Grave faults strike more often at the points that are passed seldom.
_GRAVE_PER_MILLION = 2_000
_BOOST: Mapping[Point, int] = {
    Point.LOAD: 2, Point.LOG_BOUNDS: 12, Point.ENDS: 12, Point.CURSOR: 8, Point.RAW_APPEND: 5,
    Point.RESULT: 4,
    Point.INSERT: 6, Point.QUERY: 4, Point.APPLY: 2, Point.PUBLISH: 2, Point.TOPIC_READ: 4,
}  # fmt: skip
_MILLION = 1_000_000
_FACTORS = (1, 1, 2, 4)

Coverage = Counter[tuple[Fault, Point]]


class Chaos:
    """A seed's faults: which kinds, how often, and where they struck.

    Args:
        chance: Rolls.
        only: Kinds that may strike; None lets the seed choose some.
    """

    def __init__(self, chance: Random, only: Iterable[Fault] | None = None) -> None:
        self._chance = chance
        # Drawn even where it is not asked for, so that a shrunk run rolls the same.
        chosen = {kind for kind in Fault if chance.randrange(3)}
        factor = chance.choice(_FACTORS)
        self.kinds = frozenset(chosen if only is None else only)
        self.is_on = True
        self.struck: Coverage = Counter()
        # Kinds that came up, also where they found nothing to spoil.
        self.rolled: dict[Fault, None] = {}
        self._table = {
            point: [
                (kind, factor * _rate(kind, point)) for kind in Fault if point in REACHABLE[kind]
            ]
            for point in Point
        }

    def roll(self, point: Point) -> Fault | None:
        """What strikes at an effect, if anything."""
        if not self.is_on:
            return None
        rolled = self._chance.randrange(_MILLION)
        for kind, rate in self._table[point]:
            rolled -= rate
            if rolled < 0:
                if kind not in self.kinds:
                    return None
                self.rolled[kind] = None
                return kind
        return None

    def note(self, kind: Fault, point: Point) -> None:
        """Counts that a fault had its effect at a point."""
        self.struck[kind, point] += 1


def _rate(kind: Fault, point: Point) -> int:
    rate = _PER_MILLION[kind]
    return rate * _BOOST.get(point, 1) if rate < _GRAVE_PER_MILLION else rate


def reachable_cells() -> list[tuple[Fault, Point]]:
    """Every pair that can happen, in the order of the table."""
    return [(kind, point) for kind in Fault for point in Point if point in REACHABLE[kind]]


def coverage_table(struck: Mapping[tuple[Fault, Point], int]) -> str:
    """The table for people: fault kinds down, effect points across; ``-`` where they never meet."""
    heads = [point.value.split(" ") for point in Point]
    width = max(len(word) for words in heads for word in words) + 1
    first = max(len(kind) for kind in Fault)
    lines = [" " * first + "".join(words[row].rjust(width) for words in heads) for row in range(2)]
    for kind in Fault:
        cells = (
            str(struck.get((kind, point), 0)) if point in REACHABLE[kind] else "-"
            for point in Point
        )
        lines.append(kind.ljust(first) + "".join(cell.rjust(width) for cell in cells))
    return "\n".join(lines)
