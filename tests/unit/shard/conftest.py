"""A fresh shard for each test."""

from collections.abc import Iterator

import pytest

from tests.support.bench_shard import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A shard with the test catalogue in force."""
    made = Bench()
    yield made
    made.close()
