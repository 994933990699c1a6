"""The embedded stack with the whole product on it: keys made, catalogue in force."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from cli.keyfile import DIGESTS, ensure_card_secrets, ensure_keys
from cli.publishing import publish_body, publish_first
from cli.sample import CATALOGUE, sample_bytes
from runtime.embedded.kafka import Detour
from runtime.embedded.parts import PartEvent, PartSpec
from runtime.embedded.services import ServicePlan, ncash_services
from runtime.embedded.stack import EmbeddedStack, as_it_is
from runtime.settings import PREFIX, Settings

STACK_FILE = "stack.env"
WEBHOOKS_FILE = "webhooks.json"


class RunningStack(NamedTuple):
    """A stack that serves.

    Args:
        stack: Its parts.
        settings: How to reach it.
        url: Of the edge.
        keys: API keys by id.
    """

    stack: EmbeddedStack
    settings: Settings
    url: str
    keys: Mapping[str, str]


@contextmanager
def running_stack(
    data: Path,
    workers: int,
    console: Console,
    *,
    body: bytes | None = None,
    more_keys: Sequence[Mapping[str, Any]] = (),
    changes: Mapping[str, object] | None = None,
    services: ServicePlan = ncash_services,
    detours: Sequence[Detour] = (),
    adjust: Callable[[PartSpec], PartSpec] = as_it_is,
) -> Generator[RunningStack]:
    """A whole stack while the block runs, stopped cleanly at its end.

    Args:
        data: Its folder; a known one goes on where it was.
        workers: Stream workers.
        console: For what happens meanwhile.
        body: Catalogue to put into force; None is the settings' file, or the sample.
        more_keys: Records of keys beside the usual ones, for a new folder.
        changes: Settings that differ from the environment's.
        services: What runs on the stores.
        detours: Further listeners of the broker.
        adjust: Gives each part as it is to be run.

    Raises:
        NcashError: A part did not come up; its log and the mend are named.
    """
    folder = data.resolve()
    keys = ensure_keys(folder, more_keys)
    wanted = Settings()
    own: dict[str, object] = {**(changes or {}), "data_dir": folder}
    if wanted.keys_file is None:
        own["keys_file"] = folder / DIGESTS
    if wanted.cards_file is None:
        own["cards_file"] = ensure_card_secrets(folder)
    if wanted.webhooks_file is None and (folder / WEBHOOKS_FILE).exists():
        own["webhooks_file"] = folder / WEBHOOKS_FILE
    named = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    stack = EmbeddedStack(
        folder,
        workers=workers,
        services=services,
        on_event=lambda event: _show(console, event),
        settings=Settings.model_validate({**named, **own}),
        detours=detours,
        adjust=adjust,
    )
    began = time.monotonic()
    with stack:
        settings = stack.settings
        if body is None and settings.catalogue_file is not None:
            body = settings.catalogue_file.read_bytes()
        if body is None:
            # What an operator published since the first start stays in force.
            number = publish_first(settings, sample_bytes(CATALOGUE))
        else:
            number = publish_body(settings, body)
        console.print(
            f"  all up in {time.monotonic() - began:.1f} s; catalogue version {number} is in force"
        )
        environment = "".join(f"{k}={v}\n" for k, v in settings.environment().items())
        (folder / STACK_FILE).write_text(environment, encoding="utf-8")
        url = f"http://{settings.api_host}:{settings.api_port}"
        yield RunningStack(stack, settings, url, keys)


def settings_of(data: Path) -> Settings:
    """How to reach the stack of a folder; what the environment says comes first."""
    told = Settings()
    file = data.resolve() / STACK_FILE
    if not file.exists():
        return told
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines]
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in pairs}
    named = {name: getattr(told, name) for name in told.model_fields_set}
    return Settings.model_validate({**fields, **named})


def _show(console: Console, event: PartEvent) -> None:
    match event.kind:
        case "up":
            again = f" (restart {event.restarts})" if event.restarts else ""
            took = f"{event.elapsed_ms / 1000:5.1f} s{again}"
            console.print(f"  [green]up[/]    {event.part:<16} {took}")
        case "died":
            console.print(f"  [red]died[/]  {event.part:<16} {event.detail}")
        case "gave_up":
            console.print(f"  [red]gave up on {event.part}[/]: {event.detail}", markup=True)
        case "starting" | "stopped":
            pass
