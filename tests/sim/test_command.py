"""``ncash sim``: what it prints, how it ends, and how small it makes a failing run."""

import json
from collections import Counter

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.sim.command import command_of, contents_of, faults_of
from cli.sim.faults import Fault
from cli.sim.shrink import shrunk
from cli.sim.simulation import Wanted, play
from cli.sim.verdict import Verdict, judged
from tests.sim import planted_order
from tests.sim.seeds import STEPS


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, ["sim", *words])


def test_command_when_all_is_well_then_prints_one_object_last() -> None:
    """Seed, steps, faults and violations, as the contract says, and status 0."""
    done = _run("--seed", "3", "--steps", "40", "--json", "--coverage")
    assert done.exit_code == 0
    answer = json.loads(done.stdout.splitlines()[-1])
    assert set(answer) == {"seed", "steps", "faults", "violations"}
    assert (answer["seed"], answer["steps"], answer["violations"]) == (3, 40, 0)
    assert answer["faults"] > 0


@pytest.mark.slow
def test_command_when_a_check_fails_then_says_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Status 1, the violations, the same run to repeat, and a smaller one with its trace."""
    planted_order.cursor_apart(monkeypatch)
    done = _run("--seed", "1", "--steps", str(STEPS), "--seeds", "9", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[-1])["violations"] > 0
    again = [line for line in done.stderr.splitlines() if line.startswith("again: ncash sim")]
    assert len(again) == 2
    assert "--faults" in done.stderr
    assert "what led to it" in done.stderr


@pytest.mark.parametrize(
    "words", [("--seed", "-1"), ("--steps", "0"), ("--faults", "bad-luck"), ("--nothing",)]
)
def test_command_when_used_wrongly_then_status_is_2(words: tuple[str, ...]) -> None:
    """A person who mistypes is told so, and nothing is played."""
    assert _run(*words).exit_code == 2


@pytest.mark.slow
def test_failing_run_when_shrunk_then_still_fails_and_is_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fewer steps, and only those kinds of faults without which it would pass."""
    planted_order.cursor_apart(monkeypatch)
    failing = next(
        verdict for seed in range(20) if (verdict := judged(Wanted(seed, STEPS))).violations
    )
    small = shrunk(failing)
    assert small.violations
    assert small.wanted.steps < failing.wanted.steps
    assert small.wanted.faults is not None
    assert len(small.wanted.faults) < len(failing.rolled)
    again = judged(small.wanted)
    assert (again.digest, again.violations) == (small.digest, small.violations)


def test_shrinking_when_everything_fails_then_ends_at_the_smallest() -> None:
    """It is bounded, and stops where nothing can be left out."""

    def always(wanted: Wanted) -> Verdict:
        kinds = failing.rolled if wanted.faults is None else wanted.faults
        return Verdict(wanted, ["as asked"], Counter(), kinds, (), "")

    failing = judged(Wanted(1, 30))
    small = shrunk(failing._replace(violations=["as asked"]), judge=always)
    assert small.wanted == Wanted(1, 1, 1, ())


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        (Wanted(7, 120), "ncash sim --seed 7 --steps 120"),
        (Wanted(7, 9, faults=()), "ncash sim --seed 7 --steps 9 --faults none"),
        (
            Wanted(7, 9, 2, (Fault.NIGHT, Fault.PART)),
            "ncash sim --seed 7 --steps 9 --members 2 --faults night,part",
        ),
        (
            Wanted(7, 9, contents=("night", "seat")),
            "ncash sim --seed 7 --steps 9 --contents night,seat",
        ),
    ],
)
def test_command_when_printed_then_repeats_the_run(wanted: Wanted, command: str) -> None:
    """What is left out is the default; kinds of faults are read as they are written."""
    assert command_of(wanted) == command
    options = dict(zip(command.split()[2::2], command.split()[3::2], strict=True))
    assert faults_of(options.get("--faults", "")) == wanted.faults
    assert contents_of(options.get("--contents", "")) == wanted.contents


def test_contents_when_nobody_sells_one_then_says_what_there_is() -> None:
    """Wrong use is told before anything is played."""
    done = _run("--contents", "night,opera")
    assert done.exit_code == 2
    assert "no content 'opera'" in done.output


def test_contents_when_some_are_named_then_no_other_is_used() -> None:
    """A tenant that sells none of them goes on as ever."""
    used = {
        (name.tenant, wording["data"]["content"])
        for seed in range(2, 6)
        for name, wordings in play(
            Wanted(seed, 60, faults=(), contents=("stream",))
        ).journal.sent.items()
        for wording in wordings
        if wording["type"] == "session.start"
    }
    assert {content for tenant, content in used if tenant == "tv"} - {"nothing"} == {"stream"}
    assert {content for tenant, content in used if tenant == "fm"} - {"stream"}
