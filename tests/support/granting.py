"""Asking for grants, and what came of it: for tests of the step."""

from copy import deepcopy
from typing import Any

from schemas.commands import AskGrant, Body, Command, EndGrant
from schemas.grants import Grant, Units
from schemas.moment import SECOND_MS
from tests.support.bench_shard import CATALOGUE, WON, Bench

VALID_S = 600


def order(body: Body, key: str) -> Command:
    """A command of ann's, from a content server."""
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "server", body)


def ask(
    key: str = "a1",
    *,
    seconds: int = 0,
    content: str = "news",
    session: str = "s1",
    at_s: float = 0,
    initial: bool = True,
    wanted: tuple[Units, ...] = (),
) -> Command:
    """A server asks for seconds, or for other things."""
    if seconds:
        wanted = (Units("time", "s", seconds),)
    at_ms = round(at_s * SECOND_MS)
    return order(AskGrant("vod", session, content, at_ms, wanted, is_initial=initial), key)


def end(key: str = "e1", *, session: str = "s1") -> Command:
    """A server is done."""
    return order(EndGrant("vod", session), key)


def granted(bench: Bench, key: str = "a1") -> Grant:
    """What was granted."""
    result = bench.result(key)
    assert result is not None
    assert result.grant is not None, result
    return result.grant


def refused(bench: Bench, key: str = "a1") -> str:
    """Why nothing was."""
    result = bench.result(key)
    assert result is not None
    assert result.outcome == "refused"
    return result.reason


def seconds_of(grant: Grant) -> int:
    """Time in a grant."""
    return sum(each.units for each in grant.units if each.kind == "time")


def set_aside(bench: Bench) -> dict[str, int]:
    """Won behind the grant of each session."""
    wallet = bench.wallet()
    assert wallet is not None
    return {
        hold.session.rsplit("\x1f", 1)[1]: hold.left_micros // WON
        for hold in wallet.holds
        if hold.session
    }


def with_tariff(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- fields of a tariff
    """The test catalogue with another tariff for the news."""
    words = deepcopy(CATALOGUE)
    words["tenants"][0]["tariffs"][0] |= fields
    return words
