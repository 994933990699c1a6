"""A catalogue with limits, and events written in a word each.

A word is ``<letter><second>``, of session ``s1`` unless another is given: ``S`` start, ``h`` a
heartbeat with input, ``i`` one without, ``p`` a stop that tells nothing of input, ``P`` one with
input, ``q`` one without, ``e`` an error, ``t`` a tick.
"""

from typing import Any

from schemas.frames import Record
from schemas.usage import UsageEvent
from tests.support.bench_shard import Bench, event, frame, tick

_SECOND = [{"kind": "time", "price": "1", "per_s": 1}]
_BEAT = {"timeout_s": 55, "interval_s": 30}
_AGAIN = {**_BEAT, "later": "new_incarnation"}

_TARIFFS: dict[str, dict[str, Any]] = {
    "one": {"limits": {"sessions": 1}},
    "two": {"limits": {"sessions": 2, "when_full": "refuse"}},
    "one-again": {"silence": _AGAIN, "limits": {"sessions": 1}},
    "newest": {"limits": {"sessions": 1, "when_full": "end_oldest"}},
    "newest-two": {"limits": {"sessions": 2, "when_full": "end_oldest"}},
    "newest-again": {"silence": _AGAIN, "limits": {"sessions": 1, "when_full": "end_oldest"}},
    "any": {"limits": {"sessions": 1, "when_full": "allow"}},
    "idle": {"limits": {"input_s": 60}},
    "idle-again": {"silence": _AGAIN, "limits": {"input_s": 60}},
    "idle-half": {"silence": {**_BEAT, "pays": "half_interval"}, "limits": {"input_s": 60}},
    "idle-one": {"limits": {"input_s": 60, "sessions": 1}},
    "idle-newest": {"limits": {"input_s": 60, "sessions": 1, "when_full": "end_oldest"}},
    "quiet": {"silence": {"timeout_s": 600, "interval_s": 10}, "limits": {"input_s": 60}},
    "rare": {"silence": {"timeout_s": 600, "interval_s": 60}, "limits": {"input_s": 60}},
    "kind": {"charge_errors": False, "limits": {"input_s": 60}},
    "day": {
        "components": [{"kind": "flat", "price": "3", "period": "day"}],
        "silence": {"timeout_s": 200_000, "interval_s": 30_000},
        "limits": {"input_s": 60},
    },
}
LIMITED: dict[str, Any] = {
    "tenants": [
        {
            "id": "tv",
            "currency": "KRW",
            "tariffs": [
                {"id": name, "components": _SECOND, "silence": _BEAT} | words
                for name, words in _TARIFFS.items()
            ],
            "contents": [{"id": name, "provider": "p", "tariff": name} for name in _TARIFFS],
        }
    ]
}
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "S": ("session.start", {}),
    "h": ("session.heartbeat", {}),
    "i": ("session.heartbeat", {"active": False}),
    "p": ("session.stop", {}),
    "P": ("session.stop", {"active": True}),
    "q": ("session.stop", {"active": False}),
    "e": ("session.error", {"reason": "server"}),
}


def said(word: str, content: str | None, session: str = "s1") -> UsageEvent:
    """The event that a word means; its id is session and word."""
    kind, fields = _KINDS[word[0]]
    name = f"{session}-{word}"
    return event(kind, float(word[1:]), id=name, session=session, content=content, **fields)


def records(line: str, content: str) -> list[Record]:
    """A record for each word; words joined by ``+`` are one frame, ``s2:h5`` names its session."""
    return [_record(word, content) for word in line.split()]


def play(bench: Bench, line: str, content: str) -> None:
    """Feeds the records one by one."""
    for record in records(line, content):
        bench.feed(record)


def _record(word: str, content: str) -> Record:
    if word[0] == "t":
        return tick(float(word[1:]))
    events: list[UsageEvent] = []
    for each in word.split("+"):
        session, _, what = each.rpartition(":")
        events.append(said(what, content, session or "s1"))
    return frame(*events)


def ends(bench: Bench) -> list[str]:
    """What the last CDR of each life tells: session, cause, seconds from and to, won charged."""
    last = {(cdr.session, cdr.incarnation): cdr for cdr in bench.cdrs()}
    found = sorted(last.values(), key=lambda cdr: (cdr.session, cdr.start_ms))
    return [
        f"{cdr.session} {cdr.cause} {cdr.start_ms / 1000:g}-{cdr.end_ms / 1000:g} "
        f"{cdr.charged_micros // 10**6}"
        for cdr in found
    ]


def told(bench: Bench) -> list[str]:
    """Sessions whose servers were told of a limit, with the second of the use that led to it."""
    return [
        f"{signal.session}@{signal.event_at_ms / 1000:g}"
        for signal in bench.signals()
        if signal.signal == "limit_reached"
    ]
