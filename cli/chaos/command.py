"""``ncash chaos``: load, faults, healing, checks, from beginning to end.

Invariant: one seed decides the load, the order of the faults and what each strikes; how long things
take is the machine's. The stack is stopped whatever happens, and its folder stays after a failure.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from cli.bench.machine import machine
from cli.chaos.checking import checks
from cli.chaos.faults import FAULTS, OURS, SPARE, WORKERS_MAX, Scene
from cli.chaos.healing import heal
from cli.chaos.network import Network
from cli.chaos.report import Run, Strike, answer_of, section_of, show, write_section
from cli.chaos.sending import MoneySender, UsageSender, bodies_per_s
from cli.chaos.usage import DUPLICATES, TENANT, UsageLoad, catalogue
from cli.chaos.wiring import wiring_of
from cli.screen import put_json, screen
from cli.stacking import RunningStack, running_stack
from runtime.embedded.clickhouse import find_server
from runtime.embedded.ports import PortBook
from schemas.errors import NcashError

SNAPSHOT_EVERY_MS = 20_000
EVENTS_PER_MEMBER = 500
MEMBERS_MIN = 50
GAP_S_MAX = 3.0
WARM_S = 3
KEY = {"id": TENANT, "tenant": TENANT, "scopes": ["admin"], "clock": "live"}


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        events: Different ones, at least.
        seed: Of all chance.
        minutes: In which they are sent, if the stack takes them.
        strikes: Faults, after which none strikes; 0: until all events are sent.
        faults: Their kinds.
    """

    events: int
    seed: int
    minutes: float
    strikes: int
    faults: Sequence[str]

    @property
    def members(self) -> int:
        """How many use."""
        return max(MEMBERS_MIN, self.events // EVENTS_PER_MEMBER)

    @property
    def command(self) -> str:
        """The command that plays it again."""
        words = f"ncash chaos --events {self.events} --seed {self.seed} --minutes {self.minutes:g}"
        words += f" --strikes {self.strikes}" if self.strikes else ""
        chosen = list(self.faults) != list(FAULTS)
        return words + (f" --faults {','.join(self.faults)}" if chosen else "")


def faults_of(text: str) -> list[str]:
    """The kinds that a list names; an empty one names all.

    Raises:
        ValueError: One is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()] or list(FAULTS)
    for name in names:
        if name not in FAULTS:
            raise ValueError(f"{name} is none of {', '.join(FAULTS)}")
    return names


def run_chaos(wanted: Wanted, *, page: Path | None, keep: bool, as_json: bool) -> int:
    """Breaks and checks.

    Args:
        wanted: What is asked for.
        page: Where the figures are to stand, or None.
        keep: Whether the folder stays.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when a check failed.

    Raises:
        NcashError: The stack did not heal, or never took something; the seed was said.
    """
    console, described = screen(), machine()
    folder = Path(tempfile.mkdtemp(prefix="ncash-chaos-"))
    is_good = False
    try:
        run = _run(wanted, folder, console)
        show(console, run)
        if page is not None:
            write_section(page, section_of(run, described))
        if as_json:
            put_json(answer_of(run, described))
        is_good = run.is_good
    except NcashError:
        console.print(f"again: {wanted.command}", markup=False)
        raise
    finally:
        if keep or not is_good:
            console.print(f"  kept: {folder}; logs in {folder}/logs")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if is_good else 1


def schedule(wanted: Wanted) -> Iterator[str]:
    """Which fault comes next: all kinds in a random order, then in another, for ever."""
    chance = random.Random(f"schedule {wanted.seed}")  # noqa: S311 -- reproducible on purpose
    while True:
        deck = list(wanted.faults)
        chance.shuffle(deck)
        yield from deck


def _run(wanted: Wanted, folder: Path, console: Console) -> Run:
    book = PortBook(folder / "ports.json")
    # A server that is on the PATH speaks at the first, the process of a chDB folder at the second.
    sql = "clickhouse" if find_server() is not None else "sql"
    wiring = wiring_of(OURS, {"redis": book.port("redis"), "clickhouse": book.port(sql)})
    with (
        Network(wiring.links) as network,
        running_stack(
            folder,
            WORKERS_MAX,
            console,
            body=catalogue(),
            more_keys=[KEY],
            changes={"snapshot_every_ms": SNAPSHOT_EVERY_MS},
            detours=wiring.detours,
            adjust=wiring.adjust,
        ) as running,
    ):
        for part in sorted(SPARE):
            running.stack.halt(part)
        return _played(wanted, running, network, console)


def _played(wanted: Wanted, running: RunningStack, network: Network, console: Console) -> Run:
    load = UsageLoad(wanted.seed, wanted.members, int(time.time()))
    over: list[bool] = []
    usage = UsageSender(
        running,
        load,
        bodies_per_s(int(wanted.events * (1 + DUPLICATES)), wanted.minutes),
        lambda: load.events >= wanted.events and bool(over or not wanted.strikes),
    )
    money = MoneySender(running, wanted.seed, wanted.members)
    began, strikes = time.monotonic(), list[Strike]()
    usage.start()
    money.start()
    time.sleep(WARM_S)
    away = set(SPARE)
    for number, name in enumerate(schedule(wanted)):
        if usage.is_over or (wanted.strikes and number >= wanted.strikes):
            break
        # Each strike has chance of its own, so that what one uses up changes no other.
        chance = random.Random(f"strike {wanted.seed} {number}")  # noqa: S311 -- likewise
        scene = Scene(running, network, chance, away, lambda: heal(running, usage, away), [])
        console.print(f"[bold]{name}[/]")
        FAULTS[name](scene)
        heal(running, usage, away)
        strikes.append(Strike(name, (time.monotonic_ns() - scene.moments[-1]) // 1_000_000))
        done = f"{load.events:,} events so far"
        console.print(f"  healed in {strikes[-1].healing_ms / 1000:.1f} s; {done}")
        time.sleep(chance.uniform(0, GAP_S_MAX))
    over.append(True)
    money.finish()
    usage.finish()
    heal(running, usage, away)
    found = checks(running, load, usage, money)
    return Run(
        seed=wanted.seed,
        events=load.events,
        copies=load.copies,
        resent=usage.repeated,
        commands=money.commands,
        elapsed_s=int(time.monotonic() - began),
        strikes=strikes,
        checks=found,
        repeat=wanted.command,
    )
