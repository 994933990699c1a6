"""The ``ncash`` command. Progress goes to standard error, answers to standard output.

Exit status: 0 as asked, 1 a check failed or something is missing, 2 wrong use.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import ValidationError

from cli.bench.commands import Json, Workers, bench
from cli.cards.commands import cards
from cli.screen import hush, screen
from cli.serving.commands import serve
from schemas.errors import NcashError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


app = typer.Typer(
    name="ncash",
    help="Meters what people use while they use it, and takes the price from a prepaid wallet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
catalogue = typer.Typer(help="The catalogue: what is on sale, for how much.")
tariff = typer.Typer(help="Tariffs tried out: checked, and replayed over what was used.")
app.add_typer(serve, name="serve")
app.add_typer(catalogue, name="catalogue")
app.add_typer(tariff, name="tariff")
app.add_typer(bench, name="bench")
app.add_typer(cards, name="cards")

DataDir = Annotated[
    Path, typer.Option("--data", envvar="NCASH_DATA_DIR", help="Folder for data, logs and keys.")
]
Shard = Annotated[int | None, typer.Option(min=0, help="Only this one; default: all.")]
Currency = Annotated[str, typer.Option(help="Of a single tariff, whose file names none.")]


WRONG_USE = 2


def main() -> None:
    """Entry point: what a person can mend is said in one line, without a trace."""
    hush()
    try:
        app()
    except NcashError as fault:
        sys.exit(_said(str(fault), 1))
    except ValidationError as fault:
        # Settings are the only thing that pydantic checks in a command.
        sys.exit(_said("; ".join(map(_variable_fault, fault.errors())), WRONG_USE))


def _said(fault: str, status: int) -> int:
    screen().print(f"ncash: {fault}", style="red", markup=False)
    return status


def _variable_fault(fault: "ErrorDetails") -> str:
    name = "_".join(str(each) for each in fault["loc"]).upper()
    return f"NCASH_{name}={fault['input']}: {fault['msg']}" if name else fault["msg"]


@app.command()
def demo(
    *,
    input: Annotated[  # noqa: A002 -- the contract's name of the option
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Play this recording only."),
    ] = None,
    format: Annotated[str, typer.Option(help="combined, llm-csv or cloudevents.")] = "combined",  # noqa: A002 -- likewise
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
    json: Json = False,
) -> None:
    """Show the whole product in about a minute, on real parts, in a fresh folder."""
    from cli.demo.show import run_demo

    raise typer.Exit(run_demo(recording=input, form=format, keep=keep, as_json=json))


@app.command()
def up(data: DataDir = Path("ncash-data"), workers: Workers = 2) -> None:
    """Start the whole stack and stay; Ctrl-C stops it, the same folder goes on where it was."""
    from cli.up import stay_up

    stay_up(data, workers)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The recording.")],
    *,
    format: Annotated[str, typer.Option(help="combined, llm-csv or cloudevents.")],  # noqa: A002 -- the contract's name of the option
    key: Annotated[str, typer.Option(envvar="NCASH_KEY", help="API key; its tenant gets it.")],
    speed: Annotated[str, typer.Option(help="max, or so many times the recorded speed.")] = "max",
    url: Annotated[str, typer.Option(help="The edge.")] = "http://127.0.0.1:8000",
    name: Annotated[str, typer.Option(help="Recording name; default: the file's stem.")] = "",
    json: Json = False,
) -> None:
    """Turn a recording into usage events and send them to a running stack."""
    from cli.replay import replay_file

    raise typer.Exit(
        replay_file(file, form=format, key=key, speed=speed, url=url, name=name, as_json=json)
    )


@app.command()
def rate(
    *,
    tariff: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A tariff, or a whole catalogue.")
    ],
    usage: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Recorded usage, plain or gzip.")
    ],
    format: Annotated[  # noqa: A002 -- the contract's name of the option
        str, typer.Option(help="auto, cloudevents, combined or llm-csv.")
    ] = "auto",
    tenant: Annotated[
        str, typer.Option(help="Of a catalogue; default: the one that sells what was used.")
    ] = "",
    currency: Currency = "KRW",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Bad lines are told, but are no failure.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="File for every line of every charge.")] = None,
    json: Json = False,
) -> None:
    """Price recorded usage by a tariff, with no service: what production would charge."""
    from cli.replay import format_named
    from cli.tariffs.rating import Output, rate_file
    from ingest.recordings import format_of

    form = format_of(usage) if format == "auto" else format_named(format)
    output = Output(json, csv)
    raise typer.Exit(rate_file(tariff, usage, form, tenant, currency, output, skips_bad=skip_bad))


@app.command()
def reconcile(*, data: DataDir = Path("ncash-data"), json: Json = False) -> None:
    """Compare every copy of every balance at one cut: Redis, ledger, warehouse."""
    from cli.reconciling import reconcile_stack
    from cli.stacking import settings_of

    raise typer.Exit(reconcile_stack(settings_of(data), as_json=json))


@app.command()
def rebuild(shard: Shard = None, data: DataDir = Path("ncash-data"), json: Json = False) -> None:
    """Make Redis again from snapshots and the log behind them; workers may go on meanwhile."""
    from cli.rebuilding.command import rebuild_stack

    raise typer.Exit(rebuild_stack(data, shard=shard, as_json=json))


@app.command()
def sim(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Of the workload.")] = 120,
    seeds: Annotated[int, typer.Option(min=1, help="So many, one after the other.")] = 1,
    faults: Annotated[
        str, typer.Option(help="Kinds that may strike, with commas, or none; default: some.")
    ] = "",
    members: Annotated[int, typer.Option(min=1, max=100, help="Per tenant.")] = 5,
    contents: Annotated[
        str, typer.Option(help="Of which sessions are, with commas; default: all.")
    ] = "",
    shrink: Annotated[bool, typer.Option(help="Make a failing run smaller.")] = True,
    coverage: Annotated[bool, typer.Option("--coverage", help="Show where faults struck.")] = False,
    json: Json = False,
) -> None:
    """Simulate the whole product with faults, deterministically, and audit what is left."""
    from cli.sim.command import contents_of, faults_of, run_sim
    from cli.sim.simulation import Wanted

    try:
        kinds = faults_of(faults)
    except ValueError as fault:
        raise typer.BadParameter(f"--faults: {fault}") from fault
    try:
        sold = contents_of(contents)
    except ValueError as fault:
        raise typer.BadParameter(f"--contents: {fault}") from fault
    wanted = Wanted(seed, steps, members, kinds, sold)
    raise typer.Exit(run_sim(wanted, seeds=seeds, as_json=json, shrinks=shrink, table=coverage))


@app.command()
def chaos(
    *,
    events: Annotated[int, typer.Option(min=100, help="At least so many different ones.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Of load and faults.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="In which they are sent.")] = 5,
    strikes: Annotated[
        int, typer.Option(min=0, help="So many faults; 0: until all events are sent.")
    ] = 0,
    faults: Annotated[str, typer.Option(help="Kinds, with commas; default: all.")] = "",
    page: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Put the figures on this page too."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
    json: Json = False,
) -> None:
    """Break the real stack under load, and check that nothing is lost or double."""
    from cli.chaos.command import Wanted, faults_of, run_chaos

    try:
        kinds = faults_of(faults)
    except ValueError as fault:
        raise typer.BadParameter(f"--faults: {fault}") from fault
    wanted = Wanted(events, seed, minutes, strikes, kinds)
    raise typer.Exit(run_chaos(wanted, page=page, keep=keep, as_json=json))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A query; without one, a prompt.")] = "",
    data: DataDir = Path("ncash-data"),
) -> None:
    """SQL to the warehouse, reading only."""
    from cli.sql import sql_prompt

    raise typer.Exit(sql_prompt(query, data))


@app.command()
def migrate() -> None:
    """Make topics and warehouse tables, or bring them up to date; safe to repeat."""
    from cli.migrating import migrate_all
    from runtime.settings import Settings

    migrate_all(Settings())


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    from cli.serving.edge import openapi_document

    sys.stdout.write(openapi_document() + "\n")


@catalogue.command("publish")
def catalogue_publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Put a catalogue into force; the same one again changes nothing."""
    from cli.publishing import publish_file
    from runtime.settings import Settings

    number = publish_file(Settings(), file)
    typer.echo(f"catalogue version {number} is in force", err=True)


