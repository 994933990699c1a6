"""The late path's far ends in memory: a warehouse made of what a shard put out, up to a cut.

What follows from its answers is the product's own code.
"""

from collections.abc import Mapping, Sequence

from schemas.applied import Applied, AppliedUsage, Cdr, LateUsage
from schemas.frames import LateVerdict
from schemas.usage import UsageEvent
from streams.late.judging import in_turn, of_sessions, verdicts
from tests.support.bench_shard import SHARD, Bench
from warehouse.late import AppliedName, LateItem, SealedLife

MANY = 10_000


class ListBooks:
    """See ``streams.late.ports.LateBooks``; every list is one shard's applied stream.

    Args:
        streams: By shard; lists that grow are seen growing.
        cut: Sequence from which on the warehouse has nothing yet, or None.
    """

    def __init__(self, streams: Mapping[int, Sequence[Applied]], cut: int | None = None) -> None:
        self._streams = streams
        self.cut = cut
        self.questions = 0

    def reached(self) -> Mapping[int, int]:
        """See ``streams.late.ports.LateBooks``."""
        self.questions += 1
        return {shard: len(self._there(shard)) for shard in self._streams}

    def late_items(self, wanted: Mapping[int, tuple[int, int]], limit: int) -> Sequence[LateItem]:
        """See ``streams.late.ports.LateBooks``."""
        return [
            found
            for shard, (first, end) in sorted(wanted.items())
            for found in [
                LateItem(shard, item.number, sequence, item.path, item.event)
                for sequence, item in enumerate(self._there(shard)[:end])
                if isinstance(item, LateUsage) and item.number >= first
            ][:limit]
        ]

    def applied_names(self, events: Sequence[UsageEvent]) -> Sequence[AppliedName]:
        """See ``streams.late.ports.LateBooks``."""
        names = {(e.tenant, e.source, e.id, e.subject) for e in events}
        return [
            AppliedName(
                u.tenant, u.source, u.id, u.subject, u.type, u.event_at_ms, u.session, u.content
            )
            for u in self._all()
            if isinstance(u, AppliedUsage)
            and u.outcome == "applied"
            and (u.tenant, u.source, u.id, u.subject) in names
        ]

    def sealed_lives(self, events: Sequence[UsageEvent]) -> Sequence[SealedLife]:
        """See ``streams.late.ports.LateBooks``."""
        names = {(e.tenant, e.subject, e.source, e.session) for e in events}
        true = {
            (c.tenant, c.subject, c.source, c.session, c.incarnation): c
            for c in self._all()
            if isinstance(c, Cdr)
        }
        return [
            SealedLife(*name, cdr.start_ms, cdr.end_ms, cdr.sealed)
            for name, cdr in true.items()
            if name[:4] in names
        ]

    def _there(self, shard: int) -> Sequence[Applied]:
        return self._streams[shard][: self.cut]

    def _all(self) -> list[Applied]:
        return [item for shard in self._streams for item in self._there(shard)]


def judged(bench: Bench, *, cut: int | None = None) -> list[LateVerdict]:
    """The verdicts that a reader gives to what a shard waits for, as the warehouse is at a cut."""
    books = ListBooks({SHARD: bench.applied()}, cut)
    reached = books.reached()
    wanted: dict[int, tuple[int, int]] = {SHARD: (bench.meta().late_done, reached[SHARD])}
    items = in_turn(books.late_items(wanted, MANY), wanted)
    events = [item.event for item in items]
    lives = books.sealed_lives(of_sessions(items))
    return [verdict for _, verdict in verdicts(items, reached, books.applied_names(events), lives)]
