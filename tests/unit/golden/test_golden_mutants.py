"""Mutants of rating: the golden rows notice a mistake of one micro-unit, one moment or one unit."""

from collections.abc import Iterator

import pytest

from rating import periods
from tests.unit.golden.mutants import MUTANTS, Mutant, plant
from tests.unit.golden.running import outcome_of, together
from tests.unit.golden.test_golden import ROWS


@pytest.fixture(autouse=True)
def _no_periods_kept() -> Iterator[None]:
    """What a mutant worked out is not left in a cache."""
    yield
    periods._touched.cache_clear()


def _catcher() -> str | None:
    """The first row that comes out otherwise than written."""
    for row in ROWS:
        outcome = outcome_of(row, together)
        told = (outcome.debit_micros, outcome.lines)
        provider = row.provider_micros
        if told != (row.total_micros, row.lines):
            return row.name
        if provider is not None and provider != outcome.provider_micros:
            return row.name
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.says)
def test_golden_rows_when_a_mutant_is_planted_then_catch_it(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake makes at least one row come out wrong."""
    plant(mutant, monkeypatch)
    assert _catcher() is not None, f"nobody noticed that {mutant.says}"


def test_golden_mutants_when_counted_then_are_ten_or_more() -> None:
    """No mistake is planted twice."""
    assert len({(mutant.function, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 10
