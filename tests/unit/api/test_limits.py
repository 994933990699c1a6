"""Limits that could never work are refused when they are set."""

import pytest

from api.limits import ApiLimits


@pytest.mark.parametrize(
    "fields",
    [
        {"poll_first_ms": 0},
        {"poll_first_ms": 200, "poll_max_ms": 100},
        {"command_timeout_ms": 0},
    ],
)
def test_limits_when_a_wait_would_spin_or_never_begin_then_refused(fields: dict[str, int]) -> None:
    """A wait needs a pause and a length."""
    with pytest.raises(ValueError, match="is not"):
        ApiLimits(**fields)


def test_limits_when_default_then_sound() -> None:
    """The defaults pass their own check."""
    limits = ApiLimits()
    assert limits.poll_first_ms <= limits.poll_max_ms < limits.command_timeout_ms
