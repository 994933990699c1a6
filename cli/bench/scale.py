"""``ncash bench scale``: what an event costs as one thing after the other grows.

Each case is the pipeline on a stack of its own, with every session begun before measuring; one
dimension at a time leaves the base. Invariant: each case ends with a reconciliation, and the drift
of all is told. It does not own how a case is measured (``cli.bench.pipeline``).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

from rich.console import Console
from rich.table import Table

from cli.bench.load import SESSIONS_AT_ONCE_MAX, Shape
from cli.bench.machine import machine
from cli.bench.market import bench_catalogue
from cli.bench.pipeline import Wanted, measured
from cli.bench.place import Place, bench_folder, own_place
from cli.bench.report import Run, answer_of, finish, show_machine
from cli.screen import screen
from cli.settled import log_ends
from cli.state_store import open_store

DIMENSIONS = ("sessions", "members", "contents", "workers", "partitions")
# Repeats and events that are held back take the place of some that begin a session.
FILLING_PERCENT = 110


class Case(NamedTuple):
    """One point.

    Args:
        sessions: Alive at once.
        members: Who may come.
        contents: On sale.
        workers: Stream workers.
        partitions: Of the log: shards.
    """

    sessions: int = 20_000
    members: int = 50_000
    contents: int = 2_000
    workers: int = 2
    partitions: int = 16


class Measured(NamedTuple):
    """A case and what came of it.

    Args:
        varied: The dimension that leaves the base, or ``base``.
        case: It.
        run: Of the pipeline.
        redis_bytes: What Redis' memory grew by: sessions, wallets, passes, ids.
        sessions: Stored in Redis at the end.
        wallets: Likewise.
        log_records: In the shards' logs, ticks counted.
        linger_ms: Of the publishers.
    """

    varied: str
    case: Case
    run: Run
    redis_bytes: int
    sessions: int
    wallets: int
    log_records: int
    linger_ms: int

    def answer(self) -> dict[str, object]:
        """As ``--json`` tells it."""
        found = answer_of(self.run)
        names = (
            "events_per_s", "cpu_us_per_event", "cpu_us_per_event_by_part", "parts_restarted",
            "drift_micros", "events", "loaded_resident_mb",
        )  # fmt: skip
        return {
            "varied": self.varied,
            **self.case._asdict(),
            **{name: found[name] for name in names},
            "redis_bytes_per_stored_session": self.redis_bytes // max(1, self.sessions),
            "stored_sessions": self.sessions,
            "stored_wallets": self.wallets,
            "log_records": self.log_records,
            "linger_ms": self.linger_ms,
        }

    @property
    def cost_us(self) -> float:
        """Processor time per event, all parts together."""
        return self.run.per_event(sum((self.run.used_us or {}).values()))


def cases_of(base: Case, values: Mapping[str, Sequence[int]]) -> list[tuple[str, Case]]:
    """The base, then each other value of each dimension.

    Args:
        base: Where every dimension stands that is not varied.
        values: By dimension. Where sessions need more members, there are more.
    """
    found = [("base", base)]
    for name in DIMENSIONS:
        for value in values.get(name, ()):
            case = base._replace(**{name: value})
            enough = -(-2 * case.sessions // SESSIONS_AT_ONCE_MAX)
            case = case._replace(members=max(case.members, enough))
            if case != base:
                found.append((name, case))
    return found


def ratio_of(costs: Iterable[float]) -> float:
    """How much dearer the dearest is than the cheapest; 0 where nothing is known."""
    known = [cost for cost in costs if cost > 0]
    return round(max(known) / min(known), 2) if known else 0.0


def bench_scale(
    cases: Sequence[tuple[str, Case]],
    events: int,
    seed: int,
    *,
    warm_up: int,
    as_json: bool,
    is_kept: bool,
) -> int:
    """Measures every case and says.

    Args:
        cases: As ``cases_of`` gives them.
        events: To measure in each.
        seed: Of the loads.
        warm_up: Events before, beside those that begin the sessions.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when a copy differs or an event was refused in any case.

    Raises:
        NcashError: A stack did not come up, did not take the load, or did not come to rest.
    """
    console, described = screen(), machine()
    found = [
        _measured(name, case, console, events=events, seed=seed, warm_up=warm_up)
        for name, case in cases
    ]
    ratios = {
        name: ratio_of(each.cost_us for each in found if each.varied in {"base", name})
        for name in DIMENSIONS
        if any(each.varied == name for each in found)
    }
    drift = sum(each.run.drift_micros for each in found)
    figures: dict[str, object] = {
        "cost_ratio_by_dimension": ratios,
        "cost_ratio": ratio_of(each.cost_us for each in found),
        "drift_micros": drift,
        "cases": [each.answer() for each in found],
    }
    _show(console, found, ratios)
    console.print(f"drift {drift}")
    show_machine(console, described)
    finish("scale", figures, described, as_json=as_json, is_kept=is_kept)
    failed = any(each.run.copies_differ or each.run.rejected for each in found)
    return 1 if drift or failed else 0


def _measured(
    varied: str, case: Case, console: Console, *, events: int, seed: int, warm_up: int
) -> Measured:
    console.print(f"{varied}: {', '.join(f'{k} {v:,}' for k, v in case._asdict().items())}")
    shape = Shape(case.contents, case.members, case.sessions, seed)
    wanted = Wanted(
        events=events,
        seconds=0,
        shape=shape,
        workers=case.workers,
        external=None,
        warm_up=case.sessions * FILLING_PERCENT // 100 + warm_up,
        is_filled=True,
    )
    changes = {"shards": case.partitions}
    with (
        bench_folder() as folder,
        own_place(
            folder,
            console,
            body=bench_catalogue(case.contents),
            workers=case.workers,
            changes=changes,
        ) as place,
    ):
        before, _, _ = _stored(place)
        run = measured(place, wanted, console)
        after, sessions, wallets = _stored(place)
        return Measured(
            varied,
            case,
            run,
            redis_bytes=after - before,
            sessions=sessions,
            wallets=wallets,
            log_records=sum(log_ends(place.settings).values()),
            linger_ms=place.settings.linger_ms,
        )


def _stored(place: Place) -> tuple[int, int, int]:
    """Memory of Redis in bytes, sessions and wallets in it."""
    with closing(open_store(place.settings.redis)) as store:
        memory: dict[str, int] = cast("Any", store).info("memory")
        counts = [
            sum(
                int(str(store.hlen(f"{{{shard}}}:{kind}")))
                for shard in range(place.settings.shards)
            )
            for kind in ("sessions", "wallets")
        ]
        return int(memory["used_memory"]), counts[0], counts[1]


def _show(console: Console, found: Sequence[Measured], ratios: Mapping[str, float]) -> None:
    table = Table("case", "events/s", "CPU µs", "Redis B/session", "events/record", title="\nscale")
    for each in found:
        answer = each.answer()
        value = "" if each.varied == "base" else f" {each.case._asdict()[each.varied]:,}"
        table.add_row(
            each.varied + value,
            f"{answer['events_per_s']:,}",
            f"{each.cost_us:.1f}",
            str(answer["redis_bytes_per_stored_session"]),
            f"{(each.run.usages + each.run.duplicates) / max(1, each.log_records):.1f}",
        )
    console.print(table)
    for name, ratio in ratios.items():
        console.print(f"{name}: the dearest costs {ratio} times the cheapest")
