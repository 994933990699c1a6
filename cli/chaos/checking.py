"""The checks: what the stack says in the end against what the senders say was sent.

Invariant: every expected figure comes from the tally of the senders, which shares no code with the
product; found ones are read from the stores. It does not own the comparison of the copies.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from cli.chaos.healing import HEAL_S, POLL_S
from cli.chaos.sending import MoneySender, UsageSender
from cli.chaos.usage import TENANT, UsageLoad
from cli.reconcile import cut_of
from cli.reconciling import reconciled
from cli.stacking import RunningStack
from cli.state_store import open_store
from schemas.ids import SEPARATOR
from warehouse.audit import Totals, totals
from warehouse.opening import open_warehouse

SHOWN_MAX = 5


class Check(NamedTuple):
    """One figure.

    Args:
        name: What it counts.
        found: In the stack.
        expected: By the senders.
        detail: Where they differ.
    """

    name: str
    found: int
    expected: int
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether they are the same."""
        return self.found == self.expected


def checks(
    running: RunningStack, load: UsageLoad, usage: UsageSender, money: MoneySender
) -> list[Check]:
    """All of them, once everything is sent and healed; blocks.

    Raises:
        RecoverableError: A store does not answer.
    """
    found = _arrived(running, load.events)
    report = reconciled(running.settings)
    expected = {member: -micros for member, micros in load.owed_micros.items()}
    for member, micros in money.balances.items():
        expected[member] = expected.get(member, 0) + micros
    wrong = differences(expected, _balances(running))
    return [
        Check("events refused", usage.rejected + found.refused, 0),
        Check("events counted", found.usages, load.events),
        Check("charged micro-units", sum(found.charged_micros.values()), _sum(load.owed_micros)),
        Check("wallets that differ from the tally", len(wrong), 0, "; ".join(wrong[:SHOWN_MAX])),
        Check("answers that a repeat changed", len(money.differing), 0, str(money.differing[:1])),
        Check("drift between the copies, micro-units", report.drift_micros, 0,
              "; ".join(report.findings[:SHOWN_MAX])),
        Check("entries missing", report.missing_entries, 0),
        Check("entries double", report.double_entries, 0),
        Check("micro-units still on their way", report.transit_micros, 0),
    ]  # fmt: skip


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """A line for each wallet that is not as expected.

    Args:
        expected: Balance by member, micro-units; one that is missing is 0.
        found: The same.
    """
    return [
        f"{member}: {found.get(member, 0)} where the tally says {expected.get(member, 0)}"
        for member in sorted(expected.keys() | found.keys())
        if expected.get(member, 0) != found.get(member, 0)
    ]


def _sum(owed: Mapping[str, int]) -> int:
    return sum(owed.values())


def _arrived(running: RunningStack, events: int) -> Totals:
    """The tenant's totals once all events are there, or when waiting for them is given up."""
    deadline = time.monotonic() + HEAL_S
    with closing(open_warehouse(running.settings.clickhouse)) as warehouse:
        while (found := totals(warehouse, TENANT)).usages < events:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S * 10)
    return found


def _balances(running: RunningStack) -> dict[str, int]:
    balances: dict[str, int] = {}
    with closing(open_store(running.settings.redis)) as store:
        for shard in range(running.settings.shards):
            for field, micros in cut_of(store, shard).posted.items():
                tenant, _, member = field.partition(SEPARATOR)
                if tenant == TENANT:
                    balances[member] = micros
    return balances
