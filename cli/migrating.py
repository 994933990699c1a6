"""Topics and warehouse tables, made or brought up to date."""

from contextlib import closing

import typer

from runtime.clock import SystemClock
from runtime.settings import Settings
from runtime.topics import ensure_topics
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse

# The SQL endpoint of a process that owns the engine and migrates it when it starts.
READ_ONLY = "http://"


def migrate_all(settings: Settings) -> None:
    """Makes what is missing; safe to repeat.

    Args:
        settings: Where Kafka and the warehouse are.

    Raises:
        NcashError: One of them cannot be reached, or holds something else.
    """
    for topic in ensure_topics(settings):
        typer.echo(f"made topic {topic}", err=True)
    if settings.clickhouse.startswith(READ_ONLY):
        typer.echo("the warehouse's own process keeps its tables up to date", err=True)
        return
    with closing(open_warehouse(settings.clickhouse)) as warehouse:
        for name in migrate(warehouse, now_ms=SystemClock().wall_ms):
            typer.echo(f"applied migration {name}", err=True)
