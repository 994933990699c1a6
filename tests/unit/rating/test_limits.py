"""What a tariff may say of limits, and what is made of it."""

from typing import Any

import pytest

from rating.compiling import compile_tariff
from rating.tariff import LimitTerms
from schemas.errors import InvalidDocument
from schemas.tariff import Limits, Silence, Tariff

PATH = "tenants[demo].tariffs[tv]"
NO_COUNT = "is not between 1 and 10000; leave it out for no limit"
NO_NUMBER = "of no number of sessions; write limits.sessions too, or leave it out"


def compiled(
    limits: dict[str, Any], *, timeout_s: int = 90, interval_s: int = 30
) -> tuple[LimitTerms | None, int, str]:
    """Limits, silence that ends a session in seconds, and its cause."""
    silence = Silence(timeout_s=timeout_s, interval_s=interval_s)
    tariff = Tariff("tv", [], silence=silence, limits=Limits(**limits))
    terms = compile_tariff(PATH, tariff)
    return terms.limits, terms.timeout_ms // 1_000, terms.silence_cause


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ({"sessions": 0}, f"sessions: 0 {NO_COUNT}"),
        ({"sessions": -1}, f"sessions: -1 {NO_COUNT}"),
        ({"sessions": 10_001}, f"sessions: 10001 {NO_COUNT}"),
        ({"when_full": "refuse"}, f"when_full: 'refuse' {NO_NUMBER}"),
        ({"when_full": "allow", "input_s": 5}, f"when_full: 'allow' {NO_NUMBER}"),
        ({"input_s": 0}, "input_s: 0 is not 1 to 1000000000 seconds"),
        ({"input_s": -5}, "input_s: -5 is not 1 to 1000000000 seconds"),
        ({"sessions": 1, "input_s": 10**10}, "input_s: 10000000000 is not 1 to 1000000000 seconds"),
    ],
)
def test_limits_when_contradicting_then_the_message_names_path_and_mend(
    limits: dict[str, Any], fault: str
) -> None:
    """A limit of nothing, or a rule without its number, is refused where it stands."""
    with pytest.raises(InvalidDocument) as refused:
        compiled(limits)
    assert str(refused.value) == f"{PATH}.limits.{fault}"


def test_limits_when_there_are_none_then_a_tariff_has_none() -> None:
    """So that nothing is looked at for its events."""
    assert compiled({}) == (None, 90, "network")


@pytest.mark.parametrize(
    ("limits", "when_full"),
    [({}, "refuse"), ({"when_full": "refuse"}, "refuse"), ({"when_full": "allow"}, "allow"),
     ({"when_full": "end_oldest"}, "end_oldest")],
)  # fmt: skip
def test_limits_when_full_is_left_out_then_one_more_is_refused(
    limits: dict[str, str], when_full: str
) -> None:
    """What is not said is the safest."""
    terms, _, _ = compiled({"sessions": 3, **limits})
    assert terms is not None
    assert (terms.sessions, terms.when_full, terms.input_ms) == (3, when_full, None)


@pytest.mark.parametrize(
    ("input_s", "timeout_s", "interval_s", "silence_s", "cause"),
    [(1800, 90, 30, 90, "network"), (90, 90, 30, 90, "network"), (89, 90, 30, 89, "idle"),
     (60, 600, 10, 60, "idle"), (20, 600, 30, 60, "idle"), (20, 50, 30, 50, "network"),
     (1, 90, 1, 2, "idle")],
)  # fmt: skip
def test_silence_when_the_input_limit_is_shorter_then_is_lack_of_input(
    input_s: int, timeout_s: int, interval_s: int, silence_s: int, cause: str
) -> None:
    """Never sooner than two heartbeats, which would tell of input, are overdue."""
    terms, found_s, found = compiled(
        {"input_s": input_s}, timeout_s=timeout_s, interval_s=interval_s
    )
    assert terms is not None
    assert (found_s, found) == (silence_s, cause)
    assert terms.is_silence == (silence_s < timeout_s)
