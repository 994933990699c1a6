"""Waiting until the stack is healed: all up, no lag anywhere, an event goes all the way.

Invariant: looks, and sends events that the tally knows; every wait is bounded and generous, since a
busy machine is not a fault. It does not own what broke.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TypeVar

import redis

from cli.chaos.sending import UsageSender
from cli.chaos.usage import TENANT
from cli.settled import NotSettled, await_applied, await_warehouse
from cli.stacking import RunningStack
from cli.state_store import open_store
from schemas.errors import RecoverableError
from warehouse.opening import open_warehouse

HEAL_S = 600
POLL_S = 0.1
_Found = TypeVar("_Found")


def await_up(running: RunningStack, away: set[str], killed: Mapping[str, int | None]) -> None:
    """Waits until every part that should run does, those that were killed as new processes.

    Raises:
        StackFault: A part was given up.
        NotSettled: Not within ``HEAL_S``.
    """
    deadline = time.monotonic() + HEAL_S
    while True:
        for failure in running.stack.failures():
            raise failure
        missing = [
            name
            for name in running.stack.parts()
            if name not in away
            and (
                not running.stack.is_up(name)
                or (name in killed and running.stack.pid(name) == killed[name])
            )
        ]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise NotSettled(f"waited {HEAL_S} s for {', '.join(missing)} to come up")
        time.sleep(POLL_S)


def heal(running: RunningStack, sender: UsageSender, away: set[str]) -> None:
    """Waits until an event by every way in is in the warehouse, and all before it too.

    Args:
        running: The stack, nothing in it broken any more.
        sender: Of the events that are watched.
        away: Parts that are not to run.

    Raises:
        NcashError: Not within ``HEAL_S``; the message says what is missing.
    """
    await_up(running, away, {})
    settings = running.settings
    member, wanted = sender.probe(settings.raw_partitions), 1 + settings.raw_partitions
    with (
        closing(open_store(settings.redis)) as store,
        closing(_patient(lambda: open_warehouse(settings.clickhouse))) as warehouse,
    ):
        cursors = _patient(lambda: await_applied(settings, store, wait_s=HEAL_S))
        _patient(lambda: await_warehouse(warehouse, cursors, wait_s=HEAL_S))

        def there() -> int:
            [[count]] = warehouse.query(
                "SELECT uniqExact(id) FROM usage_events WHERE tenant = %(tenant)s "
                "AND subject = %(member)s AND outcome = 'applied'",
                {"tenant": TENANT, "member": member},
            ).rows
            return int(str(count))

        deadline = time.monotonic() + HEAL_S
        while (count := _patient(there)) < wanted:
            if time.monotonic() > deadline:
                raise NotSettled(f"waited {HEAL_S} s for {wanted - count} events of {member}")
            time.sleep(POLL_S)


def _patient(ask: Callable[[], _Found]) -> _Found:
    """The answer, asked for again while what is asked is away."""
    deadline = time.monotonic() + HEAL_S
    while True:
        try:
            return ask()
        except NotSettled:
            raise
        except (RecoverableError, redis.RedisError) as fault:
            if time.monotonic() > deadline:
                raise NotSettled(f"waited {HEAL_S} s for an answer: {fault}") from fault
            time.sleep(POLL_S)
