"""The obvious Faust program, to compare with: one agent, one table, JSON, one debit per event.

What anybody would write first: usage events as JSON records keyed by member, a table with the
session's totals, a price worked out anew at each event, and the difference taken from a balance in
Redis. Nothing is tuned: every setting is Faust's default (listed in bench/README.md) but the
addresses, the folder and the web port, which two workers on one machine cannot share. It leaves out
what it would take to be right: repeats of items and moves are charged again, a crash between table
and Redis charges twice or never, late events find the session changed, there are no holds, no
ledger, no ends of sessions, no statistics.

Environment: BASELINE_KAFKA, BASELINE_REDIS, BASELINE_CATALOGUE (file). Run by ``ncash bench
baseline`` as ``python bench/faust_baseline.py worker``.
"""

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import faust
import redis.asyncio

TOPIC = "baseline.usage"
WALLETS = "baseline:wallets"
MICROS = 1_000_000

app = faust.App("baseline", broker=f"kafka://{os.environ['BASELINE_KAFKA']}")
wallets = redis.asyncio.Redis.from_url(os.environ["BASELINE_REDIS"])
[tenant] = json.loads(Path(os.environ["BASELINE_CATALOGUE"]).read_text(encoding="utf-8"))["tenants"]
tariffs = {each["id"]: each["components"] for each in tenant["tariffs"]}
contents = {each["id"]: tariffs[each["tariff"]] for each in tenant["contents"]}


class Usage(faust.Record, serializer="json"):
    """A usage event; what it has beside these fields is not needed."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict[str, Any]


usage = app.topic(TOPIC, key_type=str, value_type=Usage)
sessions = app.Table("baseline-sessions", default=dict)


@app.agent(usage)
async def charge(events: faust.StreamT[Usage]) -> None:
    """Adds each event to its session and takes what the price has grown by."""
    async for event in events:
        key = f"{event.subject}/{event.data['session']}"
        session = sessions[key]
        add(session, event)
        total = price(contents[event.data["content"]], session)
        difference = total - session["charged"]
        session["charged"] = total
        sessions[key] = session
        await wallets.hincrby(WALLETS, event.subject, -difference)


def add(session: dict[str, Any], event: Usage) -> None:
    """The session with an event in it."""
    at_ms = int(datetime.fromisoformat(event.time).timestamp() * 1_000)
    session["start_ms"] = min(session.get("start_ms", at_ms), at_ms)
    session["last_ms"] = max(session.get("last_ms", at_ms), at_ms)
    session.setdefault("charged", 0)
    totals = session.setdefault("meters", {})
    for name, amount in event.data.get("meters", {}).items():
        totals[name] = max(totals.get(name, 0), amount)
    if event.type == "item.use":
        items = session.setdefault("items", {})
        items[event.data["item"]] = items.get(event.data["item"], 0) + 1
    elif event.type == "page.move":
        session["pages"] = session.get("pages", 0) + 1


def price(components: list[dict[str, Any]], session: dict[str, Any]) -> int:
    """What the session costs so far, in micro-units."""
    total = 0
    for each in components:
        match each["kind"]:
            case "time":
                total += time_price(each, session["last_ms"] - session["start_ms"])
            case "volume":
                used = max(0, session["meters"].get(each["meter"], 0) - each["free"])
                total += micros(each["price"]) * used // each["per"]
            case "item":
                total += sum(
                    micros(each["prices"].get(item, each["other"])) * count
                    for item, count in session.get("items", {}).items()
                )
            case "page":
                total += micros(each["price"]) * session.get("pages", 0)
            case _:
                total += micros(each["price"])
    return total


def time_price(component: dict[str, Any], used_ms: int) -> int:
    """Seconds in blocks: a first one, then equal ones."""
    seconds = max(0, -(-used_ms // 1_000) - component.get("free_s", 0))
    if seconds:
        first, following = component["first_s"], component["next_s"]
        seconds = first + -(-max(0, seconds - first) // following) * following
    found: int = micros(component["price"]) * seconds // component["per_s"]
    return max(found, micros(component.get("minimum", "0")))


def micros(text: str) -> int:
    """A price in micro-units."""
    return int(Decimal(text) * MICROS)


if __name__ == "__main__":
    app.main()
