"""Kafka's jars: the lock is complete, and nothing but the locked bytes is ever used."""

import hashlib
from pathlib import Path

import pytest

from runtime.embedded.jars import ROOTS, JarCache, LockedJar, cache_folder, locked_jars
from runtime.faults import StackFault

BODY = b"a jar"
JAR = LockedJar(hashlib.sha256(BODY).hexdigest(), len(BODY), "org.example:thing:1.0")


def _no_report(_done: int, _total: int) -> None:
    """Take no note of progress."""


def test_lock_when_read_then_pins_every_root_and_one_version_of_each() -> None:
    """Both roots are in, each artifact once, each with a SHA-256 and a size."""
    jars = locked_jars()
    names = [jar.coordinate for jar in jars]
    assert set(ROOTS) <= set(names)
    assert len({name.rpartition(":")[0] for name in names}) == len(names)
    assert all(len(jar.sha256) == 64 and jar.size_bytes > 0 for jar in jars)


def test_lock_when_of_kafka_then_its_own_jars_have_one_version() -> None:
    """The broker and its client library are of one release, or it would not start."""
    version = ROOTS[0].rpartition(":")[2]
    kafka = [
        jar.coordinate for jar in locked_jars() if jar.coordinate.startswith("org.apache.kafka")
    ]
    assert len(kafka) > 10
    assert {name.rpartition(":")[2] for name in kafka} == {version}


@pytest.mark.parametrize(("body", "is_missing"), [(BODY, False), (b"b jar", True), (b"", True)])
def test_jar_when_in_the_cache_then_counts_only_with_its_hash(
    body: bytes, *, is_missing: bool, tmp_path: Path
) -> None:
    """A changed or cut file is as good as none."""
    cache = JarCache(tmp_path, [JAR])
    cache.path(JAR).parent.mkdir(parents=True)
    cache.path(JAR).write_bytes(body)
    assert cache.missing() == ([JAR] if is_missing else [])


def test_fetch_when_all_is_there_then_asks_nobody(tmp_path: Path) -> None:
    """A full cache needs no network: the coordinate exists nowhere."""
    cache = JarCache(tmp_path, [JAR])
    cache.path(JAR).parent.mkdir(parents=True)
    cache.path(JAR).write_bytes(BODY)
    cache.fetch(_no_report)
    assert cache.classpath() == str(cache.path(JAR))


def test_cache_when_the_user_names_a_place_then_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME is honoured."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/ncash/maven")


def test_lock_when_a_line_is_wrong_then_says_so(tmp_path: Path) -> None:
    """A broken lock stops the start."""
    lock = tmp_path / "some.lock"
    lock.write_text("abc\n", encoding="utf-8")
    with pytest.raises(StackFault, match=r"some\.lock"):
        locked_jars(lock)
