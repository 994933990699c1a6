"""A redis-server of this suite's own, on a free port, with nothing on disk."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

START_S = 10
STOP_S = 5
LOOK_S = 0.02


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def redis_server(folder: Path) -> Generator[str]:
    """Runs a server until the block ends.

    Args:
        folder: Its working directory.

    Yields:
        Its URL.
    """
    program = shutil.which("redis-server") or str(Path(sys.prefix, "bin", "redis-server"))
    port = free_port()
    listen = ["--port", str(port), "--bind", "127.0.0.1"]
    command = [program, *listen, "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _wait_until_open(port, server)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(STOP_S)


def _wait_until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(LOOK_S)
    raise RuntimeError(f"redis-server did not start within {START_S} s")
