"""Standard seeds: whatever fails between any two effects, the books are right afterwards."""

import pytest

from cli.sim.command import command_of
from cli.sim.faults import Fault, Point, coverage_table, reachable_cells
from cli.sim.simulation import Wanted, play
from tests.sim.seeds import QUICK_SEEDS, SLOW_SEEDS, STEPS, coverage_of, verdict_of

PART = 48
# What a workload draws at random is in one of a few, whatever else is added to it.
CALM_SEEDS = range(4, 8)


def _check(seeds: range) -> None:
    for seed in seeds:
        verdict = verdict_of(seed)
        assert not verdict.violations, (command_of(verdict.wanted), verdict.violations[:5])


def test_books_when_anything_fails_then_are_right_afterwards() -> None:
    """The first standard seeds leave nothing that the auditor objects to."""
    _check(QUICK_SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(SLOW_SEEDS.start, SLOW_SEEDS.stop, PART))
def test_books_when_anything_fails_on_many_seeds_then_are_right_afterwards(first: int) -> None:
    """Nor do the others."""
    _check(range(first, min(first + PART, SLOW_SEEDS.stop)))


# Alone it plays all the seeds, which a busy machine takes its time for.
@pytest.mark.timeout(600)
@pytest.mark.slow
def test_faults_when_counted_over_all_seeds_then_no_reachable_cell_is_empty() -> None:
    """Every kind of fault has struck at every place where it can."""
    struck = coverage_of(range(QUICK_SEEDS.start, SLOW_SEEDS.stop))
    empty = [cell for cell in reachable_cells() if not struck[cell]]
    assert empty == [], f"\n{coverage_table(struck)}"


def test_coverage_table_when_drawn_then_has_a_cell_for_each_pair() -> None:
    """Counts stand where a fault can strike, a dash where it cannot."""
    lines = coverage_table({(Fault.NIGHT, Point.APPLY): 7}).splitlines()
    assert len(lines) == 2 + len(Fault)
    night = next(line for line in lines if line.startswith("night"))
    assert night.split().count("7") == 1
    assert "-" not in night.split()
    overtake = next(line for line in lines if line.startswith("overtake"))
    assert overtake.split().count("-") == len(Point) - 4


def test_workload_when_nothing_fails_then_everything_is_used_and_accepted() -> None:
    """Without faults all is told to be safe at once, so what is audited is not an idle system."""
    published, kinds, filled = 0, set[str](), set[str]()
    for seed in CALM_SEEDS:
        remains = play(Wanted(seed, STEPS, faults=()))
        journal = remains.journal
        assert not remains.findings
        assert set(journal.accepted) == set(journal.sent)
        kinds |= {wording["type"] for wordings in journal.sent.values() for wording in wordings}
        published += journal.published - 1
        filled |= {name for name, rows in remains.vault.rows.items() if rows}
    assert len(kinds) >= 7
    assert published > 0
    assert filled >= {"usage_events", "cdrs", "ledger_entries", "late_usage", "shadow_charges"}
