"""The engines under one contract: chDB, its SQL endpoint, and Debian's ClickHouse server.

Owns: starting and stopping them; ``engine``, with empty tables for every test.
Invariant: free ports of the loopback, data in pytest's own folders; chDB's one folder per process
is given back when a file's tests are done.
"""

import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from tests.services import debian_program
from warehouse.endpoint import create_endpoint
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse
from warehouse.port import Reader, Warehouse, WarehouseUnavailable

START_S = 30
_TABLES = (
    "usage_events", "cdrs", "ledger_entries", "charges", "dead_letters", "ingest_dead_letters",
    "sink_ranges", "late_usage", "shadow_charges",
)  # fmt: skip
_CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
  <tcp_port>{native}</tcp_port><http_port>{http}</http_port><listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
  <users_config>/etc/clickhouse-server/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>
"""


@dataclass(frozen=True)
class Engine:
    """One engine under test.

    Args:
        name: For messages.
        warehouse: That takes rows.
        reader: That is asked; the same, or another process's view of it.
        takes_tokens: Whether a repeated insert is dropped by its token.
    """

    name: str
    warehouse: Warehouse
    reader: Reader
    takes_tokens: bool


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Warehouse]:
    """Open chDB in this process."""
    with closing(open_warehouse(f"chdb://{tmp_path_factory.mktemp('chdb')}")) as warehouse:
        migrate(warehouse, now_ms=lambda: 1)
        yield warehouse


@pytest.fixture(scope="module")
def remote(embedded: Warehouse) -> Generator[Warehouse]:
    """Ask chDB through its SQL endpoint."""
    port = _free_port()
    config = uvicorn.Config(
        create_endpoint(embedded), host="127.0.0.1", port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    with closing(open_warehouse(f"http://127.0.0.1:{port}")) as client:
        _wait_for(client)
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Warehouse]:
    """Start Debian's ClickHouse."""
    program = debian_program("clickhouse-server")
    assert program is not None
    folder = tmp_path_factory.mktemp("clickhouse")
    native = _free_port()
    config = folder / "config.xml"
    text = _CONFIG.format(folder=folder, native=native, http=_free_port())
    config.write_text(text, encoding="utf-8")
    with (
        _running([str(program), f"--config-file={config}"], folder),
        closing(open_warehouse(f"clickhouse://default@127.0.0.1:{native}/default")) as warehouse,
    ):
        _wait_for(warehouse)
        migrate(warehouse, now_ms=lambda: 1)
        yield warehouse


@pytest.fixture(
    params=[
        "embedded",
        "remote",
        pytest.param("server", marks=pytest.mark.debian("clickhouse-server")),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine after the other, each with empty tables."""
    name: str = request.param
    reader: Warehouse = request.getfixturevalue(name)
    warehouse: Warehouse = request.getfixturevalue("embedded") if name == "remote" else reader
    for table in _TABLES:
        warehouse.execute(f"TRUNCATE TABLE {table}")
    return Engine(name, warehouse, reader, takes_tokens=name != "server")


@contextmanager
def _running(command: list[str], folder: Path) -> Generator[None]:
    with Path(folder, "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(reader: Reader) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            reader.query("SELECT 1")
        except WarehouseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
