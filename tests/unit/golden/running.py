"""Golden rows through the real step of a shard: events in, transfers summed up.

Invariant: whatever the order and however often events come, one row has one outcome.
It does not own the rows (``reading``) nor the verdict on them (``test_golden``).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.usage import UsageEvent
from tests.support.bench_shard import Bench, event, frame
from tests.unit.golden.reading import OUTSIDE, OWNER, LineKey, Row, Use

MEMBER = "ann"
PROVIDERS: tuple[str, ...] = (OWNER, "second")
_TYPES = {
    "start": "session.start", "beat": "session.heartbeat", "stop": "session.stop",
    "error": "session.error", "page": "page.move", "item": "item.use", "report": "usage.report",
}  # fmt: skip
_REASONS = {"stop": "member", "error": "server"}

Feed = Callable[[Bench, list[UsageEvent]], None]
Lines = dict[LineKey, tuple[int, int]]


def together(bench: Bench, events: list[UsageEvent]) -> None:
    """All in one frame."""
    bench.feed(frame(*events))


def one_by_one(bench: Bench, events: list[UsageEvent]) -> None:
    """One frame each, all memory forgotten before it."""
    for each in events:
        bench.reload()
        bench.feed(frame(each))


def backwards(bench: Bench, events: list[UsageEvent]) -> None:
    """One frame each, the last first."""
    one_by_one(bench, events[::-1])


def repeated(bench: Bench, events: list[UsageEvent]) -> None:
    """All twice in one frame, then again one by one."""
    bench.feed(frame(*events, *events))
    one_by_one(bench, events)


def late_named(bench: Bench, events: list[UsageEvent]) -> None:
    """Backwards, a session's content named by its first event alone, so that it is learned last."""
    named: set[str] = set()
    told: list[UsageEvent] = []
    for each in events:
        is_first = each.session is None or each.session not in named
        named.add(each.session or "")
        told.append(each if is_first else msgspec.structs.replace(each, content=None))
    backwards(bench, told)


ORDERS: tuple[Feed, ...] = (together, one_by_one, backwards, repeated, late_named)


class Outcome:
    """What a row came to.

    Args:
        bench: After all use.

    Attributes:
        lines: Quantity and amount by (kind, meter, rate, version), those of nothing left out.
        spans: First moment of each line and the moment behind its last.
        debit_micros: What the member paid.
        parts_micros: What each provider got.
        refused: Reasons of dead letters.
    """

    def __init__(self, bench: Bench) -> None:
        self.lines: Lines = {}
        self.spans: Lines = {}
        self.debit_micros = 0
        self.parts_micros: dict[str, int] = dict.fromkeys(PROVIDERS, 0)
        self.refused = [(letter.reason, letter.detail) for letter in bench.dead()]
        for transfer in bench.transfers():
            for line in transfer.lines:
                key = (line.kind, line.meter, line.rate, line.version)
                quantity, amount = self.lines.get(key, (0, 0))
                self.lines[key] = (quantity + line.quantity, amount + line.amount_micros)
                from_ms, to_ms = self.spans.get(key, (line.from_ms, line.to_ms))
                self.spans[key] = (min(from_ms, line.from_ms), max(to_ms, line.to_ms))
            for entry in transfer.entries:
                if entry.account.startswith(f"member/{MEMBER}/"):
                    self.debit_micros -= entry.amount_micros
                kind, _, name = entry.account.partition("/")
                if kind == "provider":
                    self.parts_micros[name] += entry.amount_micros
        self.lines = {key: sums for key, sums in self.lines.items() if any(sums)}


def faults_of(row: Row, feed: Feed) -> list[str]:
    """In what a row comes out otherwise than written; empty where in nothing.

    Args:
        row: To be run.
        feed: The order in which its use arrives.
    """
    outcome = outcome_of(row, feed)
    faults = [f"{reason}: {detail}" for reason, detail in outcome.refused]
    if outcome.debit_micros != row.total_micros:
        faults.append(f"debit {outcome.debit_micros}, not {row.total_micros}: {row.reason}")
    if outcome.lines != row.lines and (feed is together or not row.is_quiet):
        wrong = outcome.lines.items() ^ row.lines.items()
        faults.append(f"lines {sorted(outcome.lines.items() & wrong)}, not "
                      f"{sorted(row.lines.items() & wrong)}: {row.reason}")  # fmt: skip
    told = {key: outcome.spans.get(key) for key in row.spans}
    if told != row.spans and feed is together:
        faults.append(f"moments {told}, not {row.spans}")
    parts = {name: outcome.parts_micros[name] for name in row.parts_micros}
    if parts != row.parts_micros:
        faults.append(f"providers {parts}, not {row.parts_micros}: {row.reason}")
    return [f"{feed.__name__}: {fault}" for fault in faults]


def outcome_of(row: Row, feed: Feed) -> Outcome:
    """Runs a row on a fresh shard."""
    bench = Bench(catalogue_of(row))
    try:
        feed(bench, events_of(row))
        return Outcome(bench)
    finally:
        bench.close()


def catalogue_of(row: Row) -> dict[str, Any]:
    """A catalogue of a content of each provider under the row's tariff, in the row's zone."""
    contents = [
        {"id": f"of-{name}", "provider": name, "tariff": row.tariff["id"], "time_zone": row.zone}
        for name in PROVIDERS
    ]
    tenant = {"id": "tv", "currency": "KRW", "tariffs": [row.tariff], "contents": contents}
    return {"tenants": [tenant]}


def events_of(row: Row) -> list[UsageEvent]:
    """The row's use as events."""
    return [_event(place, use) for place, use in enumerate(row.uses)]


def _event(place: int, use: Use) -> UsageEvent:
    fields: dict[str, Any] = {
        "id": f"{use.session}-{place}",
        "content": f"of-{use.provider}",
        "session": None if use.session == OUTSIDE else use.session,
        "reason": _REASONS.get(use.verb),
    }
    meters: dict[str, int] = {}
    for word in use.words:
        name, is_pair, value = word.partition("=")
        if name == "boot" and is_pair:
            fields["boot"] = value
        elif is_pair:
            meters[name] = int(value)
        elif use.verb == "page":
            fields["direction"] = word
        elif word[0] == "x" and word[1:].isdigit():
            fields["quantity"] = int(word[1:])
        else:
            fields["item"] = word
    return event(_TYPES[use.verb], use.at_ms / 1000, meters=meters or None, **fields)
