"""Known mistakes in shadow tariffs, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import pytest

from rating.catalogue import ContentTerms
from shard import counters, shadowing
from shard.counters import Moved
from shard.posting import NOTHING, Change, Charged, changed


def _plain(_: ContentTerms, name: str) -> str:
    return name


def shadow_takes_the_real_pass(patch: pytest.MonkeyPatch) -> None:
    """A pass that a shadow counts as bought is kept where the real ones are."""
    patch.setattr(shadowing, "own_name", _plain)
    patch.setattr("shard.wants.own_name", _plain)


def shadow_counts_into_the_real_period(patch: pytest.MonkeyPatch) -> None:
    """What a shadow brings into a period is added to what is owed for it."""
    patch.setattr(counters, "own_name", _plain)


def shadow_told_whole_each_time(patch: pytest.MonkeyPatch) -> None:
    """A shadow charge says all that a session has come to, not what is new."""

    def whole(_: Charged, new: Charged, provider: str, beside: Moved) -> Change | None:
        return changed(NOTHING, new, provider, beside)

    patch.setattr(shadowing, "changed", whole)


MISTAKES = (
    shadow_takes_the_real_pass, shadow_counts_into_the_real_period, shadow_told_whole_each_time,
)  # fmt: skip
