"""From what the warehouse knows to verdicts: pure.

Invariant: the same answers give the same verdicts, in the order of shard and number; of a shard
none is given that stands behind a gap, or behind where the applied stream is whole.
"""

from collections.abc import Iterable, Mapping, Sequence

from rating.session import nearest
from schemas.frames import LateVerdict
from schemas.usage import EVENT_TYPE_TEXTS, EventType, UsageEvent
from warehouse.late import AppliedName, LateItem, SealedLife

# Names of one round stand in one statement, which a server reads up to 256 KB of.
NAME_CHARS_MAX = 32 * 1024
Name = tuple[str, str, str, str]


def in_turn(items: Iterable[LateItem], wanted: Mapping[int, tuple[int, int]]) -> list[LateItem]:
    """Those items that a verdict can be given on now.

    Args:
        items: By shard and number; repeats are left out.
        wanted: By shard, the number that comes next, and where the applied stream in the
            warehouse ends without a hole.
    """
    following = {shard: number for shard, (number, _) in wanted.items()}
    chars = 0
    taken: list[LateItem] = []
    for item in items:
        if item.number == following.get(item.shard) and item.sequence < wanted[item.shard][1]:
            chars += sum(map(len, (*_name(item.event), item.event.session or "")))
            if taken and chars > NAME_CHARS_MAX:
                break
            following[item.shard] += 1
            taken.append(item)
    return taken


def of_sessions(items: Iterable[LateItem]) -> list[UsageEvent]:
    """The events of these items that belong to a session."""
    return [item.event for item in items if _is_of_session(item.event)]


def verdicts(
    items: Sequence[LateItem],
    reached: Mapping[int, int],
    applied: Iterable[AppliedName],
    lives: Iterable[SealedLife],
) -> list[tuple[int, LateVerdict]]:
    """A verdict for each item, with its shard.

    Args:
        items: As ``in_turn`` gave them.
        reached: Read before the rest.
        applied: Of the items' names.
        lives: Of the items' sessions.
    """
    known: dict[Name, list[AppliedName]] = {}
    for each in applied:
        known.setdefault((each.tenant, each.source, each.id, each.subject), []).append(each)
    closed: dict[Name, list[SealedLife]] = {}
    for life in lives:
        closed.setdefault((life.tenant, life.source, life.session, life.subject), []).append(life)
    return [
        (item.shard, _verdict(item, reached[item.shard], known.get(_name(item.event), []), closed))
        for item in items
    ]


def _verdict(
    item: LateItem,
    looked_up_to: int,
    known: Sequence[AppliedName],
    closed: Mapping[Name, Sequence[SealedLife]],
) -> LateVerdict:
    event = item.event
    life: SealedLife | None = None
    if _is_of_session(event) and not known:
        name = (event.tenant, event.source, event.session or "", event.subject)
        found = sorted(closed.get(name, ()), key=lambda each: each.incarnation)
        spans = [(each.start_ms, each.end_ms) for each in found]
        life = found[nearest(spans, event.event_at_ms)] if found else None
    return LateVerdict(
        event=event,
        path=item.path,
        is_known=bool(known),
        looked_up_to=looked_up_to,
        number=item.number,
        is_same=not known or any(_is_same(event, each) for each in known),
        life=0 if life is None else life.incarnation,
        sealed=b"" if life is None else life.sealed,
    )


def _is_same(event: UsageEvent, applied: AppliedName) -> bool:
    """Whether an applied event said the same, as far as its row tells: amounts it does not."""
    kind = EVENT_TYPE_TEXTS[EventType(event.type)]
    same = (kind, event.event_at_ms, event.session or "")
    content = event.content or applied.content
    return (
        same == (applied.type, applied.event_at_ms, applied.session) and content == applied.content
    )


def _is_of_session(event: UsageEvent) -> bool:
    return event.session is not None and event.type != EventType.REPORT


def _name(event: UsageEvent) -> Name:
    return event.tenant, event.source, event.id, event.subject
