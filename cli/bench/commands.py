"""``ncash bench …``: the commands that measure.

Owns their options; what is measured and shown is the other files of this room.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.bench.load import Shape

bench = typer.Typer(help="Measure; every figure with its machine.")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Keep = Annotated[bool, typer.Option("--keep/--no-keep", help="Put the figures into bench/results.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Stream workers.")]
Members = Annotated[int, typer.Option(min=1_000)]
Contents = Annotated[int, typer.Option(min=20, max=50_000)]
Sessions = Annotated[int, typer.Option(min=100, help="Alive at once.")]
Seed = Annotated[int, typer.Option(help="Of the load.")]
WarmUp = Annotated[int, typer.Option(min=100, help="Events before.")]
LISTED = "Comma-separated; a stack for each, the others as in the base."
Probes = Annotated[int, typer.Option(min=1, max=1_000, help="Events a second that are watched.")]


@bench.command("pipeline")
def bench_pipeline_command(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Events to measure.")] = 300_000,
    seconds: Annotated[
        int, typer.Option(min=0, max=3_600, help="Send for so long instead; 0: until all is sent.")
    ] = 0,
    members: Members = 50_000,
    contents: Contents = 2_000,
    sessions: Sessions = 20_000,
    seed: Seed = 1,
    workers: Workers = 2,
    warm_up: WarmUp = 40_000,
    baseline: Annotated[
        int,
        typer.Option(
            min=0,
            help="Events for the obvious Faust program behind it; 0, or --external: without.",
        ),
    ] = 60_000,
    external: Annotated[
        bool,
        typer.Option(
            "--external",
            help="Measure the stack that the NCASH_ variables name; it gets this catalogue.",
        ),
    ] = False,
    url: Annotated[str, typer.Option(help="With --external: the edge.")] = "http://127.0.0.1:8000",
    key: Annotated[
        str, typer.Option(envvar="NCASH_KEY", help="With --external: a key of tenant bench.")
    ] = "",
    json: Json = False,
    keep: Keep = True,
) -> None:
    """The sustained rate through everything, with processor time by part."""
    from cli.bench.pipeline import PREPARED_PER_S, Wanted, bench_pipeline

    if external and not key:
        raise typer.BadParameter("--external needs --key, a key of the tenant `bench`")
    wanted = Wanted(
        events=seconds * PREPARED_PER_S if seconds else events,
        seconds=seconds,
        shape=_shape(contents, members, sessions, seed),
        workers=workers,
        external=(url, key) if external else None,
        baseline_events=0 if external else baseline,
        warm_up=warm_up,
    )
    raise typer.Exit(bench_pipeline(wanted, as_json=json, is_kept=keep))


@bench.command("baseline")
def bench_baseline_command(
    *,
    events: Annotated[int, typer.Option(min=100, help="Events to measure.")] = 60_000,
    members: Members = 50_000,
    contents: Contents = 2_000,
    sessions: Sessions = 20_000,
    seed: Seed = 1,
    workers: Workers = 2,
    json: Json = False,
    keep: Keep = True,
) -> None:
    """The obvious Faust program on the same load: what everything is compared with."""
    from cli.bench.comparing import bench_baseline

    shape = _shape(contents, members, sessions, seed)
    raise typer.Exit(bench_baseline(shape, events, workers, as_json=json, is_kept=keep))


@bench.command("latency")
def bench_latency_command(
    *,
    rate: Annotated[int, typer.Option(min=0, help="Events a second; 0: 10, 50 and 90 % of")] = 0,
    sustained: Annotated[
        int, typer.Option(min=0, help="so many a second; 0: of what a full run finds.")
    ] = 0,
    seconds: Annotated[int, typer.Option(min=2, max=3_600, help="At each rate.")] = 30,
    probes: Probes = 100,
    members: Members = 50_000,
    contents: Contents = 2_000,
    sessions: Sessions = 20_000,
    seed: Seed = 1,
    workers: Workers = 2,
    warm_up: WarmUp = 40_000,
    json: Json = False,
    keep: Keep = True,
) -> None:
    """From a send to the debit in Redis and to the signal, without coordinated omission."""
    from cli.bench.latency import Wanted, bench_latency

    wanted = Wanted(
        rates=[rate] if rate else [],
        sustained=sustained,
        seconds=seconds,
        probes_per_s=probes,
        shape=_shape(contents, members, sessions, seed),
        workers=workers,
        warm_up=warm_up,
    )
    raise typer.Exit(bench_latency(wanted, as_json=json, is_kept=keep))


@bench.command("recover")
def bench_recover_command(
    *,
    rate: Annotated[int, typer.Option(min=100, help="Events a second.")] = 2_000,
    kills: Annotated[int, typer.Option(min=1, max=50, help="Of a worker that comes back.")] = 5,
    probes: Probes = 200,
    members: Members = 50_000,
    contents: Contents = 2_000,
    sessions: Sessions = 20_000,
    seed: Seed = 1,
    workers: Annotated[int, typer.Option(min=2, max=64, help="Stream workers.")] = 2,
    json: Json = False,
    keep: Keep = True,
) -> None:
    """From a worker killed with SIGKILL to the first debit of its partitions, under load."""
    from cli.bench.recover import Wanted, bench_recover

    shape = _shape(contents, members, sessions, seed)
    wanted = Wanted(rate, kills, probes, shape, workers)
    raise typer.Exit(bench_recover(wanted, as_json=json, is_kept=keep))


@bench.command("query")
def bench_query_command(
    *,
    rows: Annotated[int, typer.Option(min=1_000, help="Of use, a month of it.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, max=1_000, help="Of each question.")] = 7,
    members: Members = 50_000,
    contents: Contents = 2_000,
    sessions: Sessions = 20_000,
    seed: Seed = 1,
    workers: Workers = 2,
    json: Json = False,
    keep: Keep = True,
) -> None:
    """How long a balance, entries and statistics take, over many rows of use."""
    from cli.bench.query import Wanted, bench_query

    wanted = Wanted(rows, runs, _shape(contents, members, sessions, seed), workers)
    raise typer.Exit(bench_query(wanted, as_json=json, is_kept=keep))


@bench.command("scale")
def bench_scale_command(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="To measure in each case.")] = 100_000,
    sessions: Annotated[str, typer.Option(help=LISTED)] = "1000,10000,100000",
    members: Annotated[str, typer.Option(help=LISTED)] = "",
    contents: Annotated[str, typer.Option(help=LISTED)] = "100,10000",
    workers: Annotated[str, typer.Option(help=LISTED)] = "1,4",
    partitions: Annotated[str, typer.Option(help=LISTED)] = "4,64",
    base: Annotated[
        str, typer.Option(help="Sessions, members, contents, workers, partitions of the base.")
    ] = "20000,50000,2000,2,16",
    seed: Seed = 1,
    warm_up: WarmUp = 40_000,
    json: Json = False,
    keep: Keep = True,
) -> None:
    """What an event costs as sessions, members, contents, workers and partitions grow."""
    from cli.bench.scale import DIMENSIONS, Case, bench_scale, cases_of

    begun = _numbers("--base", base)
    if len(begun) != len(DIMENSIONS):
        raise typer.BadParameter(f"--base: {len(DIMENSIONS)} numbers, {', '.join(DIMENSIONS)}")
    given = (sessions, members, contents, workers, partitions)
    values = {
        name: _numbers(f"--{name}", text) for name, text in zip(DIMENSIONS, given, strict=True)
    }
    cases = cases_of(Case(*begun), values)
    raise typer.Exit(bench_scale(cases, events, seed, warm_up=warm_up, as_json=json, is_kept=keep))


@bench.command("rating")
def bench_rating_command(*, json: Json = False) -> None:
    """What it costs to rate an event, by tariff and by length of the session."""
    from cli.bench.rating import bench_rating

    raise typer.Exit(bench_rating(as_json=json))


@bench.command("ends")
def bench_ends_command(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Of the corpus of faults.")] = 1,
    sessions: Annotated[int, typer.Option(min=1, max=1_000_000, help="In it.")] = 5_040,
    page: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Put the figures on this page too."),
    ] = None,
    json: Json = False,
) -> None:
    """How well ends that nobody sent are found; 1 when a target is missed."""
    from cli.ends.command import bench_ends

    raise typer.Exit(bench_ends(seed=seed, sessions=sessions, page=page, as_json=json))


def _shape(contents: int, members: int, sessions: int, seed: int) -> "Shape":
    from cli.bench.load import SESSIONS_AT_ONCE_MAX, Shape

    if sessions > members * SESSIONS_AT_ONCE_MAX // 2:
        raise typer.BadParameter(f"--sessions {sessions}: too many for {members} members")
    return Shape(contents, members, sessions, seed)


def _numbers(option: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{option} {text}: whole numbers above 0, parted by commas")
    return [int(part) for part in parts]
