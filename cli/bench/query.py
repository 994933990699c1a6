"""``ncash bench query``: how long a balance, a page of entries and statistics take, over many rows.

A month of use is put straight into the warehouse before the stack starts; then live load makes
wallets; then each question is asked over HTTP, as anybody would, several times. Invariant: what the
statistics say was charged is what was put in, and the run ends with a reconciliation; both
differences are its drift.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from cli.bench.filling import DAYS, Filled
from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import machine
from cli.bench.market import bench_catalogue
from cli.bench.place import (
    Place,
    bench_folder,
    load_client,
    own_place,
    samples,
    settle,
    write_load,
)
from cli.bench.report import finish, show_machine
from cli.bench.usage import resident_mb, used_us
from cli.demo.api_client import ApiClient
from cli.reconciling import reconciled
from cli.screen import screen
from runtime.embedded.clickhouse import find_server
from runtime.faults import StackFault
from runtime.settings import Settings
from schemas.moment import DAY_MS, text_from_ms

LIVE_EVENTS = 20_000
MEMBERS_ASKED = 20
# Passes of the live load count from the beginning of their calendar month.
DAYS_BEFORE = 40
_US_PER_S = 1_000_000
_NS_PER_MS = 1_000_000


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        rows: Of ``usage_events``, beside their charges and entries.
        runs: Of each question, after one that does not count.
        shape: Members and contents of the month and of the live load.
        workers: Stream workers.
    """

    rows: int
    runs: int
    shape: Shape
    workers: int


class Asked(NamedTuple):
    """What one question took.

    Args:
        question: In words.
        times_ms: Of each run.
        cpu_ms: Processor time of a run by kind of part.
    """

    question: str
    times_ms: Sequence[float]
    cpu_ms: Mapping[str, float]

    def answer(self) -> dict[str, object]:
        """As ``--json`` tells it."""
        return {
            "question": self.question,
            "median_ms": round(median(self.times_ms), 1),
            "min_ms": min(self.times_ms),
            "max_ms": max(self.times_ms),
            "runs": len(self.times_ms),
            "cpu_ms_by_part": dict(self.cpu_ms),
        }


