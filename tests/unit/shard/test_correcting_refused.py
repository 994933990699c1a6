"""Orders to price a session anew that are refused: more than a price would change."""

from typing import Any

import pytest

from tests.support.bench_shard import CATALOGUE, Bench, event, frame
from tests.support.correcting import Change, cash, changed, correct, reason_of, second, tariff


def provider(catalogue: dict[str, Any]) -> None:
    """The content is somebody else's now."""
    catalogue["tenants"][0]["contents"][0]["provider"] = "mbc"


def zone(catalogue: dict[str, Any]) -> None:
    """And by other clocks."""
    catalogue["tenants"][0]["contents"][0]["time_zone"] = "Asia/Seoul"


def gone(catalogue: dict[str, Any]) -> None:
    """Or not on sale at all."""
    del catalogue["tenants"][0]["contents"][0]


def elsewhere(catalogue: dict[str, Any]) -> None:
    """Or by another tariff."""
    catalogue["tenants"][0]["contents"][0]["tariff"] = "bytes"


def silence(catalogue: dict[str, Any]) -> None:
    """Silence lasts longer."""
    tariff(catalogue, "second")["silence"]["timeout_s"] = 11


def limit(catalogue: dict[str, Any]) -> None:
    """One session at a time."""
    tariff(catalogue, "second")["limits"] = {"sessions": 1}


def errors(catalogue: dict[str, Any]) -> None:
    """Errors are free."""
    tariff(catalogue, "second")["charge_errors"] = False


def cap(catalogue: dict[str, Any]) -> None:
    """A day costs at most so much."""
    tariff(catalogue, "second")["caps"] = [{"per": "day", "amount": "50"}]


def shadow(catalogue: dict[str, Any]) -> None:
    """It is tried what another tariff would bring."""
    catalogue["tenants"][0]["contents"][0]["shadow"] = "bytes"


def daily(catalogue: dict[str, Any]) -> None:
    """A pass for each day of use."""
    tariff(catalogue, "second")["components"].append(
        {"kind": "flat", "price": "100", "period": "day"}
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (provider, "more-than-prices"), (zone, "more-than-prices"), (gone, "content-unknown"),
        (elsewhere, "other-tariff"), (silence, "more-than-prices"), (limit, "more-than-prices"),
        (errors, "more-than-prices"), (cap, "more-than-prices"), (shadow, "more-than-prices"),
        (daily, "more-than-prices"),
    ],
)  # fmt: skip
def test_order_when_more_than_prices_would_change_then_is_refused(
    dear: Bench, change: Change, reason: str
) -> None:
    """Nothing moves, and the session goes on as it was."""
    dear.feed(frame(event("session.start", 1), event("session.heartbeat", 11)))
    dear.publish(changed(change))
    dear.feed(correct())
    assert (reason_of(dear), cash(dear)) == (reason, 7_000)
    dear.feed(frame(event("session.stop", 12)))
    assert cash(dear) == 6_700


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"catalogue": 9}, "content-unknown"), ({"tariff": "bytes"}, "other-tariff"),
        ({"session": "s9"}, "session-not-kept"), ({"source": "fm"}, "session-not-kept"),
        ({"incarnation": 2}, "session-not-kept"),
    ],
)  # fmt: skip
def test_order_when_it_names_what_is_not_there_then_is_refused(
    dear: Bench, said: dict[str, Any], reason: str
) -> None:
    """It says what of it nobody knows."""
    dear.feed(frame(event("session.start", 1), event("session.heartbeat", 11)))
    dear.publish(CATALOGUE)
    dear.feed(correct(**said))
    assert (reason_of(dear), cash(dear)) == (reason, 7_000)


def test_order_when_the_session_was_begun_later_then_is_refused(dear: Bench) -> None:
    """What the price is by now is nobody's past."""
    dear.publish(CATALOGUE)
    dear.publish(changed(second("20")))
    dear.feed(frame(event("session.start", 1), event("session.stop", 11)))
    dear.feed(correct())
    assert (reason_of(dear), cash(dear)) == ("priced-later", 9_800)
