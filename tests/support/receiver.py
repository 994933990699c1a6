"""A content server that takes webhooks: real HTTP, the documented verification, and bad manners.

Invariant: what counts as received was verified by the code that ``docs/control.md`` shows.
"""

import re
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from tests.unit.house.tree import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HANG = "hang"
DROP = "drop"


def documented_verify() -> Callable[..., None]:
    """The function of the page for content servers."""
    page = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/control.md", "exec"), names)
    verify: Callable[..., None] = names["verify"]
    return verify


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed in the middle is no news."""


class Receiver:
    """What it was sent, and how it answers.

    Args:
        port: Of the loopback; 0 is a free one.
        certificate: Serves HTTPS with it; a file that holds the key as well.
    """

    def __init__(self, port: int = 0, certificate: Path | None = None) -> None:
        self.manners: int | str = 204
        self.taken: list[str] = []
        self.attempts: list[str] = []
        self.hosts: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.released = threading.Event()
        self.changed = threading.Condition()
        self._verify = documented_verify()
        self._server = _Quiet(("127.0.0.1", port), self._handler())
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks?for=ncash"

    def close(self) -> None:
        """Goes away: the port is closed, hanging requests are dropped."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def await_taken(self, count: int, wait_s: float) -> None:
        """Waits until so many different signals were taken."""
        with self.changed:
            done = self.changed.wait_for(lambda: len(set(self.taken)) >= count, wait_s)
        assert done, f"{len(set(self.taken))} of {count} after {wait_s} s; {self.faults[:3]}"

    def await_attempts(self, count: int, wait_s: float) -> None:
        """Waits until so many requests came, taken or not."""
        with self.changed:
            done = self.changed.wait_for(lambda: len(self.attempts) >= count, wait_s)
        assert done, f"{len(self.attempts)} of {count} attempts after {wait_s} s"

    def request(self, headers: dict[str, str], body: bytes) -> int | str:
        """One request; the status to answer with."""
        manners = self.manners
        try:
            self._verify(SECRET, headers, body)
        except (KeyError, ValueError) as fault:
            self.faults.append(repr(fault))
            manners = 401
        with self.changed:
            self.attempts.append(headers["webhook-id"])
            self.hosts.append(headers["host"])
            if isinstance(manners, int) and 200 <= manners < 300:
                self.taken.append(headers["webhook-id"])
                self.bodies.append(msgspec.json.decode(body))
            self.changed.notify_all()
        return manners

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Takes one."""
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    # Its sender lost patience, or was killed, in the middle.
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                manners = receiver.request(headers, body)
                if manners == HANG:
                    receiver.released.wait()
                if isinstance(manners, str):
                    self.close_connection = True
                    return
                self.send_response(manners)
                if manners in {301, 302, 307, 308}:
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/other")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
                """Says nothing."""

        return Handler


@contextmanager
def receiving(port: int = 0, certificate: Path | None = None) -> Generator[Receiver]:
    """A receiver while the block runs."""
    receiver = Receiver(port, certificate)
    try:
        yield receiver
    finally:
        receiver.close()
