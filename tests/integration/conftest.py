"""One embedded stack for all integration tests: real Kafka and Redis, topics made, no services.

Owns: the ``stack`` fixture. Invariant: it listens on free ports of the loopback and its data is in
pytest's own folder, so runs on one machine do not meet.
Does not own: what a test leaves in it. A test takes ids of its own; one that kills a part starts
its own stack.
"""

from collections.abc import Generator

import pytest

from runtime.embedded.stack import EmbeddedStack
from runtime.settings import PREFIX, Settings


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedStack]:
    """A running Kafka and Redis; ``stack.settings`` says where they are."""
    with pytest.MonkeyPatch.context() as environment:
        # External servers that a developer works with are not for tests.
        for name in Settings.model_fields:
            environment.delenv(f"{PREFIX}{name.upper()}", raising=False)
        made = EmbeddedStack(tmp_path_factory.mktemp("stack"))
        made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def settings(stack: EmbeddedStack) -> Settings:
    """The settings with which a client reaches the stack."""
    return stack.settings