def bench_query(wanted: Wanted, *, as_json: bool, is_kept: bool) -> int:
    """Measures and says.

    Args:
        wanted: Rows and runs.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when a copy differs, or the statistics are not what was put in.

    Raises:
        NcashError: The stack did not come up, did not take the load, or did not come to rest.
    """
    console, described = screen(), machine()
    until_ms = (time.time_ns() // _NS_PER_MS // DAY_MS - DAYS_BEFORE) * DAY_MS
    month_ms = until_ms - DAYS * DAY_MS
    with (
        bench_folder() as folder,
        _filled_place(folder, wanted, month_ms, console) as (
            place,
            filled,
        ),
    ):
        _live(place, wanted, console)
        period = {"from": text_from_ms(month_ms), "to": text_from_ms(until_ms)}
        with ApiClient(place.url, place.key) as api:
            asked = [
                _asked(place, name, ask, wanted.runs)
                for name, ask in _questions(api, period).items()
            ]
            found = api.get("/v1/statistics/usage", **period, by="month")["rows"]
        memory = resident_mb(samples(place))
        console.print("  reconciling")
        report = reconciled(place.settings)
    told = sum(int(row["charged_micros"]) for row in found)
    events = sum(int(row["events"]) for row in found)
    drift = report.drift_micros + abs(told - filled.charged_micros)
    figures: dict[str, object] = {
        **{str(each.question): each.answer()["median_ms"] for each in asked},
        "drift_micros": drift,
        "usage_rows": filled.usages,
        "usage_rows_told": events,
        "filled": msgspec.to_builtins(filled),
        "questions": [each.answer() for each in asked],
        "resident_mb": memory,
        "load": {**wanted.shape._asdict(), "live_events": LIVE_EVENTS, "workers": wanted.workers},
    }
    _show(console, asked, filled)
    console.print(f"drift {drift}")
    show_machine(console, described)
    finish("query", figures, described, as_json=as_json, is_kept=is_kept)
    return 1 if drift or events != filled.usages or not report.is_clean else 0


@contextmanager
def _filled_place(
    folder: Path, wanted: Wanted, month_ms: int, console: Console
) -> Generator[tuple[Place, Filled]]:
    """A stack whose warehouse has the month in it."""
    # An embedded engine belongs to one process, so it is filled before the stack opens it.
    is_embedded = "clickhouse" not in Settings().model_fields_set and find_server() is None
    filled = None
    if is_embedded:
        filled = _fill(f"chdb://{folder / 'stack' / 'chdb'}", wanted, month_ms, console)
    body = bench_catalogue(wanted.shape.contents)
    with own_place(folder, console, body=body, workers=wanted.workers) as place:
        yield place, filled or _fill(place.settings.clickhouse, wanted, month_ms, console)


def _fill(url: str, wanted: Wanted, month_ms: int, console: Console) -> Filled:
    console.print(f"Putting {wanted.rows:,} rows of use into the warehouse")
    shape = wanted.shape
    words = {
        "url": url, "rows": wanted.rows, "members": shape.members, "contents": shape.contents,
        "from-ms": month_ms, "seed": shape.seed,
    }  # fmt: skip
    told = [part for name, value in words.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "cli.bench.filling", *told], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise StackFault(f"the warehouse was not filled: status {done.returncode}")
    filled = msgspec.json.decode(done.stdout.splitlines()[-1], type=Filled)
    console.print(f"  in {filled.elapsed_s} s")
    return filled


def _live(place: Place, wanted: Wanted, console: Console) -> None:
    """Load through everything, so that there are wallets and the caches are as they live."""
    load = Load(wanted.shape, time.time_ns() // _NS_PER_MS)
    bodies = LIVE_EVENTS // EVENTS_PER_BODY
    file = write_load(place, load, bodies, console)
    with load_client(place, file) as client:
        client.stage(bodies)
    settle(place)


def _questions(api: ApiClient, period: Mapping[str, str]) -> dict[str, Callable[[int], object]]:
    """By name, what to ask in the so-manieth run."""
    known = api.get("/v1/wallets", limit=MEMBERS_ASKED)["wallets"]
    members = [str(wallet["member"]) for wallet in known]

    def member(run: int) -> str:
        return members[run % len(members)]

    def usage(by: str, **only: str) -> object:
        return api.get("/v1/statistics/usage", **period, by=by, limit=100, **only)

    return {
        "balance_ms": lambda run: api.get(f"/v1/wallets/{member(run)}"),
        "entries_ms": lambda run: api.get(f"/v1/wallets/{member(run)}/entries", limit=50),
        "statistics_by_content_ms": lambda _: usage("content"),
        "statistics_by_day_ms": lambda _: usage("day"),
        "statistics_by_kind_ms": lambda _: usage("kind"),
        "statistics_of_a_member_ms": lambda run: usage("content,day", member=member(run)),
    }


def _asked(place: Place, question: str, ask: Callable[[int], object], runs: int) -> Asked:
    ask(0)
    before, times_ms = samples(place), list[float]()
    for run in range(1, runs + 1):
        began_ns = time.monotonic_ns()
        ask(run)
        times_ms.append(round((time.monotonic_ns() - began_ns) / _NS_PER_MS, 1))
    used = used_us(before, samples(place))
    return Asked(
        question, times_ms, {part: round(each / 1_000 / runs, 1) for part, each in used.items()}
    )


def _show(console: Console, asked: Sequence[Asked], filled: Filled) -> None:
    table = Table("question", "median", "least", "most", "CPU ms", title="\nbench query, ms")
    for each in asked:
        table.add_row(
            each.question.removesuffix("_ms").replace("_", " "),
            f"{median(each.times_ms):.1f}",
            f"{min(each.times_ms):.1f}",
            f"{max(each.times_ms):.1f}",
            f"{sum(each.cpu_ms.values()):.1f}",
        )
    console.print(table)
    console.print(
        f"over {filled.usages:,} rows of use, {filled.entries:,} entries and {filled.charges:,} "
        f"charges, put in in {filled.elapsed_s} s"
    )
