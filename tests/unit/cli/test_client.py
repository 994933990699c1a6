"""The benchmark's client against a real socket: what it sends, repeats, counts and gives up on."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from cli.bench import client
from cli.bench.client import Bodies, Target, send_stage, write_bodies


class Served(NamedTuple):
    """An edge that answers as it is told.

    Args:
        target: Where it is.
        answers: Statuses still to be given, the last one for ever.
        seen: Bodies in the order in which they came.
    """

    target: Target
    answers: list[int]
    seen: list[bytes]


@pytest.fixture
def served() -> Iterator[Served]:
    """A server on a free loopback port."""
    answers: list[int] = [202]
    seen: list[bytes] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                seen.append(body)
                status = answers.pop(0) if len(answers) > 1 else answers[0]
            content = b'{"accepted":2,"rejected":[{"index":0}]}' if status == 202 else b"no"
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(Target("127.0.0.1", int(server.server_address[1]), "k"), answers, seen)
    server.shutdown()
    thread.join()
    server.server_close()


def test_bodies_when_written_then_are_read_in_order_once() -> None:
    """Any bytes, empty ones too; the file's end ends the reading."""
    file = io.BytesIO()
    wanted = [b"one", b"", b"\x00" * 70_000]
    assert write_bodies(file, iter(wanted)) == file.tell() == 3 * 4 + 70_003
    file.seek(0)
    bodies = Bodies(file)
    assert list(bodies.next(2, 0)) == wanted[:2]
    assert list(bodies.next(9, 0)) == wanted[2:]
    assert list(bodies.next(9, 0)) == []


def test_stage_when_all_is_taken_then_every_body_was_sent_once(served: Served) -> None:
    """Accepted and refused are summed over connections, and time goes on."""
    bodies = [b"[%d]" % number for number in range(20)]
    stage = send_stage(iter(bodies), served.target, 4)
    assert (stage.events, stage.rejected, stage.busy, stage.fault) == (40, 20, 0, "")
    assert sorted(served.seen) == sorted(bodies)
    assert stage.ended_ns > stage.began_ns


def test_stage_when_it_has_a_schedule_then_nothing_goes_out_before_it_is_due(
    served: Served,
) -> None:
    """The last of five bodies is due four intervals after the beginning."""
    interval_ns = 20_000_000
    bodies = [b"[%d]" % number for number in range(5)]
    stage = send_stage(iter(bodies), served.target, 2, interval_ns=interval_ns)
    assert stage.ended_ns - stage.began_ns >= 4 * interval_ns
    assert sorted(served.seen) == bodies


def test_stage_when_answers_are_slower_than_its_schedule_then_says_how_late_it_was(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection that waits 100 ms for its first answer is late with what was due meanwhile."""
    monkeypatch.setattr(client, "BUSY_S", 0.1)
    served.answers[:] = [503, 202]
    stage = send_stage(iter([b"[1]", b"[2]"]), served.target, 1, interval_ns=1_000_000)
    assert stage.late_ns_max >= 99_000_000
    assert (stage.events, stage.busy) == (4, 1)


def test_stage_when_the_edge_is_busy_then_sends_the_same_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """429 and 503 are counted as busy; nothing is lost."""
    monkeypatch.setattr(client, "BUSY_S", 0)
    served.answers[:] = [503, 429, 202]
    stage = send_stage(iter([b"[1]"]), served.target, 1)
    assert (stage.events, stage.busy, stage.fault) == (2, 2, "")
    assert served.seen == [b"[1]"] * 3


@pytest.mark.parametrize(("status", "said"), [(401, "401 from the edge"), (503, "stayed busy")])
def test_stage_when_it_cannot_go_on_then_ends_and_says_why(
    served: Served, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    """A refusal ends it at once; a busy edge after a bounded number of tries."""
    monkeypatch.setattr(client, "BUSY_S", 0)
    monkeypatch.setattr(client, "TRIES_MAX", 3)
    served.answers[:] = [status]
    stage = send_stage(iter([b"[1]", b"[2]"]), served.target, 1)
    assert said in stage.fault
    assert stage.events == 0


def test_stage_when_nobody_listens_then_says_so(served: Served) -> None:
    """A closed port is a fault, not a wait."""
    stage = send_stage(iter([b"[1]"]), served.target._replace(port=1), 2)
    assert "ConnectionRefusedError" in stage.fault
