"""Money that is set aside stays there: no other use takes it while any other money may pay."""

from typing import Any

import pytest

from schemas.buckets import Only
from schemas.commands import CaptureHold, Command, PlaceHold
from schemas.frames import UsageFrame
from schemas.moment import HOUR_MS
from tests.support.bench_shard import WON, Bench, event, frame, give_credit, tick, top_up
from wallet.available import available
from wallet.lots import Use

MINUTES_10_MS = 600_000
ONLY_WEB = Only(contents=("web",))


def place(won: int, key: str = "h1", *, content: str = "") -> Command:
    """A hold of ann's for an hour."""
    body = PlaceHold(won * WON, "KRW", HOUR_MS, content)
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "gateway", body)


def capture(won: int, *, final: bool = True) -> Command:
    """A part of the first hold is taken."""
    body = CaptureHold(1, won * WON, final)
    return Command("tv", "ann", "c1", b"c1", 2**50, "gateway", body)


def web(won: int) -> UsageFrame:
    """Use of the web."""
    return frame(event("usage.report", 1, session=None, content="web", meters={"bytes": won * WON}))


def lots(bench: Bench) -> dict[int, int]:
    """Won by lot."""
    wallet = bench.wallet()
    assert wallet is not None
    return {lot.id: lot.amount_micros // WON for lot in wallet.lots}


def debt(bench: Bench) -> int:
    """Owed, in won."""
    wallet = bench.wallet()
    assert wallet is not None
    return wallet.debt_micros // WON


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"only": ONLY_WEB}, id="money for that use alone"),
        pytest.param({"expires_ms": MINUTES_10_MS}, id="money that ends before the hold"),
    ],
)
def test_use_when_a_hold_needs_a_lot_then_other_money_pays_though_its_turn_is_later(
    bench: Bench, other: dict[str, Any]
) -> None:
    """The gift is first in the order of spending, but the hold can be captured of nothing else."""
    points = give_credit(100, "g2", bucket="points", **other)
    bench.feed(give_credit(100, "g1"), points, tick(0), place(100))
    bench.feed(web(60))
    assert lots(bench) == {1: 100, 2: 40}
    bench.feed(capture(100), stamp_ms=2 * MINUTES_10_MS)
    assert (lots(bench).get(1), debt(bench)) == (None, 0)


def test_use_when_only_a_part_is_held_then_the_rest_of_the_lot_pays_in_its_turn(
    bench: Bench,
) -> None:
    """Of a hold that was captured in part, what is left of it is still kept."""
    points = give_credit(100, "g2", bucket="points", only=ONLY_WEB)
    bench.feed(give_credit(100, "g1"), points, tick(0), place(60), capture(20, final=False))
    bench.feed(web(50))
    assert lots(bench) == {1: 40, 2: 90}


def test_use_when_all_other_money_is_gone_then_is_booked_of_what_is_held(bench: Bench) -> None:
    """Debt is made of nothing while there is any money."""
    points = give_credit(100, "g2", bucket="points", only=ONLY_WEB)
    bench.feed(give_credit(100, "g1"), points, tick(0), place(100))
    bench.feed(web(150))
    assert (lots(bench), debt(bench)) == ({1: 50, 2: 0}, 0)


def test_available_when_money_for_a_hold_ends_before_it_then_the_hold_is_not_covered_by_it(
    bench: Bench,
) -> None:
    """It would be gone when the hold is captured; what lasts is kept for that."""
    gift = give_credit(100, only=Only(contents=("news",)), expires_ms=MINUTES_10_MS)
    bench.feed(top_up(100), gift, tick(0), place(100, content="news"))
    wallet = bench.wallet()
    assert wallet is not None
    assert available(wallet, 0, Use(0, "web", "site")) == 0
    assert available(wallet, 0, Use(0, "news", "kbs")) == 100 * WON
