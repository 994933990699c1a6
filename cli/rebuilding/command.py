"""``ncash rebuild``: shares the shards out to processes, shows how far they are, and says the end.

Invariant: a shard that could not be rebuilt is named with its mend, and the exit status is 1; run
again, it begins anew with every shard that is asked for.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import redis
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.rebuilding.tail import Rebuilt, rebuild_shards
from cli.screen import put_json, screen
from cli.settled import log_ends
from cli.stacking import settings_of
from cli.state_store import reading_store
from runtime.embedded.tether import tether
from runtime.faults import StackFault
from runtime.settings import Settings
from schemas.errors import NcashError
from schemas.outputs import Stream
from shard.cursor import Cursor, decode_cursor
from shard.port import Kind

LOOK_S = 0.3
# How long a worker that owns a shard may do nothing for it.
STANDSTILL_S = 60


def rebuild_stack(data: Path, *, shard: int | None, as_json: bool) -> int:
    """Makes Redis again.

    Args:
        data: Folder of the stack; the environment's settings come first.
        shard: The only one; None: all.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when any shard could not be made again.

    Raises:
        NcashError: A service cannot be reached.
        typer.BadParameter: There is no such shard.
    """
    settings = settings_of(data)
    if shard is not None and shard >= settings.shards:
        raise typer.BadParameter(f"--shard: there are {settings.shards}, from 0")
    began = time.monotonic()
    shards = list(range(settings.shards)) if shard is None else [shard]
    console = screen()
    ends = log_ends(settings)
    with reading_store(settings.redis) as store:
        rebuilt = _run(settings, shards, store, sum(ends[each] for each in shards))
        faults = {each.shard: each.fault for each in rebuilt if each.fault}
        left = {each.shard: each.end for each in rebuilt if each.is_left and not each.fault}
        if left:
            console.print(f"workers replay the rest of {len(left)} shards; waiting for them")
            faults |= _await_workers(store, left)
        wallets = sum(int(store.hlen(f"{{{each}}}:{Kind.WALLETS}")) for each in shards)
        cursors = [_cursor(store, each) for each in shards]
    entries = sum(each.head(Stream.LEDGER).next for each in cursors if each is not None)
    events = sum(each.events for each in rebuilt)
    elapsed_s = time.monotonic() - began
    for number, fault in sorted(faults.items()):
        console.print(f"shard {number}: {fault}", style="red", markup=False)
    console.print(
        f"{len(shards) - len(faults)} of {len(shards)} shards made again in {elapsed_s:.1f} s: "
        f"{sum(bool(each.snapshot) for each in rebuilt)} from snapshots, {events:,} events of "
        f"tail replayed, {wallets:,} wallets, {entries:,} transfers in the ledger behind them"
    )
    if as_json:
        put_json(
            {
                "wallets": wallets,
                "entries": entries,
                "elapsed_s": round(elapsed_s, 3),
                "shards": len(shards),
                "shards_failed": len(faults),
                "from_snapshots": sum(bool(each.snapshot) for each in rebuilt),
                "tail_events": events,
            }
        )
    return 1 if faults else 0


def _run(
    settings: Settings, shards: Sequence[int], store: redis.Redis, records: int
) -> list[Rebuilt]:
    """Every shard's outcome, while a bar shows how far the cursors are."""
    processes = min(len(shards), os.cpu_count() or 1)
    environment = settings.model_dump(mode="json", exclude_none=True)
    columns = (
        TextColumn("rebuild"), BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} log records"),
        TimeRemainingColumn(),
    )  # fmt: skip
    # A process of its own knows nothing of this one's threads; none outlives this one.
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=tether, initargs=(os.getpid(),)
    )
    with pool, Progress(*columns, console=screen()) as progress:
        task = progress.add_task("rebuild", total=max(1, records))
        # One shard a call: whoever is done takes the next.
        calls = [pool.submit(rebuild_shards, environment, [each]) for each in shards]
        open_calls: set[Future[list[Rebuilt]]] = set(calls)
        while open_calls:
            _, open_calls = wait(open_calls, timeout=LOOK_S)
            at = [_cursor(store, each) for each in shards]
            progress.update(task, completed=sum(each.offset + 1 for each in at if each))
        try:
            return [one for call in calls for one in call.result()]
        except BrokenProcessPool as fault:
            raise StackFault(
                "a process of the rebuild was killed, for want of memory perhaps; run it again, "
                "shard by shard with --shard"
            ) from fault


def _await_workers(store: redis.Redis, ends: dict[int, int]) -> dict[int, str]:
    """Waits until workers have brought shards to where their logs ended; the faults of the rest."""
    last, since = -1, time.monotonic()
    while True:
        at = {each: _cursor(store, each) for each in ends}
        behind = [n for n, c in at.items() if c is None or c.offset < ends[n] - 1 or not c.is_done]
        if not behind:
            return {}
        reached = sum(each.offset for each in at.values() if each is not None)
        now = time.monotonic()
        if reached != last:
            last, since = reached, now
        elif now - since > STANDSTILL_S:
            return dict.fromkeys(
                behind,
                "its snapshot is restored, what comes then was not published yet and no worker "
                "takes it; start a worker",
            )
        time.sleep(LOOK_S)


def _cursor(store: redis.Redis, shard: int) -> Cursor | None:
    """A shard's cursor; None where there is none to be read."""
    value = store.get(f"{{{shard}}}:cursor")
    try:
        return decode_cursor(value) if isinstance(value, bytes) else None
    except NcashError:
        return None
