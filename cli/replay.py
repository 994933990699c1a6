"""``ncash replay``: a recording as usage events into a running stack."""

import asyncio
from pathlib import Path
from typing import cast, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.screen import put_json, screen
from ingest.recordings import Recording, RecordingFormat, read_recording
from ingest.sender import Progress as Sent
from ingest.sender import replay

FAULTS_SHOWN = 10


def replay_file(
    file: Path, *, form: str, key: str, speed: str, url: str, name: str, as_json: bool
) -> int:
    """Sends a recording.

    Args:
        file: Plain or gzip.
        form: Its format.
        key: API key.
        speed: ``max``, or times as fast as recorded.
        url: Of the edge.
        name: Of the recording; empty is the file's stem.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when something was rejected.
    """
    recording = read_recording(file, format_named(form), name=name or None)
    sent = asyncio.run(_send(recording, url=url, key=key, speed=speed_named(speed)))
    console = screen()
    for bad in recording.rejected[:FAULTS_SHOWN]:
        console.print(f"line {bad.number}: {bad.fault}", style="yellow", markup=False)
    console.print(f"{sent.sent} sent, {sent.accepted} accepted, {sent.rejected} rejected")
    if as_json:
        put_json(sent._asdict())
    return 1 if sent.rejected else 0


def format_named(form: str) -> RecordingFormat:
    """A recording format by its name.

    Raises:
        typer.BadParameter: There is none.
    """
    if form not in get_args(RecordingFormat):
        raise typer.BadParameter(f"--format {form}: use {', '.join(get_args(RecordingFormat))}")
    return cast("RecordingFormat", form)


def speed_named(speed: str) -> int | None:
    """A speed by its name; None is as fast as it goes.

    Raises:
        typer.BadParameter: Neither ``max`` nor a whole number above 0.
    """
    if speed == "max":
        return None
    if not speed.isdecimal() or not int(speed):
        raise typer.BadParameter(f"--speed {speed}: use max, or a whole number such as 60")
    return int(speed)


def recording_bar(console: Console) -> Progress:
    """The bar that all recordings share."""
    return Progress(
        TextColumn("  {task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )


async def _send(recording: Recording, *, url: str, key: str, speed: int | None) -> Sent:
    last = Sent(0, 0, len(recording.rejected))
    with recording_bar(screen()) as bar:
        task = bar.add_task(recording.name, total=len(recording.events), rate="")
        async for sent in replay(recording, url=url, key=key, speed=speed):
            last = sent
            bar.update(task, completed=sent.sent, rate=f"{bar.tasks[0].speed or 0:,.0f}/s")
    return last
