"""The load that is sent while the stack breaks: its shape, and its tally worked out again."""

import itertools
import json
from datetime import datetime
from typing import Any

from cli.chaos.usage import BYTE_MICROS, ITEM_WON, WON, UsageLoad

NOW_S = 1_790_000_000
BODIES = 200


def _sent(seed: int = 1) -> tuple[UsageLoad, list[dict[str, Any]]]:
    load = UsageLoad(seed, 20, NOW_S)
    bodies = [load.body() for _ in range(BODIES)]
    bodies += list(load.rest())
    return load, [json.loads(event) for event in itertools.chain.from_iterable(bodies)]


def test_load_when_sent_whole_then_every_event_came_and_a_third_twice() -> None:
    """Nothing stays held back; what came twice is the same to the letter."""
    load, sent = _sent()
    distinct = {event["id"]: event for event in sent}
    assert len(distinct) == load.events
    assert len(sent) == load.copies
    assert all(event == distinct[event["id"]] for event in sent)
    assert 0.27 < len(sent) / len(distinct) - 1 < 0.33


def test_load_when_sent_then_a_fifth_of_it_is_out_of_order() -> None:
    """Among first arrivals, those behind a later one of the same sender."""
    _, sent = _sent()
    numbers = [int(event["id"][1:]) for event in sent]
    firsts = list(dict.fromkeys(numbers))
    behind = sum(
        number < latest
        for number, latest in zip(firsts, itertools.accumulate(firsts, max), strict=True)
    )
    assert 0.15 < behind / len(firsts) < 0.25


def test_tally_when_worked_out_from_what_was_sent_then_is_the_same() -> None:
    """A session costs a won a second from its first event to its last, whatever the order."""
    load, sent = _sent()
    owed: dict[str, int] = {}
    spans: dict[tuple[str, str], list[str]] = {}
    for event in {event["id"]: event for event in sent}.values():
        member, data = event["subject"], event["data"]
        if event["type"] == "item.use":
            owed[member] = owed.get(member, 0) + ITEM_WON * WON
        elif event["type"] == "usage.report":
            owed[member] = owed.get(member, 0) + data["meters"]["bytes"] * BYTE_MICROS
        else:
            spans.setdefault((member, data["session"]), []).append(event["time"])
    for (member, _), times in spans.items():
        owed[member] = owed.get(member, 0) + _seconds(min(times), max(times)) * WON
    assert {member: micros for member, micros in owed.items() if micros} == load.owed_micros


def test_load_when_made_again_then_is_the_same_bytes() -> None:
    """A seed and a start decide everything."""
    assert _sent(3)[1] == _sent(3)[1]
    assert _sent(3)[1] != _sent(4)[1]


def _seconds(first: str, last: str) -> int:
    return int((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds())
