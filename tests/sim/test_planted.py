"""Known mistakes, planted one at a time: the simulator finds each within a few seeds."""

from collections.abc import Callable

import pytest

from cli.sim.simulation import Wanted
from cli.sim.verdict import judged
from tests.sim import (
    planted_consent,
    planted_correcting,
    planted_holds,
    planted_legs,
    planted_limits,
    planted_lots,
    planted_order,
    planted_passes,
    planted_prices,
    planted_rules,
    planted_shadow,
)
from tests.sim.seeds import STEPS

SEEDS_MAX = 100
MISTAKES = (
    *planted_order.MISTAKES,
    *planted_rules.MISTAKES,
    *planted_limits.MISTAKES,
    *planted_consent.MISTAKES,
    *planted_prices.MISTAKES,
    *planted_shadow.MISTAKES,
    *planted_passes.MISTAKES,
    *planted_correcting.MISTAKES,
    *planted_lots.MISTAKES,
    *planted_holds.MISTAKES,
    *planted_legs.MISTAKES,
)
# Found within the first seeds, so a quick run has them too.
QUICK = {"loads_unguarded", "cursor_apart", "gap_ignored", "input_by_arrival"}
# What shows only where a few contents meet is looked for among these.
AMONG = {
    "newest_ends": ("stream",),
    "late_input_ignored": ("daily",),
    "signature_not_verified": ("guild",),
    "limits_of_tokens_not_kept": ("guild", "vault"),
    "minimum_of_the_end": ("shift", "turns"),
    "segments_of_the_wrong_price": ("shift", "turns", "feast"),
    "shadow_counts_into_the_real_period": ("shift", "turns"),
    "shadow_takes_the_real_pass": ("film", "daily"),
    "counts_guessed": ("shift", "turns", "feast"),
    "corrected_but_not_for_good": ("shift", "turns", "feast"),
}
Plant = Callable[[pytest.MonkeyPatch], None]


def _found_after(plant: Plant, patch: pytest.MonkeyPatch) -> int | None:
    """How many seeds it took, or None."""
    plant(patch)
    contents = AMONG.get(plant.__name__, ())
    for seed in range(SEEDS_MAX):
        if judged(Wanted(seed, STEPS, contents=contents)).violations:
            return seed + 1
    return None


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(
            each, id=each.__name__, marks=() if each.__name__ in QUICK else pytest.mark.slow
        )
        for each in MISTAKES
    ],
)
def test_simulator_when_a_mistake_is_planted_then_finds_it(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, seeds_needed: dict[str, int]
) -> None:
    """What is known to go wrong elsewhere would be noticed here."""
    needed = _found_after(plant, monkeypatch)
    assert needed is not None, f"{plant.__doc__} was not found in {SEEDS_MAX} seeds"
    seeds_needed[plant.__name__] = needed


def test_mistakes_when_counted_then_are_many_and_each_has_a_name() -> None:
    """A mistake is planted once, and says what it is."""
    assert len({each.__name__ for each in MISTAKES}) == len(MISTAKES) >= 30
    assert all(each.__doc__ for each in MISTAKES)
    assert {each.__name__ for each in MISTAKES} >= QUICK | AMONG.keys()
