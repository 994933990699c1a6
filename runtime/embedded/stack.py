"""The embedded stack: Kafka, Redis, the warehouse's place, topics, then the services, one folder.

Invariant: what an ``NCASH_`` variable names is used and not started; everything else is started,
supervised and stopped here. It does not own the services, which are given as a plan.
"""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import psutil

from runtime.embedded import clickhouse, kafka, redis_server
from runtime.embedded.clickhouse import Warehouse
from runtime.embedded.fetching import fetched_kafka
from runtime.embedded.folder import DataFolder
from runtime.embedded.java import find_java
from runtime.embedded.parts import PartEvent, PartSpec
from runtime.embedded.ports import LOOPBACK, PortBook
from runtime.embedded.services import Resolved, ServicePlan, no_services
from runtime.embedded.supervisor import OnEvent, Supervisor
from runtime.faults import StackFault
from runtime.settings import Settings
from runtime.topics import ensure_topics

WORKERS = 2


def ignore_event(_event: PartEvent) -> None:
    """Do nothing with an event."""


def as_it_is(part: PartSpec) -> PartSpec:
    """Give the part unchanged."""
    return part


class EmbeddedStack:
    """A whole stack on one data folder; also a context manager.

    Args:
        data_dir: Made if it is missing; two stacks cannot share one.
        workers: How many workers the plan should have.
        services: What to start on top of the stores.
        on_event: Called for each event of a part, from other threads; must be quick and not raise.
        settings: What to start from; None reads the environment. Fields that were set there
            (kafka, redis, clickhouse) name external servers.
        detours: Further listeners of the broker.
        adjust: Gives each part as it is to be run, before it is started.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        workers: int = WORKERS,
        services: ServicePlan = no_services,
        on_event: OnEvent = ignore_event,
        settings: Settings | None = None,
        detours: Sequence[kafka.Detour] = (),
        adjust: Callable[[PartSpec], PartSpec] = as_it_is,
    ) -> None:
        self._folder = DataFolder(data_dir)
        self._workers = workers
        self._services = services
        self._wanted = settings or Settings()
        self._supervisor = Supervisor(self._folder, on_event)
        self._settings: Settings | None = None
        self._detours = detours
        self._adjust = adjust

    @property
    def settings(self) -> Settings:
        """The settings with which a client reaches this stack.

        Raises:
            StackFault: It was not started.
        """
        if self._settings is None:
            raise StackFault("the stack was not started")
        return self._settings

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return self._folder.root

    def start(self) -> None:
        """Start everything and wait until it can serve; blocks.

        Raises:
            StackFault: The folder is in use, something is missing, or a part does not come up;
                then everything is stopped again.
            InvalidDocument: The folder's Kafka has another shard count.
            TransportFault: An external Kafka cannot be reached.
        """
        self._folder.lock()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything cleanly, the services first. Idempotent; blocks, bounded."""
        self._supervisor.stop()
        self._folder.unlock()

    def pid(self, name: str) -> int | None:
        """Give a part's process id, or None while it is down.

        Raises:
            KeyError: There is no such part.
        """
        return self._supervisor.pid(name)

    def is_up(self, name: str) -> bool:
        """Say whether a part has come up and not died since.

        Raises:
            KeyError: There is no such part.
        """
        return self._supervisor.is_up(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a part a signal; the supervisor then does what it does about any death.

        Returns:
            The process id that was sent it.

        Raises:
            KeyError: There is no such part.
            StackFault: It is down.
        """
        pid = self._supervisor.pid(name)
        if pid is None:
            raise StackFault(f"{name} is down")
        psutil.Process(pid).send_signal(number)
        return pid

    def halt(self, name: str) -> None:
        """End one part cleanly and leave it ended, until ``resume``; blocks, bounded.

        Raises:
            KeyError: There is no such part.
        """
        self._supervisor.halt(name)

    def resume(self, name: str) -> None:
        """Start a halted part again and wait until it is up; blocks.

        Raises:
            KeyError: There is no such part.
            StackFault: It did not come up.
        """
        self._supervisor.resume(name)

    def parts(self) -> list[str]:
        """Name the parts, in the order in which they were started."""
        return self._supervisor.names()

    def failures(self) -> list[StackFault]:
        """Give the faults of parts that died too often and are not restarted any more."""
        return self._supervisor.failures()

    def log_file(self, name: str) -> Path:
        """Give the place of a part's log."""
        return self._folder.log_file(name)

    def resident_bytes(self) -> dict[str, int]:
        """Measure the resident memory of each part that runs."""
        pids = {name: self.pid(name) for name in self.parts()}
        return {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items() if pid}

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _start(self) -> None:
        ports = PortBook(self._folder.ports_file)
        external = self._wanted.model_fields_set
        changes: dict[str, object] = {"data_dir": self._folder.root}
        parts: list[PartSpec] = []
        if "kafka" not in external:
            broker = self._broker(ports)
            parts.append(broker.part())
            changes["kafka"] = broker.bootstrap
        if "redis" not in external:
            port = ports.port("redis")
            program = redis_server.find_redis()
            parts.append(redis_server.redis_part(self._place("redis"), program=program, port=port))
            changes["redis"] = f"redis://{LOOPBACK}:{port}/0"
        warehouse = self._warehouse(ports)
        changes["clickhouse"] = warehouse.reader
        changes["sql_port"] = 0
        changes["api_port"] = ports.port("edge", preferred=self._wanted.api_port or None)
        # A copy with changes is not validated; the round trip does that, and marks every field as
        # set, so that a stack started from these settings would start no stores of its own.
        self._settings = Settings.model_validate(self._wanted.model_dump() | changes)
        self._launch([*parts, *warehouse.parts])
        ensure_topics(self._settings)
        resolved = Resolved(
            settings=self._settings, warehouse=warehouse, port=ports.port, workers=self._workers
        )
        self._launch(self._services(resolved))

    def _launch(self, parts: Sequence[PartSpec]) -> None:
        self._supervisor.start([self._adjust(part) for part in parts])

    def _broker(self, ports: PortBook) -> kafka.Broker:
        return kafka.Broker(
            self._place("kafka"),
            java=find_java(),
            classpath=fetched_kafka().classpath(),
            port=ports.port("kafka"),
            controller_port=ports.port("kafka-controller"),
            detours=self._detours,
        )

    def _warehouse(self, ports: PortBook) -> Warehouse:
        if "clickhouse" in self._wanted.model_fields_set:
            return Warehouse(self._wanted.clickhouse, self._wanted.clickhouse, 0, ())
        program = clickhouse.find_server()
        if program is None:
            return clickhouse.chdb_warehouse(self._place("chdb"), sql_port=ports.port("sql"))
        return clickhouse.server_warehouse(
            self._place("clickhouse"),
            program=program,
            port=ports.port("clickhouse"),
            http_port=ports.port("clickhouse-http"),
        )

    def _place(self, name: str) -> Path:
        return self._folder.root / name
