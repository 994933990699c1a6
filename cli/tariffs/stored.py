"""Stored use as events again, so that the production step can price it anew.

Invariant: each recorded life is a session of its own name, fed in the order in which its events
happened, with running totals that are the sums of what each event added; so merged, it is what
production had. A life that goes on in production stands on a clock that nobody tells, and so stays
open. Repeats and refusals of production never come here.
"""

from collections import OrderedDict
from collections.abc import Container

from rating.session import decode_session, session_field, totals
from schemas.usage import EVENT_TYPES, EventType, UsageEvent
from shard.dry_run import DryRun
from shard.port import Kind
from warehouse.answers import PlacedUsage
from warehouse.period import Life

# Stands in no id: ids are printable.
MARK = "\x1e"
LIVES_KEPT = 50_000
_PAGE = "page:"
_ITEM = "item:"


class StoredUse:
    """Makes events of rows, in the rows' order.

    Args:
        tenant: Whose.
        open_lives: Lives that go on.
        run: Holds what was fed, for lives that were not heard of for long.
    """

    def __init__(self, tenant: str, open_lives: Container[Life], run: DryRun) -> None:
        self._tenant = tenant
        self._open = open_lives
        self._run = run
        self._totals: OrderedDict[Life, dict[str, int]] = OrderedDict()

    async def event(self, row: PlacedUsage) -> UsageEvent:
        """The event that a row tells of."""
        usage = row.usage
        kind = EVENT_TYPES[usage.type]
        meters = dict(usage.meters)
        page = _taken(meters, _PAGE) if kind is EventType.PAGE else None
        item = _taken(meters, _ITEM) if kind is EventType.ITEM else None
        life = Life(usage.subject, usage.source, usage.session, usage.incarnation)
        is_loose = not usage.incarnation
        return UsageEvent(
            tenant=self._tenant,
            source=usage.source,
            id=usage.id,
            type=kind,
            subject=usage.subject,
            event_at_ms=usage.event_at_ms,
            received_at_ms=usage.event_at_ms,
            recorded=is_loose or life not in self._open,
            digest=b"",
            session=None if is_loose else session_named(life),
            content=usage.content or None,
            meters=meters if is_loose else await self._running(life, meters),
            direction=None if page is None else page[0],
            item=None if item is None else item[0],
            quantity=1 if item is None else item[1],
        )

    async def _running(self, life: Life, added: dict[str, int]) -> dict[str, int]:
        """A life's totals after an event that added this."""
        known = self._totals.get(life)
        if known is None:
            known = self._totals[life] = await self._stored(life)
            if len(self._totals) > LIVES_KEPT:
                self._totals.popitem(last=False)
        self._totals.move_to_end(life)
        for meter, amount in added.items():
            known[meter] = known.get(meter, 0) + amount
        return {meter: known[meter] for meter in added}

    async def _stored(self, life: Life) -> dict[str, int]:
        """What the run holds of a life; it was fed long before its totals were let go of here."""
        field = session_field(self._tenant, life.member, life.source, session_named(life))
        for kind in (Kind.SESSIONS, Kind.CLOSED):
            value = await self._run.stored(kind, field)
            if value is not None:
                return dict(totals(decode_session(value)))
        return {}


def session_named(life: Life) -> str:
    """The name under which a life is a session of its own."""
    return f"{life.session}{MARK}{life.incarnation}"


def life_named(name: str) -> tuple[str, int]:
    """Session and incarnation of such a name."""
    session, _, incarnation = name.rpartition(MARK)
    return session, int(incarnation)


def _taken(meters: dict[str, int], prefix: str) -> tuple[str, int] | None:
    """The increment that an event itself is, out of the meters beside which it was recorded."""
    for name in meters:
        if name.startswith(prefix):
            return name.removeprefix(prefix), meters.pop(name)
    return None
