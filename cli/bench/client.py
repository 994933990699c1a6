"""The benchmark's content servers, as a process of its own so that its CPU is measured apart.

It sends bodies that stand ready in a file over plain sockets, one request at a time on each, and
says what came of it as JSON lines. Invariant: every body is answered 202 before it ends, or it
says why not; what a busy edge refuses is sent again, bounded.
"""

import argparse
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

LENGTH_BYTES = 4
TIMEOUT_S = 60
TRIES_MAX = 100
BUSY_S = 0.05
RECEIVE_BYTES = 65_536
_ACCEPTED = 202
_BUSY = (429, 503)


class Stage(msgspec.Struct):
    """What came of one stage, as the client says it.

    Args:
        events: Accepted by the edge.
        rejected: Refused by it.
        busy: Answers of 429 or 503, sent again.
        began_ns: Monotonic clock at the first send.
        ended_ns: At the last answer.
        cpu_ns: Processor time of the client.
        late_ns_max: On a schedule: how far a send was behind it at most.
        fault: Why it ended early, or empty.
    """

    events: int = 0
    rejected: int = 0
    busy: int = 0
    began_ns: int = 0
    ended_ns: int = 0
    cpu_ns: int = 0
    late_ns_max: int = 0
    fault: str = ""


class Target(NamedTuple):
    """Where bodies go.

    Args:
        host: Of the edge.
        port: Of the edge.
        key: API key.
    """

    host: str
    port: int
    key: str


class Answer(msgspec.Struct):
    """What the edge says to a request with events."""

    accepted: int
    rejected: list[msgspec.Raw]


def main() -> None:
    """One stage for each number of bodies on standard input, until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    words = parser.parse_args()
    url = urlsplit(str(words.url))
    target = Target(url.hostname or "127.0.0.1", url.port or 80, os.environ["BENCH_KEY"])
    with words.file.open("rb") as file:
        bodies = Bodies(file)
        for line in sys.stdin:
            count, seconds, interval_ns = map(int, line.split())
            of = bodies.next(count, seconds)
            stage = send_stage(of, target, words.in_flight, interval_ns=interval_ns)
            sys.stdout.buffer.write(msgspec.json.encode(stage) + b"\n")
            sys.stdout.buffer.flush()


class Bodies:
    """Length-prefixed bodies of a file, in order, for many threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def next(self, count: int, seconds: int) -> Iterator[bytes]:
        """The following bodies, at most ``count``, for at most ``seconds`` unless that is 0."""
        deadline = time.monotonic() + seconds
        for _ in range(count):
            if seconds and time.monotonic() > deadline:
                return
            size = self._file.read(LENGTH_BYTES)
            if not size:
                return
            yield self._file.read(int.from_bytes(size, "big"))


def write_bodies(file: BinaryIO, bodies: Iterator[bytes]) -> int:
    """Writes bodies as ``Bodies`` reads them; gives how many bytes."""
    written = 0
    for body in bodies:
        file.write(len(body).to_bytes(LENGTH_BYTES, "big"))
        written += LENGTH_BYTES + file.write(body)
    return written


def send_stage(
    bodies: Iterator[bytes], target: Target, in_flight: int, *, interval_ns: int = 0
) -> Stage:
    """Sends bodies over so many connections at once; blocks.

    Args:
        bodies: Read under a lock by all.
        target: The edge.
        in_flight: Connections, each with one request under way.
        interval_ns: Between the moments at which bodies are due; what is late goes at once, and the
            later ones keep their moments. 0 is as fast as they are taken.
    """
    stage, lock = Stage(began_ns=time.monotonic_ns()), threading.Lock()
    cpu_before = time.process_time_ns()
    numbers = itertools.count()

    def work() -> None:
        try:
            with Connection(target) as connection:
                while True:
                    with lock:
                        body = None if stage.fault else next(bodies, None)
                        due_ns = stage.began_ns + next(numbers) * interval_ns
                    if body is None:
                        return
                    late_ns = wait_until(due_ns) if interval_ns else 0
                    answer, busy = connection.post(body)
                    with lock:
                        stage.events += answer.accepted
                        stage.rejected += len(answer.rejected)
                        stage.busy += busy
                        stage.late_ns_max = max(stage.late_ns_max, late_ns)
        except (OSError, ValueError) as fault:
            with lock:
                stage.fault = f"{type(fault).__name__}: {fault}"

    threads = [threading.Thread(target=work) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.ended_ns = time.monotonic_ns()
    stage.cpu_ns = time.process_time_ns() - cpu_before
    return stage


def wait_until(due_ns: int) -> int:
    """Waits for a moment of the monotonic clock; gives by how much it is past already."""
    ahead_ns = due_ns - time.monotonic_ns()
    if ahead_ns > 0:
        time.sleep(ahead_ns / 1e9)
    return max(0, time.monotonic_ns() - due_ns)


class Connection:
    """One kept HTTP connection.

    Args:
        target: The edge.
    """

    def __init__(self, target: Target) -> None:
        self._head = (
            f"POST /v1/events HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
            f"Authorization: Bearer {target.key}\r\n"
            "Content-Type: application/cloudevents-batch+json\r\nContent-Length: "
        ).encode()
        self._socket = socket.create_connection((target.host, target.port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def post(self, body: bytes) -> tuple[Answer, int]:
        """Sends until it is taken; gives the answer and how often the edge was busy."""
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        for busy in range(TRIES_MAX):
            self._socket.sendall(request)
            status, content = self._receive()
            if status == _ACCEPTED:
                return msgspec.json.decode(content, type=Answer), busy
            if status not in _BUSY:
                raise ValueError(
                    f"{status} from the edge: {content[:300].decode(errors='replace')}"
                )
            time.sleep(BUSY_S)
        raise ValueError(f"the edge stayed busy for {TRIES_MAX} tries")

    def _receive(self) -> tuple[int, bytes]:
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0:
            self._more(got)
        head = bytes(got[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(got) < end + 4 + length:
            self._more(got)
        return int(head[9:12]), bytes(got[end + 4 :])

    def _more(self, got: bytearray) -> None:
        part = self._socket.recv(RECEIVE_BYTES)
        if not part:
            raise ConnectionResetError("the edge closed the connection")
        got += part


if __name__ == "__main__":
    main()
