"""Links on real sockets: open, cut, hung and mended; and which process is told which port."""

import socket
import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from cli.chaos.network import Network
from cli.chaos.wiring import RESTARTS_MAX, wiring_of
from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK, free_port

WAIT_S = 30


@pytest.fixture
def echo() -> Generator[int]:
    """The port of a server that sends back what comes."""
    server = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=_answer, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def _answer(client: socket.socket) -> None:
    with closing(client):
        try:
            while got := client.recv(1_000):
                client.sendall(got)
        except OSError:
            return


def _asked(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(1_000)


def test_link_when_hung_then_what_waited_comes_after_mending(echo: int) -> None:
    """Nothing is lost by a partition that ends in time."""
    port = free_port(frozenset({echo}))
    with (
        Network({"a": (port, echo)}) as network,
        socket.create_connection((LOOPBACK, port), WAIT_S) as client,
    ):
        assert _asked(client, b"1") == b"1"
        network.change("a", "hung")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            _asked(client, b"2")
        client.settimeout(WAIT_S)
        network.mend()
        assert client.recv(1_000) == b"2"


def test_link_when_cut_then_ends_connections_until_mended(echo: int) -> None:
    """Those that are there, and those that are tried."""
    port = free_port(frozenset({echo}))
    with Network({"a": (port, echo)}) as network:
        with socket.create_connection((LOOPBACK, port), WAIT_S) as client:
            assert _asked(client, b"1") == b"1"
            network.change("a", "cut")
            assert _ended(client)
        with socket.create_connection((LOOPBACK, port), WAIT_S) as client:
            assert _ended(client)
        network.change("a", "slow")
        with socket.create_connection((LOOPBACK, port), WAIT_S) as client:
            assert _asked(client, b"3") == b"3"


def _ended(client: socket.socket) -> bool:
    try:
        return client.recv(1_000) == b""
    except ConnectionResetError:
        return True


def test_wiring_when_a_part_is_adjusted_then_goes_to_each_store_by_its_own_link() -> None:
    """But a folder that a process opens by itself stays, and so do parts that are not ours."""
    wiring = wiring_of(["worker-1", "warehouse"], {"redis": 1_001, "clickhouse": 1_002})
    env = {
        "NCASH_KAFKA": "127.0.0.1:1000",
        "NCASH_REDIS": "redis://127.0.0.1:1001/0",
        "NCASH_CLICKHOUSE": "clickhouse://default@127.0.0.1:1002/default",
    }
    spec = PartSpec(name="worker-1", argv=("x",), ready=lambda: True, env=env)
    told = {name: port for name, (port, _) in wiring.links.items()}
    adjusted = wiring.adjust(spec)
    assert adjusted.env == {
        "NCASH_KAFKA": f"127.0.0.1:{told['worker-1:kafka']}",
        "NCASH_REDIS": f"redis://127.0.0.1:{told['worker-1:redis']}/0",
        "NCASH_CLICKHOUSE": (
            f"clickhouse://default@127.0.0.1:{told['worker-1:clickhouse']}/default"
        ),
    }
    assert adjusted.restarts_max == RESTARTS_MAX
    owner = PartSpec(
        name="warehouse",
        argv=("x",),
        ready=lambda: True,
        env={**env, "NCASH_CLICKHOUSE": "chdb:///folder"},
    )
    assert wiring.adjust(owner).env["NCASH_CLICKHOUSE"] == "chdb:///folder"
    assert [each.name for each in wiring.detours] == ["WORKER_1", "WAREHOUSE"]
    assert [(each.told, each.port) for each in wiring.detours] == [
        wiring.links["worker-1:kafka"],
        wiring.links["warehouse:kafka"],
    ]
    ports = [port for link in wiring.links.values() for port in link if port > 1_002]
    assert len(ports) == len(set(ports))
