"""``ncash bench …``: the commands that measure.

Owns their options; what is measured and shown is the other files of this room.
"""

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(help="Measure; every figure with its machine.")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Stream workers.")]


@bench.command("pipeline")
def bench_pipeline_command(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Events to measure.")] = 300_000,
    seconds: Annotated[
        int, typer.Option(min=0, max=3_600, help="Send for so long instead; 0: until all is sent.")
    ] = 0,
    members: Annotated[int, typer.Option(min=1_000)] = 50_000,
    contents: Annotated[int, typer.Option(min=20, max=50_000)] = 2_000,
    sessions: Annotated[int, typer.Option(min=100, help="Alive at once.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of the load.")] = 1,
    workers: Workers = 2,
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
) -> None:
    """The sustained rate through everything, with processor time by part."""
    from cli.bench.load import SESSIONS_AT_ONCE_MAX, Shape
    from cli.bench.pipeline import PREPARED_PER_S, Wanted, bench_pipeline

    if external and not key:
        raise typer.BadParameter("--external needs --key, a key of the tenant `bench`")
    if sessions > members * SESSIONS_AT_ONCE_MAX // 2:
        raise typer.BadParameter(f"--sessions {sessions}: too many for {members} members")
    wanted = Wanted(
        events=seconds * PREPARED_PER_S if seconds else events,
        seconds=seconds,
        shape=Shape(contents, members, sessions, seed),
        workers=workers,
        external=(url, key) if external else None,
    )
    raise typer.Exit(bench_pipeline(wanted, as_json=json))


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
