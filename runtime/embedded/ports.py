"""Which loopback port each part listens on, remembered in the data folder.

Invariant: ports are taken below the range that the kernel gives to outgoing connections: a client
that tries again while its server is away could otherwise be given the server's own port.
It does not own the moment between finding a port and listening on it; a part that loses that race
fails its start and is started again.
"""

import json
import secrets
import socket
from pathlib import Path

import msgspec

from schemas.errors import UNREADABLE

LOOPBACK = "127.0.0.1"
PORT_MIN = 20_000
PORT_MAX = 32_000
TRIES_MAX = 500


class NoFreePort(OSError):
    """No port could be found; something holds thousands of them."""


def is_free(port: int) -> bool:
    """Say whether a loopback port can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """Find a loopback port that nothing listens on.

    Args:
        taken: Ports that are not to be given out again.

    Raises:
        NoFreePort: After ``TRIES_MAX`` tries.
    """
    for _ in range(TRIES_MAX):
        port = PORT_MIN + secrets.randbelow(PORT_MAX - PORT_MIN)
        if port not in taken and is_free(port):
            return port
    raise NoFreePort(f"no free port from {PORT_MIN} to {PORT_MAX} in {TRIES_MAX} tries")


class PortBook:
    """Ports by part, kept in a file so that a restart on the same folder has the same ones.

    Args:
        path: The JSON file; made at the first port.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports = _read(path)

    def port(self, part: str, *, preferred: int | None = None) -> int:
        """Give a part's port: the one it had, else the preferred, else any that is free.

        Args:
            part: Name of the part's listener.
            preferred: Wanted at the first time.

        Raises:
            NoFreePort: None could be found.
        """
        taken = frozenset(port for name, port in self._ports.items() if name != part)
        for wanted in (self._ports.get(part), preferred):
            if wanted is not None and wanted not in taken and is_free(wanted):
                return self._keep(part, wanted)
        return self._keep(part, free_port(taken))

    def _keep(self, part: str, port: int) -> int:
        if self._ports.get(part) != port:
            self._ports[part] = port
            self._path.write_text(json.dumps(self._ports, indent=2) + "\n", encoding="utf-8")
        return port


def _read(path: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, *UNREADABLE):
        # An unreadable book only costs the old numbers.
        return {}