@catalogue.command("check")
def catalogue_check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Validate a catalogue; errors name the path and the mend."""
    from rating.catalogue import compile_catalogue
    from runtime.settings import Settings
    from runtime.succession import check_horizons
    from schemas.catalogue import document_from_json, without_tariff

    document = document_from_json(file.read_bytes())
    compile_catalogue(document)
    check_horizons(document, Settings().allowance_past_ms)
    for path in without_tariff(document):
        typer.echo(f"{path}: has no tariff; its use will be logged and not charged", err=True)
    typer.echo("the catalogue is good", err=True)


@tariff.command("check")
def tariff_check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    currency: Currency = "KRW",
) -> None:
    """Validate a tariff, or a whole catalogue: every fault with its path and mend."""
    from cli.tariffs.checking import check_file

    raise typer.Exit(check_file(file, currency=currency))


@tariff.command("replay")
def tariff_replay(
    *,
    tenant: Annotated[str, typer.Option(help="Whose use.")],
    from_: Annotated[
        str, typer.Option("--from", help="Start of event time, inclusive: 2026-11-01T00:00:00Z.")
    ],
    to: Annotated[str, typer.Option(help="End of event time, exclusive.")],
    tariff: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="In the place of the tariff of its id."),
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Takes the place of the whole catalogue."),
    ] = None,
    in_force: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="Version 1, then 2, …; default: read from Kafka."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=1_000, help="Scopes and groups shown.")] = 20,
    data: DataDir = Path("ncash-data"),
    json: Json = False,
) -> None:
    """Price a stored period by another tariff: what would change, by whom and what, and why."""
    from cli.stacking import settings_of
    from cli.tariffs.replay_command import Wanted, replay_tariff
    from warehouse.period import Period

    from_ms, to_ms = _span(from_, to)
    period = Period(tenant=tenant, from_ms=from_ms, to_ms=to_ms)
    if tariff is not None and catalogue is not None:
        raise typer.BadParameter("--tariff or --catalogue, not both")
    wanted = Wanted(period, tariff, catalogue, tuple(in_force or ()), top)
    raise typer.Exit(replay_tariff(settings_of(data), wanted, as_json=json))


@tariff.command("correct")
def tariff_correct(
    *,
    tenant: Annotated[str, typer.Option(help="Whose use.")],
    tariff: Annotated[str, typer.Option(help="That was wrong, and is right in force.")],
    from_: Annotated[
        str, typer.Option("--from", help="Since when it was: 2026-11-01T00:00:00Z, event time.")
    ],
    to: Annotated[str, typer.Option(help="Until when, exclusive.")],
    name: Annotated[str, typer.Option(help="Of the correction; the same again goes on with it.")],
    reason: Annotated[str, typer.Option(help="Stands on each member's entry.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only rehearsed.")] = False,
    data: DataDir = Path("ncash-data"),
    json: Json = False,
) -> None:
    """Price anew what a wrong price charged: the differences are posted as corrections."""
    from cli.stacking import settings_of
    from cli.tariffs.correct_command import NAME_CHARS_MAX, Asked, correct_tariff
    from schemas.commands import REASON_CHARS_MAX

    from_ms, to_ms = _span(from_, to)
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise typer.BadParameter(f"--name: 1 to {NAME_CHARS_MAX} printable characters")
    if not 0 < len(reason) <= REASON_CHARS_MAX or not reason.isprintable():
        raise typer.BadParameter(f"--reason: 1 to {REASON_CHARS_MAX} printable characters")
    asked = Asked(tenant, tariff, from_ms, to_ms, name, reason, yes)
    raise typer.Exit(correct_tariff(settings_of(data), asked, as_json=json))


def _span(from_: str, to: str) -> tuple[int, int]:
    """The options ``--from`` and ``--to`` in milliseconds.

    Raises:
        typer.BadParameter: One is no time, or the end is not behind the beginning.
    """
    from schemas.moment import ms_from_text

    try:
        from_ms, to_ms = ms_from_text(from_), ms_from_text(to)
    except (ValueError, OverflowError) as fault:
        raise typer.BadParameter(f"--from, --to: {fault}") from fault
    if to_ms <= from_ms:
        raise typer.BadParameter("--to is not behind --from")
    return from_ms, to_ms


if __name__ == "__main__":
    main()
