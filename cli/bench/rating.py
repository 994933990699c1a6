"""What rating costs: processor time per event, by tariff and by length of the session.

Owns: the sessions that are measured, the table and the file among the results. Rating is all that a
shard does from a merged session to the lines that moved: usage, price, periods, difference, the
provider's part. Merging is told apart, since a free session is merged too.
"""

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table

from cli.bench.machine import RESULTS, machine
from cli.bench.tariffs import TARIFFS
from cli.screen import screen
from rating.catalogue import compile_catalogue
from rating.difference import difference
from rating.merging import merge
from rating.price import price
from rating.scopes import brought_in
from rating.session import Session, begin, billable, editable
from rating.share import provider_part
from rating.tariff import TariffTerms
from schemas.catalogue import document_from_json
from schemas.moment import DAY_MS, MINUTE_MS, ms_from_text
from schemas.usage import EventType, UsageEvent

START_MS = ms_from_text("2026-09-28T09:00:00+09:00")
LENGTHS = {"1 min": MINUTE_MS, "1 day": DAY_MS, "40 days": 40 * DAY_MS}
BEATS_BEFORE = 80
HORIZON_MS = 2 * DAY_MS
BEAT_MS = 30_000
EVENTS = 20
RUNS = 200
MEDIAN_US_MAX = 5.0
WORST_US_MAX = 25.0


class Cost(NamedTuple):
    """Microseconds of processor time per event."""

    merge_us: float
    rate_us: float


def bench_rating(*, as_json: bool) -> int:
    """Measures every tariff and prints the table.

    Args:
        as_json: Whether the last line of standard output is the result as one object.

    Returns:
        0; speed is for people to judge, on whatever machine this is.
    """
    on = machine()
    costs = {name: measured(tariff) for name, tariff in compiled().items()}
    rates = {
        name: {length: cost.rate_us for length, cost in by.items()} for name, by in costs.items()
    }
    usual = [by["1 min"] for by in rates.values()]
    figures = {
        "rating_us_median": round(median(usual), 2),
        "rating_us_worst": round(max(max(by.values()) for by in rates.values()), 2),
        "rating_us": rates,
        "merge_us": {name: by["1 min"].merge_us for name, by in costs.items()},
        "machine": on,
    }
    _show(costs, figures)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"rating-{str(on['measured_at']).replace(':', '')}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(figures))
    return 0


def compiled() -> dict[str, TariffTerms]:
    """The tariffs by name, on the clocks of Seoul."""
    tariffs = [{"id": name, **fields} for name, fields in TARIFFS.items()]
    contents = [
        {"id": name, "provider": "p", "tariff": name, "time_zone": "Asia/Seoul"} for name in TARIFFS
    ]
    tenant = {"id": "bench", "currency": "KRW", "tariffs": tariffs, "contents": contents}
    body = json.dumps({"tenants": [tenant]}).encode()
    found = compile_catalogue(document_from_json(body)).tenants["bench"].contents
    return {name: content.tariff for name, content in found.items()}


def measured(tariff: TariffTerms) -> dict[str, Cost]:
    """The cost of an event under a tariff, by length of its session."""
    return {name: _cost(tariff, length_ms) for name, length_ms in LENGTHS.items()}


def _cost(tariff: TariffTerms, length_ms: int) -> Cost:
    before = _session(tariff, length_ms)
    events = [_beat(before, number) for number in range(1, EVENTS + 1)]

    def merging() -> None:
        session = editable(before)
        for event in events:
            session = editable(session)
            merge(session, event, "http", tariff, sealed_ms=event.event_at_ms - HORIZON_MS)

    def all_of_it() -> None:
        session = editable(before)
        for event in events:
            session = editable(session)
            since_ms = session.last_ms
            merge(session, event, "http", tariff, sealed_ms=event.event_at_ms - HORIZON_MS)
            rate(tariff, session, since_ms)

    merge_us, both_us = _per_event(merging), _per_event(all_of_it)
    return Cost(round(merge_us, 2), round(max(both_us - merge_us, 0.0), 2))


def rate(tariff: TariffTerms, session: Session, since_ms: int) -> None:
    """All that is done to rate a session anew, as a shard does it."""
    usage = billable(session, tariff)
    lines = price(tariff, usage)
    if tariff.finest is not None:
        session.scopes = brought_in(tariff, usage, lines, session.scopes, since_ms)
    if lines != session.lines:
        difference(session.lines, lines)
        session.charged_micros = sum(line.amount_micros for line in lines)
        session.provider_micros = provider_part(tariff, lines, session.charged_micros)
        session.lines = lines


def _per_event(work: Callable[[], None]) -> float:
    work()
    best = min(_cpu_s(work) for _ in range(RUNS))
    return best / EVENTS * 1e6


def _cpu_s(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _session(tariff: TariffTerms, length_ms: int) -> Session:
    """A session as it is after so long: beats all over it, rated at each."""
    first = _event(EventType.START, START_MS, 0)
    session = begin(first, path="http", incarnation=1)
    session.content = "c"
    for number in range(BEATS_BEFORE + 1):
        since_ms = session.last_ms
        at_ms = START_MS + length_ms * number // BEATS_BEFORE
        beat = _event(EventType.HEARTBEAT, at_ms, number)
        merge(session, beat, "http", tariff, sealed_ms=at_ms - HORIZON_MS)
        rate(tariff, session, since_ms)
    return session


def _beat(before: Session, number: int) -> UsageEvent:
    return _event(EventType.HEARTBEAT, before.last_ms + BEAT_MS * number, BEATS_BEFORE + number)


def _event(kind: EventType, at_ms: int, number: int) -> UsageEvent:
    meters: dict[str, int] = {"bytes": 300_000 * number, "tokens": 50 * number}
    return UsageEvent(
        tenant="bench",
        source="s",
        id=f"e{number}",
        type=kind,
        subject="m",
        event_at_ms=at_ms,
        received_at_ms=at_ms,
        recorded=False,
        digest=b"",
        session="s",
        content="c",
        meters=meters,
    )


def _show(costs: dict[str, dict[str, Cost]], figures: dict[str, Any]) -> None:
    table = Table(title="Rating, us of processor time per event")
    table.add_column("tariff")
    for name in ("merge", *LENGTHS):
        table.add_column(name, justify="right")
    for name, by in costs.items():
        cells = (f"{cost.rate_us:.1f}" for cost in by.values())
        table.add_row(name, f"{by['1 min'].merge_us:.1f}", *cells)
    screen().print(table)
    screen().print(
        f"median {figures['rating_us_median']} us (goal {MEDIAN_US_MAX}), "
        f"worst {figures['rating_us_worst']} us (goal {WORST_US_MAX})"
    )
