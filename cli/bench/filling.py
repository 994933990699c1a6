"""Rows for ``ncash bench query``: a past month's usage with its charges, put into the warehouse.

A process of its own, since an embedded engine stays with the process that opened its folder. Rows
are made by the sinks' own functions and go in by the warehouse's own insert. Invariant: they stand
under shards that no stack has, so neither sinks nor a reconciliation meet them; what was charged is
told, to be compared with what the questions answer.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import msgspec

from cli.bench.market import PROVIDERS, TARIFFS, TENANT
from runtime.clock import SystemClock
from runtime.settings import SHARDS_MAX
from schemas.applied import AppliedUsage
from schemas.buckets import DEBT
from schemas.ledger import (
    PLATFORM,
    Cause,
    ChargeLine,
    Entry,
    Transfer,
    member_account,
    provider_account,
)
from schemas.moment import DAY_MS
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse
from warehouse.port import Columns, Warehouse
from warehouse.rows import (
    CHARGES,
    LEDGER_ENTRIES,
    USAGE_EVENTS,
    Places,
    Table,
    charge_columns,
    entry_columns,
    usage_columns,
)

EVENTS_PER_INSERT = 25_000
DAYS = 30
# Of the events, every so-manieth moves money: the sinks see about as many (changes are gathered).
EVENTS_PER_TRANSFER = 2
SHARD = SHARDS_MAX + 1
_BEAT_MS = 10_000
_SESSION_EVENTS = 20


class Filled(msgspec.Struct):
    """What was put in.

    Args:
        usages: Rows of ``usage_events``.
        entries: Of ``ledger_entries``.
        charges: Of ``charges``.
        charged_micros: Over all charges.
        elapsed_s: In all.
        cpu_s: Of this process, the engine's in it.
    """

    usages: int = 0
    entries: int = 0
    charges: int = 0
    charged_micros: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0


def main() -> None:
    """Fills and says what it filled as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    for name in ("rows", "members", "contents", "from-ms", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    words = parser.parse_args()
    began, cpu_began = time.monotonic(), time.process_time()
    month = Month(words.members, words.contents, words.from_ms, words.seed)
    with closing(open_warehouse(words.url)) as warehouse:
        migrate(warehouse, now_ms=SystemClock().wall_ms)
        filled = fill(warehouse, month, words.rows)
    filled.elapsed_s = round(time.monotonic() - began, 1)
    filled.cpu_s = round(time.process_time() - cpu_began, 1)
    sys.stdout.buffer.write(msgspec.json.encode(filled) + b"\n")


class Month:
    """Use of a month, made from a seed: the popular members and contents more often.

    Args:
        members: Who may come.
        contents: On sale.
        from_ms: Its beginning.
        seed: Of all chance.
    """

    def __init__(self, members: int, contents: int, from_ms: int, seed: int) -> None:
        self._members, self._contents, self._from_ms = members, contents, from_ms
        self._chance = random.Random(seed)  # noqa: S311 -- reproducible on purpose
        self._owed: dict[str, int] = {}

    def usages(self, count: int) -> Iterator[AppliedUsage]:
        """So many events, by time."""
        chance = self._chance
        for number in range(count):
            at_ms = self._from_ms + number * DAYS * DAY_MS // count
            content = int(self._contents ** chance.random()) - 1
            yield AppliedUsage(
                tenant=TENANT, source="bench-server", id=f"f{number}", type="session.heartbeat",
                subject=f"member-{int(self._members * chance.random() ** 2)}",
                session=f"f{number // _SESSION_EVENTS}", incarnation=1,
                content=f"content-{content}",
                event_at_ms=at_ms, received_at_ms=at_ms, path="http", outcome="applied",
                duration_ms=_BEAT_MS, meters={"bytes": chance.randrange(1_000_000), "tokens": 120},
                ledger_sequence=number // EVENTS_PER_TRANSFER,
            )  # fmt: skip

    def transfer(self, usage: AppliedUsage) -> Transfer:
        """What an event moves: time, out of the member's debt, to provider and platform."""
        amount = self._chance.randrange(1, 10_000_000)
        owed = self._owed[usage.subject] = self._owed.get(usage.subject, 0) + amount
        number = int(usage.content.rpartition("-")[2])
        provided = amount * 7 // 10
        return Transfer(
            tenant=TENANT, member=usage.subject, cause=Cause.CHARGE, currency="KRW",
            entries=[
                Entry(member_account(usage.subject, DEBT), -amount, -owed),
                Entry(provider_account(f"provider-{number % PROVIDERS}"), provided),
                Entry(PLATFORM, amount - provided),
            ],
            lines=[ChargeLine("time", "ms", _BEAT_MS, amount, price="30/60 s")],
            source=usage.source, session=usage.session, incarnation=1, content=usage.content,
            tariff=f"tariff-{number % TARIFFS}", catalogue=1, scope="session",
            event_at_ms=usage.event_at_ms,
        )  # fmt: skip


def fill(warehouse: Warehouse, month: Month, rows: int) -> Filled:
    """Puts so many events with their charges in; blocks.

    Args:
        warehouse: With its tables.
        month: What they are.
        rows: Of ``usage_events``.
    """
    filled, first = Filled(), 0
    coming = month.usages(rows)
    while usages := list(islice(coming, EVENTS_PER_INSERT)):
        transfers = [month.transfer(usage) for usage in usages[::EVENTS_PER_TRANSFER]]
        posted_ms = usages[0].event_at_ms
        sequence = first // EVENTS_PER_TRANSFER
        at = Places(SHARD, range(first, first + len(usages)), first, posted_ms)
        moved = Places(SHARD, range(sequence, sequence + len(transfers)), first, posted_ms)
        entries, charges = entry_columns(transfers, moved), charge_columns(transfers, moved)
        _insert(warehouse, USAGE_EVENTS, usage_columns(usages, at), first)
        _insert(warehouse, LEDGER_ENTRIES, entries, first)
        _insert(warehouse, CHARGES, charges, first)
        filled.usages += len(usages)
        filled.entries += entries.height
        filled.charges += charges.height
        filled.charged_micros += sum(each.lines[0].amount_micros for each in transfers)
        first += len(usages)
    return filled


def _insert(warehouse: Warehouse, table: Table, columns: Columns, first: int) -> None:
    warehouse.insert(table.name, table.columns, columns, f"bench/{table.name}/{first}")


if __name__ == "__main__":
    main()
