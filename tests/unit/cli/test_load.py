"""The benchmark's load and market: made from a seed, what they promise of their shape."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from cli.bench.load import (
    AGE_MS,
    BEAT_MS,
    EVENTS_PER_BODY,
    REPEATS,
    SESSIONS_AT_ONCE_MAX,
    SOURCE,
    Load,
    Shape,
)
from cli.bench.market import (
    CREDIT_LIMIT,
    PROBE_MICROS,
    PROBED,
    TARIFFS,
    TENANT,
    bench_catalogue,
)
from rating.catalogue import compile_catalogue
from schemas.catalogue import document_from_json
from schemas.cloudevent import event_from_cloudevent
from schemas.money import amount_from_text
from schemas.tariff import ItemPrice
from schemas.usage import EventType, UsageEvent

NOW_MS = 1_769_851_800_000
SHAPE = Shape(contents=50, members=2_000, sessions=500, seed=7)
BODIES = 60


def _events(bodies: list[bytes]) -> list[UsageEvent]:
    return [
        event_from_cloudevent(
            raw,
            tenant=TENANT,
            received_at_ms=NOW_MS,
            recorded=False,
            allowance_past_ms=2 * AGE_MS,
            allowance_future_ms=AGE_MS,
        )
        for body in bodies
        for raw in msgspec.json.decode(body, type=list[msgspec.Raw])
    ]


@pytest.fixture(scope="module")
def load() -> Load:
    """A load that was iterated."""
    return Load(SHAPE, NOW_MS)


@pytest.fixture(scope="module")
def bodies(load: Load) -> list[bytes]:
    """Its bodies."""
    return list(load.bodies(BODIES))


def test_load_when_made_again_then_is_the_same_bytes(bodies: list[bytes]) -> None:
    """Same shape, seed and start; another of any of them gives others."""
    assert list(Load(SHAPE, NOW_MS).bodies(BODIES)) == bodies
    assert list(Load(SHAPE._replace(seed=8), NOW_MS).bodies(BODIES)) != bodies
    assert list(Load(SHAPE._replace(members=2_001), NOW_MS).bodies(BODIES)) != bodies
    assert list(Load(SHAPE, NOW_MS + 1).bodies(BODIES)) != bodies


def test_load_when_cut_short_then_begins_the_same(bodies: list[bytes]) -> None:
    """A longer run measures the same load, and more of it."""
    assert list(Load(SHAPE, NOW_MS).bodies(5)) == bodies[:5]


def test_load_when_read_by_the_gate_then_every_event_is_admitted(bodies: list[bytes]) -> None:
    """Full bodies of valid events, of all kinds that are priced, from one source."""
    events = _events(bodies)
    assert len(events) == BODIES * EVENTS_PER_BODY
    assert {event.source for event in events} == {SOURCE}
    kinds = Counter(EventType(event.type) for event in events)
    wanted = {EventType.START, EventType.HEARTBEAT, EventType.PAGE, EventType.ITEM, EventType.STOP}
    assert kinds.keys() == wanted
    assert kinds.most_common(1)[0][0] is EventType.HEARTBEAT


def test_load_when_events_come_twice_then_are_counted_as_repeats(
    load: Load, bodies: list[bytes]
) -> None:
    """An id stands for one content; the repeats are the share that was asked for."""
    events = _events(bodies)
    digests: dict[str, set[bytes]] = {}
    for event in events:
        digests.setdefault(event.id, set()).add(event.digest)
    assert all(len(each) == 1 for each in digests.values())
    assert len(events) - len(digests) == load.repeats
    assert 0.5 * REPEATS < load.repeats / len(events) < 2 * REPEATS


def test_load_when_put_in_order_then_sessions_are_whole(bodies: list[bytes]) -> None:
    """One member and content a session, rising totals, a beat apart; some came out of order."""
    events = {event.id: event for event in _events(bodies)}
    by_session: dict[str, list[UsageEvent]] = {}
    disordered = 0
    for event in events.values():
        assert event.session is not None
        before = by_session.setdefault(event.session, [])
        disordered += bool(before) and (before[-1].seq or 0) > (event.seq or 0)
        before.append(event)
    assert disordered > 0
    for session in by_session.values():
        session.sort(key=lambda event: event.seq or 0)
        assert len({(event.subject, event.content) for event in session}) == 1
        times = [event.event_at_ms for event in session]
        beats = pairwise(session)
        assert all(
            later.event_at_ms - event.event_at_ms == BEAT_MS * ((later.seq or 0) - (event.seq or 0))
            for event, later in beats
        )
        assert times[0] >= NOW_MS - AGE_MS
        totals = [event.meters["bytes"] for event in session if event.meters]
        assert totals == sorted(totals)


def test_load_when_running_then_a_member_has_few_sessions_at_once(bodies: list[bytes]) -> None:
    """Nobody holds more sessions than the credit limit was made for."""
    alive: dict[str, set[str]] = {}
    ordered = sorted({event.id: event for event in _events(bodies)}.values(), key=_number)
    for event in ordered:
        mine = alive.setdefault(event.subject, set())
        assert event.session is not None
        if event.type == EventType.STOP:
            mine.discard(event.session)
        else:
            mine.add(event.session)
        assert len(mine) <= SESSIONS_AT_ONCE_MAX


def _number(event: UsageEvent) -> int:
    return int(event.id.removeprefix("e"))


def test_market_when_made_again_then_is_the_same_bytes() -> None:
    """A second run puts nothing new into force."""
    assert bench_catalogue(200) == bench_catalogue(200)
    assert bench_catalogue(200) != bench_catalogue(201)


def test_market_when_compiled_then_sells_every_tariff_on_credit() -> None:
    """A valid catalogue: contents go round the tariffs, and no member is cut off."""
    document = document_from_json(bench_catalogue(3 * TARIFFS))
    terms = compile_catalogue(document).tenant(TENANT)
    assert terms is not None
    sold = Counter(each.tariff.id for each in terms.contents.values())
    assert sold == {f"tariff-{n}": 3 for n in range(TARIFFS)}
    assert terms.credit_limit == amount_from_text(CREDIT_LIMIT)


def test_load_when_filled_then_every_session_is_begun_before_any_goes_on() -> None:
    """The first events that are not repeats are starts of so many sessions as there are slots."""
    load = Load(SHAPE, NOW_MS, is_filled=True)
    events = _events(list(load.bodies(2 * SHAPE.sessions // EVENTS_PER_BODY)))
    going_on = next(at for at, event in enumerate(events) if event.type != EventType.START)
    begun = {event.session for event in events[:going_on]}
    held_back = {event.session for event in events[going_on:] if event.type == EventType.START}
    assert len(begun) > 0.9 * SHAPE.sessions
    assert len(begun | held_back) >= SHAPE.sessions


def test_market_when_probed_then_has_a_tenant_whose_members_have_no_money() -> None:
    """Each use of theirs is a debit of one amount, without a limit below zero."""
    document = document_from_json(bench_catalogue(50, is_probed=True))
    assert [tenant.id for tenant in document.tenants] == [TENANT, PROBED]
    terms = compile_catalogue(document).tenant(PROBED)
    assert terms is not None
    assert terms.credit_limit_micros("probe-0") == 0
    [item] = document.tenants[1].tariffs[0].components
    assert isinstance(item, ItemPrice)
    assert amount_from_text(str(item.other)) == PROBE_MICROS
