"""A stack of our own, since these tests kill what works on it and wipe its Redis."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.embedded.stack import EmbeddedStack
from runtime.settings import PREFIX, Settings
from tests.integration.streams.running import WorkerProcess


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """How to reach a fresh Kafka and Redis; its topics are made."""
    with pytest.MonkeyPatch.context() as environment:
        for name in Settings.model_fields:
            environment.delenv(f"{PREFIX}{name.upper()}", raising=False)
        environment.setenv(f"{PREFIX}SHARDS", "4")
        with EmbeddedStack(tmp_path_factory.mktemp("owners")) as stack:
            yield stack.settings


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Callable[[str], WorkerProcess]]:
    """A function that starts a worker of a name; all are ended after the test."""
    started: list[WorkerProcess] = []

    def start(name: str = "w1") -> WorkerProcess:
        own = settings.model_copy(update={"collector_instance": name})
        process = WorkerProcess(own, tmp_path / f"{name}.log")
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()
