"""A fresh shard for each test."""

from collections.abc import Iterator

import pytest

from tests.support.bench_shard import Bench, tick, top_up
from tests.support.correcting import changed, second


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A shard with the test catalogue in force."""
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def dear() -> Iterator[Bench]:
    """A shard whose news cost ten times as much as they should; the member has 10,000 won."""
    bench = Bench(changed(second("300")))
    bench.feed(top_up(10_000), tick(0))
    yield bench
    bench.close()
