"""Mutants of rating: the golden rows notice a mistake of one micro-unit, one moment or one unit."""

from collections.abc import Iterator

import pytest

from rating import periods
from tests.unit.golden.mutants import MUTANTS, Mutant, plant
from tests.unit.golden.running import faults_of, together
from tests.unit.golden.test_golden import ROWS


@pytest.fixture(autouse=True)
def _no_periods_kept() -> Iterator[None]:
    """What a mutant worked out is not left in a cache."""
    yield
    periods._touched.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.says)
def test_golden_rows_when_a_mutant_is_planted_then_catch_it(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake makes at least one row come out wrong."""
    plant(mutant, monkeypatch)
    assert any(faults_of(row, together) for row in ROWS), f"nobody noticed: {mutant.says}"


def test_golden_mutants_when_counted_then_are_ten_or_more() -> None:
    """No mistake is planted twice."""
    assert len({(mutant.function, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 10
