"""The services of ours as parts of the embedded stack: ``ncash serve NAME``, each its own process.

Invariant: a service learns everything from its ``NCASH_`` variables, as it does anywhere else.
It does not own what a service does, nor import any.
"""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runtime.embedded.clickhouse import Warehouse, http_answers
from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK
from runtime.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
WAREHOUSE_ORDER, WORKER_ORDER, EDGE_ORDER = 10, 20, 30
READY_PATH = "/readyz"


class PortOf(Protocol):
    """Gives a part its port."""

    def __call__(self, part: str, *, preferred: int | None = None) -> int:
        """Give the port that the part had, else the preferred, else a free one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What is known once the stores are chosen.

    Args:
        settings: For readers: the stores' addresses as everybody but the warehouse sees them.
        warehouse: Which the warehouse process owns.
        port: Gives each service its HTTP port.
        workers: How many workers are wanted.
    """

    settings: Settings
    warehouse: Warehouse
    port: PortOf
    workers: int


ServicePlan = Callable[[Resolved], Sequence[PartSpec]]


def no_services(_resolved: Resolved) -> Sequence[PartSpec]:
    """Plan the stores alone."""
    return ()


def ncash_services(resolved: Resolved) -> Sequence[PartSpec]:
    """Plan the whole product: warehouse, workers, then the edges.

    Args:
        resolved: Where everything is.

    Returns:
        ``warehouse``, ``worker-1`` …, ``collect-kafka``, ``edge``; with a file of endpoints
        ``webhooks`` as well.
    """
    settings = resolved.settings
    owned = {
        "NCASH_CLICKHOUSE": resolved.warehouse.writer,
        "NCASH_SQL_PORT": str(resolved.warehouse.sql_port),
    }
    workers = [
        _service(resolved, f"worker-{number}", "worker", order=WORKER_ORDER)
        for number in range(1, resolved.workers + 1)
    ]
    webhooks = [_service(resolved, "webhooks", "webhooks", order=WORKER_ORDER)]
    return [
        _service(resolved, "warehouse", "warehouse", order=WAREHOUSE_ORDER, env=owned),
        *workers,
        *(webhooks if settings.webhooks_file is not None else []),
        _service(resolved, "collect-kafka", "collect-kafka", order=EDGE_ORDER),
        _service(resolved, "edge", "edge", order=EDGE_ORDER, port=settings.api_port),
    ]


def _service(
    resolved: Resolved,
    name: str,
    service: str,
    *,
    order: int,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
) -> PartSpec:
    """Plan one process of ours; it is up when its own ``/readyz`` says so."""
    port = resolved.port(name) if port is None else port
    own = {
        "NCASH_API_HOST": LOOPBACK,
        "NCASH_API_PORT": str(port),
        "NCASH_COLLECTOR_INSTANCE": name,
    }
    # Parts run in the data folder; the rooms are found from anywhere.
    rooms = {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    return PartSpec(
        name=name,
        argv=(sys.executable, "-m", "cli.main", "serve", service),
        env={**rooms, **resolved.settings.environment(), **own, **(env or {})},
        ready=functools.partial(http_answers, f"http://{LOOPBACK}:{port}{READY_PATH}"),
        order=order,
        ready_ms_max=60_000,
    )
