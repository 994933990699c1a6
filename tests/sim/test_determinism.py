"""The same seed gives the same run, in this process and in any other."""

import os
import subprocess
import sys

from cli.sim.faults import Fault
from cli.sim.simulation import Wanted, play
from cli.sim.workload import Workload
from cli.sim.world import START_MS, chance_of
from tests.unit.house.tree import ROOT

STEPS = 60
PROGRAM = """
from cli.sim.simulation import Wanted, play
remains = play(Wanted(7, 60))
rows = remains.vault.rows
print(remains.digest, sum(map(len, rows.values())))
"""


def _digest_under(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout


def test_run_when_played_again_then_every_line_of_its_trace_is_the_same() -> None:
    """Nothing that an earlier run left in the process changes a later one."""
    first, second = play(Wanted(11, STEPS)), play(Wanted(11, STEPS))
    assert first.lines == second.lines
    assert first.digest == second.digest
    assert first.vault.rows == second.vault.rows


def test_run_when_only_what_came_up_may_strike_then_is_the_same() -> None:
    """A kind that is switched off takes no other's chances away."""
    first = play(Wanted(11, STEPS))
    assert first.rolled
    assert play(Wanted(11, STEPS, faults=first.rolled)).lines == first.lines


def test_run_when_hashes_differ_then_is_the_same() -> None:
    """No order of a set or of a hash reaches a decision."""
    assert _digest_under("1") == _digest_under("4242")


def test_run_when_the_seed_differs_then_is_another() -> None:
    """The digest tells runs apart."""
    assert play(Wanted(1, STEPS)).digest != play(Wanted(2, STEPS)).digest


def test_workload_when_faults_differ_then_is_the_same() -> None:
    """What members do is a matter of the seed, so fewer faults are the same story."""
    with_all = play(Wanted(5, STEPS, faults=tuple(Fault)))
    with_none = play(Wanted(5, STEPS, faults=()))
    assert set(with_all.journal.sent) == set(with_none.journal.sent)
    assert with_all.digest != with_none.digest


def test_steps_when_made_twice_then_are_equal() -> None:
    """A workload is a pure function of its chance and the time."""
    one, other = (Workload(chance_of(3, "workload"), 5) for _ in range(2))
    for second in range(200):
        now_ms = START_MS + 250 * second
        assert one.step(now_ms) == other.step(now_ms)
