"""``ncash demo`` from beginning to end.

Invariant: the stack is stopped, and its folder removed unless it is to be kept, whatever happens.
"""

import shutil
import tempfile
import time
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path

import httpx
from rich.console import Console

from cli.demo.api_client import ApiClient
from cli.demo.live_act import ActFailed, LiveAct
from cli.demo.probe import DebitProbe
from cli.demo.recordings import Played, Sent, load, play
from cli.demo.results import Figures, figures_of, show_figures, show_statement, show_usage
from cli.reconcile import Report
from cli.reconciling import reconciled
from cli.replay import format_named
from cli.sample import MODEL_RECORDING, WEB_RECORDING
from cli.screen import put_json, screen, won
from cli.stacking import RunningStack, running_stack
from warehouse.opening import open_warehouse

WORKERS = 2
TENANT_OF = {"combined": "web", "llm-csv": "llm", "cloudevents": "web"}


def run_demo(*, recording: Path | None, form: str, keep: bool, as_json: bool) -> int:
    """Shows everything.

    Args:
        recording: Only this one, without the live act; None is the whole demo.
        form: Its format.
        keep: Whether the data folder stays.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when a copy differs, something was rejected or the live act stopped. Then,
        and where anything else goes wrong, the folder with the logs stays.

    Raises:
        NcashError: A part did not come up or the stack did not take the events.
        typer.BadParameter: There is no such format; nothing was started.
    """
    console = screen()
    format_named(form)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="ncash-demo-"))
    console.print(
        "[bold]N-Cash demo[/]: a real Kafka, Redis and ClickHouse engine start in a fresh folder, "
        "a member watches a channel until her money ends, two recordings run through the whole "
        "pipeline, a worker is killed, and all copies of the books are compared."
    )
    status = 1
    try:
        with running_stack(folder, WORKERS, console) as running:
            status = _show(running, recording, form, console, as_json=as_json)
        console.print(f"\n  all of it in {time.monotonic() - began:.0f} s")
        _say_next(console)
    except KeyboardInterrupt:
        status = 0
        raise
    finally:
        if keep:
            console.print(f"  kept: {folder} (ncash up --data {folder} goes on there)")
        elif status:
            console.print(f"  [red]kept, for what went wrong[/]: {folder}; logs in {folder}/logs")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


def _show(
    running: RunningStack, recording: Path | None, form: str, console: Console, *, as_json: bool
) -> int:
    with (
        closing(open_warehouse(running.settings.clickhouse)) as warehouse,
        ApiClient(running.url, running.keys["demo-admin"]) as api,
    ):
        is_shown = recording is not None or _live_act(running, api, console)
        played = _recordings(running, recording, form)
        tenants = sorted({each.tenant for each in played})
        probe = DebitProbe(
            url=running.url,
            key=running.keys["demo-admin"],
            store=running.settings.redis,
            shards=running.settings.shards,
        )
        console.print("\n[bold]The recordings[/], each in its own clock")
        probe.start()
        sent = play(running, warehouse, played, console, lambda rate: _rate(rate, probe))
        probe.stop()
        figures = figures_of(warehouse, tenants)
        if recording is None and is_shown:
            show_statement(console, api)
        show_usage(console, warehouse, tenants)
        show_figures(console, figures)
        report = reconciled(running.settings)
        _say_verdict(console, report)
        if as_json:
            put_json(_answer(sent, figures, report, probe))
        return 0 if report.is_clean and is_shown and not sent.rejected else 1


def _live_act(running: RunningStack, api: ApiClient, console: Console) -> bool:
    """Whether it came to its end."""
    console.print("\n[bold]The live act[/], on the real clock")
    arguments = ["--url", running.url, "--kafka", running.settings.kafka]
    try:
        LiveAct(api, console, arguments, running.keys["demo-server"]).run()
    except (ActFailed, httpx.HTTPError) as failed:
        console.print(f"  [red]the act stopped: {failed}[/]; logs are in {running.stack.data_dir}")
        return False
    return True


def _recordings(running: RunningStack, recording: Path | None, form: str) -> list[Played]:
    if recording is not None:
        return [load(running, TENANT_OF.get(form, "web"), recording, form)]
    with as_file(files("cli.sample")) as sample:
        return [
            load(running, "web", sample / WEB_RECORDING, "combined"),
            load(running, "llm", sample / MODEL_RECORDING, "llm-csv"),
        ]


def _rate(rate: int, probe: DebitProbe) -> str:
    p99 = probe.percentile_ms(99)
    return f"{rate:,} events/s" + (f", send to debit p99 {p99} ms" if p99 >= 0 else "")


def _say_verdict(console: Console, report: Report) -> None:
    if report.is_clean:
        console.print(
            f"  [bold green]Redis = ledger = ClickHouse, drift 0[/] over {report.wallets:,} wallets"
        )
        return
    console.print(f"  [bold red]the copies differ by {won(report.drift_micros)}[/]")
    for finding in report.findings:
        console.print(f"    {finding}", markup=False)


def _answer(sent: Sent, figures: Figures, report: Report, probe: DebitProbe) -> dict[str, object]:
    return {
        "events_in": sent.events,
        "events_rejected": sent.rejected,
        "events_duplicate": figures.duplicates,
        "sessions": sum(figures.sessions.values()),
        "sessions_abnormal": figures.abnormal,
        "charged_micros": figures.charged_micros,
        "entries": figures.entries,
        "entries_double": report.double_entries,
        "drift_micros": report.drift_micros,
        "elapsed_s": round(sent.elapsed_ms / 1000, 3),
        "events_per_s": sent.events * 1000 // max(1, sent.elapsed_ms),
        "debit_p50_ms": probe.percentile_ms(50),
        "debit_p99_ms": probe.percentile_ms(99),
    }


def _say_next(console: Console) -> None:
    console.print(
        "\nNext:\n"
        "  .venv/bin/ncash up                  the whole stack, with a key and curl lines to copy\n"
        "  curl …/v1/events, …/v1/wallets/…    as ncash up prints them\n"
        "  .venv/bin/ncash sql 'SHOW TABLES'   ask the warehouse"
    )
