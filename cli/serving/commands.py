"""``ncash serve``: one process of the stack each, until it is asked to stop."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from runtime.settings import Settings

serve = typer.Typer(help="Run one process of the stack; settings come from NCASH_ variables.")


def _process(name: str) -> "Settings":
    """The settings of a process of ours, its logging set up."""
    from runtime.logging import configure_logging
    from runtime.settings import Settings

    settings = Settings()
    configure_logging(level=settings.log_level, form=settings.log_format, service=name)
    return settings


@serve.command("edge")
def serve_edge() -> None:
    """Events over HTTP, and the API."""
    from cli.serving.edge import run_edge

    run_edge(_process("edge"))


@serve.command("collect-kafka")
def serve_collect_kafka() -> None:
    """Events from the raw topic."""
    from cli.serving.kafka_collector import run_kafka_collector

    run_kafka_collector(_process("kafka-collector"))


@serve.command("worker")
def serve_worker() -> None:
    """A stream worker: owns shards."""
    from cli.serving.worker import run_worker_process

    run_worker_process(_process("worker"))


@serve.command("warehouse")
def serve_warehouse() -> None:
    """The sinks, and in the embedded stack the SQL endpoint."""
    from cli.serving.warehouse import run_warehouse

    run_warehouse(_process("warehouse"))


@serve.command("webhooks")
def serve_webhooks() -> None:
    """Signals to the endpoints in NCASH_WEBHOOKS_FILE."""
    from cli.serving.webhooks import run_webhooks

    run_webhooks(_process("webhooks"))
