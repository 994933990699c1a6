"""Ports: free, below the ephemeral range, and the same again on the same folder."""

import socket
from pathlib import Path

from runtime.embedded.ports import LOOPBACK, PORT_MAX, PORT_MIN, PortBook, free_port, is_free


def _listening() -> socket.socket:
    held = socket.socket()
    held.bind((LOOPBACK, free_port()))
    held.listen()
    return held


def test_port_when_asked_twice_then_is_the_same(tmp_path: Path) -> None:
    """A second book on the same file gives the same ports, and two parts never share one."""
    first = PortBook(tmp_path / "ports.json")
    given = {part: first.port(part) for part in ("kafka", "redis", "edge")}
    again = PortBook(tmp_path / "ports.json")
    assert {part: again.port(part) for part in given} == given
    assert len(set(given.values())) == 3
    assert all(PORT_MIN <= port < PORT_MAX for port in given.values())


def test_port_when_taken_by_another_then_changes_and_is_remembered(tmp_path: Path) -> None:
    """A port that somebody else holds now is replaced, for good."""
    with _listening() as held:
        taken = held.getsockname()[1]
        assert not is_free(taken)
        book = PortBook(tmp_path / "ports.json")
        changed = book.port("edge", preferred=taken)
        assert changed != taken
    assert PortBook(tmp_path / "ports.json").port("edge", preferred=taken) == changed


def test_port_when_preferred_and_free_then_is_given(tmp_path: Path) -> None:
    """The first wish is granted when nothing is in the way."""
    wanted = free_port()
    assert PortBook(tmp_path / "ports.json").port("edge", preferred=wanted) == wanted


def test_port_when_the_book_is_broken_then_begins_anew(tmp_path: Path) -> None:
    """An unreadable file costs the old numbers and nothing else."""
    (tmp_path / "ports.json").write_text("{half", encoding="utf-8")
    assert is_free(PortBook(tmp_path / "ports.json").port("redis"))
